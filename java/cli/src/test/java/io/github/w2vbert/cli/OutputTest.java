package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where transcribe and align write. */
class OutputTest {
  @TempDir private Path folder;
  private Path first;
  private Path second;

  @BeforeEach
  void copy() throws IOException {
    first = Files.copy(Cli.ADAPTER.resolve("audio_0.wav"), folder.resolve("first.wav"));
    second = Files.copy(Cli.ADAPTER.resolve("audio_1.wav"), folder.resolve("second.part.wav"));
  }

  private static String printed(Path file, String format) {
    Cli.Result result = Cli.run("transcribe", file, "--format", format, "--model", Cli.ADAPTER);
    assertEquals("", result.err());
    assertFalse(result.out().isBlank());
    return result.out();
  }

  private static void requireSilence(Cli.Result result) {
    assertEquals("", result.err());
    assertEquals("", result.out());
    assertEquals(0, result.status());
  }

  @ParameterizedTest
  @ValueSource(strings = {"txt", "json", "srt", "vtt", "tsv", "ctm", "TextGrid", "SRT"})
  void theNameSaysTheFormat(String extension) throws IOException {
    Path output = folder.resolve("out." + extension);

    requireSilence(Cli.run("transcribe", first, "-o", output, "--model", Cli.ADAPTER));

    assertEquals(printed(first, extension), Files.readString(output));
  }

  @Test
  void anExistingFileIsReplacedInTheFormatThatIsAskedFor() throws IOException {
    Path output = Files.writeString(folder.resolve("out.txt"), "earlier");

    requireSilence(
        Cli.run("transcribe", first, "--output", output, "--format=vtt", "--model", Cli.ADAPTER));

    assertEquals(printed(first, "vtt"), Files.readString(output));
  }

  @Test
  void linksStayLinks() throws IOException {
    Path target = Files.writeString(folder.resolve("target"), "earlier");
    Path link = Files.createSymbolicLink(folder.resolve("out.srt"), target);

    requireSilence(Cli.run("transcribe", first, "-o", link, "--model", Cli.ADAPTER));

    assertTrue(Files.isSymbolicLink(link));
    assertEquals(printed(first, "srt"), Files.readString(target));
  }

  @Test
  void namesMayBeAsLongAsTheSystemAllows() throws IOException {
    Path output = folder.resolve("n".repeat(251) + ".srt");

    requireSilence(Cli.run("transcribe", first, "-o", output, "--model", Cli.ADAPTER));

    assertEquals(printed(first, "srt"), Files.readString(output));
  }

  @Test
  void severalFilesFillAFolder() throws IOException {
    Path made = folder.resolve("made");
    for (int i = 0; i < 2; i++) { // made, then there
      requireSilence(
          Cli.run("transcribe", first, second, "--format=srt", "-o", made, "--model", Cli.ADAPTER));
      assertEquals(List.of("first.srt", "second.part.srt"), Cli.names(made));
    }
    assertEquals(printed(first, "srt"), Files.readString(made.resolve("first.srt")));
    assertEquals(printed(second, "srt"), Files.readString(made.resolve("second.part.srt")));

    requireSilence(Cli.run("transcribe", first, "-o", made, "--model", Cli.ADAPTER));
    assertEquals(printed(first, "text"), Files.readString(made.resolve("first.txt")));
  }

  @Test
  void theStandardInputHasAName() throws IOException {
    requireSilence(
        Cli.runWithInput(
            Files.readAllBytes(first), "transcribe", "-", "-o", folder, "--model", Cli.ADAPTER));

    assertEquals(printed(first, "text"), Files.readString(folder.resolve("stdin.txt")));
  }

  @Test
  void brokenFilesLeaveTheOthers() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken.wav"), "no audio at all");
    Path made = folder.resolve("made");

    Cli.Result result =
        Cli.run("transcribe", first, broken, second, "-o", made, "--model", Cli.ADAPTER);

    assertEquals(1, result.status());
    assertEquals(1, result.err().lines().count(), result.err());
    assertTrue(result.err().contains(broken.toString()), result.err());
    assertEquals(List.of("first.txt", "second.part.txt"), Cli.names(made));
  }

  @Test
  void withoutAnyResultNothingIsWritten() throws IOException {
    Path output = Files.writeString(folder.resolve("out.txt"), "earlier");
    Path made = folder.resolve("made");
    List<String> names = Cli.names(folder);

    assertEquals(1, Cli.run("transcribe", "no.wav", "-o", output, "--model", Cli.ADAPTER).status());
    assertEquals(1, Cli.run("transcribe", first, "-o", output, "--model", "./none").status());
    assertEquals(1, Cli.run("transcribe", first, second, "-o", made, "--model", "./none").status());
    assertEquals(2, Cli.run("transcribe", first, second, "-o", made, "--beam", 0).status());

    assertEquals("earlier", Files.readString(output));
    assertEquals(names, Cli.names(folder));
  }

  @Test
  void whatCannotBeWrittenIsSaidBeforeTheModelIsLoaded() throws IOException {
    Path lost = folder.resolve("none/out.txt");
    requireFailure(lost.getParent() + ": no such file or folder", "transcribe", first, "-o", lost);
    Path deep = folder.resolve("none/made");
    requireFailure(
        deep.getParent() + ": no such file or folder", "transcribe", first, second, "-o", deep);
    Path taken = Files.createDirectories(folder.resolve("made/first.txt")).getParent();
    requireFailure(
        taken.resolve("first.txt") + ": is no regular file; expected one, or a new name",
        "transcribe",
        first,
        second,
        "-o",
        taken);
    requireFailure(
        "/dev/null: is no regular file; expected one, or a new name",
        "transcribe",
        first,
        "--format",
        "srt",
        "-o",
        "/dev/null");
    assertEquals(List.of("first.txt"), Cli.names(taken));
  }

  private static void requireFailure(String message, Object... arguments) {
    Cli.Result result = Cli.run(arguments);
    assertEquals("w2vbert: " + message + "\n", result.err());
    assertEquals(1, result.status());
  }

  @Test
  void recordingsAreNotReplaced() throws IOException {
    Path odd = Files.copy(first, folder.resolve("odd.txt"));
    byte[] bytes = Files.readAllBytes(odd);
    requireWrongUsage("--output would replace the recording " + odd, odd, "-o", odd);
    requireWrongUsage("--output would replace the recording " + odd, odd, first, "-o", folder);
    assertEquals(bytes.length, Files.size(odd));
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    Path file = Files.writeString(folder.resolve("out.txt"), "earlier");
    requireWrongUsage(
        "--output is " + file + ", a file, but 2 files are given; name a folder",
        first,
        second,
        "-o",
        file);
    assertEquals("earlier", Files.readString(file));
  }

  private static void requireWrongUsage(String message, Object... arguments) {
    Object[] all = new Object[arguments.length + 1];
    all[0] = "transcribe";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    Cli.Result result = Cli.run(all);
    assertEquals("w2vbert: " + message + " (see w2vbert transcribe --help)\n", result.err());
    assertEquals(2, result.status());
  }
}
