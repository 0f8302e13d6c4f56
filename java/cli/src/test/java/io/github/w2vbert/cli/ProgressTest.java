package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final StringWriter written = new StringWriter();

  @Test
  void redrawsItsLine() {
    Progress progress = Progress.onTerminal(new PrintWriter(written), 3);
    progress.advance(1);
    progress.advance(3);
    progress.clear();

    String erase = "\r\u001b[K";
    assertEquals(
        erase
            + "[##########                    ] 1 of 3 files"
            + erase
            + "[##############################] 3 of 3 files"
            + erase,
        written.toString());
  }

  @Test
  void isSilentWithoutTerminal() {
    Progress progress = Progress.of(new PrintWriter(written), 3); // tests run without one
    progress.advance(1);
    progress.clear();

    assertEquals("", written.toString());
  }
}
