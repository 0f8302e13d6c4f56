package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DownloadProgressTest {
  private static final String ERASE = "\r\u001b[K";
  private static final String LINE_END = System.lineSeparator();

  private final StringWriter written = new StringWriter();

  private DownloadProgress onTerminal() {
    return DownloadProgress.onTerminal(new PrintWriter(written));
  }

  @Test
  void drawsALinePerFile() {
    DownloadProgress progress = onTerminal();
    progress.advance("config.json", 0, 2000);
    progress.advance("config.json", 2000, 2000);
    progress.advance("model.safetensors", 1_210_000_000, 2_420_000_000L);
    progress.advance("model.safetensors", 2_420_000_000L, 2_420_000_000L);

    assertEquals(
        ERASE
            + "config.json [                              ] 0.0 kB of 2.0 kB"
            + ERASE
            + "config.json [##############################] 2.0 kB of 2.0 kB"
            + LINE_END
            + ERASE
            + "model.safetensors [###############               ] 1.21 GB of 2.42 GB"
            + ERASE
            + "model.safetensors [##############################] 2.42 GB of 2.42 GB"
            + LINE_END,
        written.toString());
  }

  @Test
  void drawsOnlyWhatChanges() {
    DownloadProgress progress = onTerminal();
    progress.advance("a", 1_000_000, 9_000_000);
    String once = written.toString();
    progress.advance("a", 1_000_001, 9_000_000);
    assertEquals(once, written.toString());
  }

  @Test
  void emptyFilesAndFilesOfUnknownSizeWork() {
    DownloadProgress progress = onTerminal();
    progress.advance("empty", 0, 0);
    progress.advance("unknown", 1500, -1);
    assertEquals(
        ERASE
            + "empty [##############################] 0.0 kB of 0.0 kB"
            + LINE_END
            + ERASE
            + "unknown 1.5 kB",
        written.toString());
  }

  @Test
  void unfinishedLinesAreEndedOnce() {
    DownloadProgress progress = onTerminal();
    progress.advance("a", 1, -1);
    progress.advance("b", 2, -1);
    progress.close();
    progress.close();
    assertEquals(ERASE + "a 0.0 kB" + LINE_END + ERASE + "b 0.0 kB" + LINE_END, written.toString());
  }

  @Test
  void isSilentWithoutTerminal() {
    DownloadProgress progress = DownloadProgress.of(new PrintWriter(written), Map.of());
    progress.advance("a", 1, 2); // tests run without a terminal
    progress.close();
    assertEquals("", written.toString());
  }
}
