package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.transcript.Transcript;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlotCommandTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");

  @TempDir private Path folder;

  private static void plot(Path file, Path output, Object... options) {
    Object[] arguments = new Object[options.length + 6];
    Object[] first = {"plot", file, "-o", output, "--model", Cli.PLAIN};
    System.arraycopy(first, 0, arguments, 0, first.length);
    System.arraycopy(options, 0, arguments, first.length, options.length);
    Cli.Result result = Cli.run(arguments);
    assertEquals("", result.err());
    assertEquals("", result.out());
    assertEquals(0, result.status());
  }

  /** What the API gives for the clip, drawn. */
  private byte[] expected(String ending) throws IOException {
    Path file = folder.resolve("expected" + ending);
    Audio audio = Audio.read(CLIP);
    try (Transcriber transcriber = Transcriber.fromPretrained(Cli.PLAIN);
        Tensor mel = transcriber.processor().featureExtractor().fbank(audio)) {
      Transcript transcript = transcriber.transcribe(audio);
      PlotFile.write(
          new PlotData(
              "audio_0.wav",
              transcript.text(),
              audio,
              Matrix.of(mel),
              transcriber.score(audio, TranscribeOptions.DEFAULT),
              CtcVocabulary.of(
                  transcriber.processor().tokenizer(), transcriber.model().config().vocabSize()),
              transcriber.secondsPerFrame(),
              transcript.words()),
          file);
    }
    byte[] bytes = Files.readAllBytes(file);
    Files.delete(file);
    return bytes;
  }

  @Test
  void drawsWhatTheApiComputes() throws IOException {
    for (String ending : List.of(".html", ".png")) {
      Path output = Files.writeString(folder.resolve("out" + ending), "earlier");
      plot(CLIP, output);
      assertArrayEquals(expected(ending), Files.readAllBytes(output));
    }
    assertEquals(List.of("out.html", "out.png"), Cli.names(folder));
  }

  @Test
  void windowsChangeThePosteriors() throws IOException {
    Path whole = folder.resolve("whole.html");
    Path divided = folder.resolve("divided.html");
    plot(CLIP, whole);
    plot(CLIP, divided, "--window", 0.4, "--context", 0.1);
    assertNotEquals(Files.readString(whole), Files.readString(divided));
  }

  @Test
  void theStandardInputIsAFileToo() throws IOException {
    Path output = folder.resolve("out.html");
    Cli.Result result =
        Cli.runWithInput(Files.readAllBytes(CLIP), "plot", "-", "-o", output, "--model", Cli.PLAIN);
    assertEquals(0, result.status(), result.err());
    assertTrue(Files.readString(output).contains("stdin"));
  }

  @Test
  void recordingsWithoutAFrameAreDrawn() throws IOException {
    Path tooShort = Cli.wav(folder.resolve("short.wav"), 8_000, new float[100]);
    plot(tooShort, folder.resolve("short.html"));
    assertTrue(Files.readString(folder.resolve("short.html")).contains("nothing was recognised"));
  }

  @Test
  void failuresLeaveNothing() throws IOException {
    Path output = folder.resolve("out.html");
    Cli.Result missing = Cli.run("plot", "no.wav", "-o", output, "--model", Cli.PLAIN);
    assertEquals("w2vbert: no.wav: no such file or folder\n", missing.err());
    assertEquals(1, missing.status());
    assertEquals(List.of(), Cli.names(folder));

    Path lost = folder.resolve("none/out.png");
    Cli.Result noFolder = Cli.run("plot", CLIP, "-o", lost, "--model", "./no-model");
    assertEquals("w2vbert: " + lost.getParent() + ": no such file or folder\n", noFolder.err());
    assertEquals(1, noFolder.status());
  }
}
