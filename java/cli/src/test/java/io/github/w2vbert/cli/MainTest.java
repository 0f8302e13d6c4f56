package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @ParameterizedTest
  @ValueSource(strings = {"transcribe", "embed", "features", "info", "doctor", "completion"})
  void everyCommandHasHelpWithExamples(String command) {
    Cli.Result result = Cli.run(command, "--help");

    assertEquals(0, result.status());
    assertEquals("", result.err());
    assertTrue(result.out().startsWith("Usage: w2vbert " + command), result.out());
    assertTrue(result.out().matches("(?s).*Examples:\\R.*w2vbert " + command + ".*"), result.out());
    assertTrue(Cli.run("--help").out().contains("  " + command), "listed in the main help");
  }

  @Test
  void versionIsThatOfTheBuild() {
    Cli.Result result = Cli.run("--version");

    assertEquals(0, result.status());
    assertTrue(result.out().matches("w2vbert \\d+\\.\\d+\\.\\d+(-SNAPSHOT)?\\R"), result.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bogus | 'bogus' (see w2vbert --help)",
        "transcribe | 'FILE' (see w2vbert transcribe --help)",
        "transcribe a.wav --bogus | '--bogus' (see w2vbert transcribe --help)",
        "transcribe a.wav --batch 0 | --batch is 0; expected 1 or more",
        "transcribe a.wav --batch x | 'x' is not an int",
        "transcribe a.wav --channel 0 --mix | mutually exclusive",
        "features a.wav --model m -o x.npy --channel -1 | --channel is -1; expected 0 or more",
        "embed a.wav -o x.npy | '--model=DIR'",
        "embed a.wav --model m | '--output=OUT'",
        "embed a.wav --model m -o x.bin | --output is x.bin; expected a name that ends in",
        "embed a.wav b.wav --model m -o x.npy | which holds one matrix, but 2 files are given",
        "features 1/a.wav 2/a.wav --model m -o x.safetensors | two files are named a.wav",
        "info | 'MODEL'",
      })
  void wrongUsageIsOneLineAndStatusTwo(String arguments, String message) {
    requireWrongUsage(Cli.run((Object[]) arguments.split(" ")), message);
  }

  @Test
  void aCommandIsNeeded() {
    requireWrongUsage(Cli.run(), "Missing required subcommand (see w2vbert --help)");
  }

  private static void requireWrongUsage(Cli.Result result, String message) {
    assertTrue(result.err().startsWith("w2vbert: "), result.err());
    assertTrue(result.err().contains(message), result.err());
    assertEquals(1, result.err().lines().count(), result.err());
    assertEquals("", result.out());
    assertEquals(2, result.status());
  }

  @Test
  void failureIsOneLineUnlessVerbose() {
    Cli.Result terse = Cli.run("info", "no-such-folder");
    assertEquals(1, terse.status());
    assertEquals(1, terse.err().lines().count(), terse.err());
    assertTrue(terse.err().startsWith("w2vbert: no-such-folder"), terse.err());

    Cli.Result verbose = Cli.run("info", "no-such-folder", "-v");
    assertEquals(1, verbose.status());
    assertTrue(verbose.err().startsWith(terse.err()), verbose.err());
    assertTrue(verbose.err().contains("\tat io.github.w2vbert."), verbose.err());
  }

  @Test
  void bashAcceptsTheCompletionScript(@TempDir Path folder)
      throws IOException, InterruptedException {
    Cli.Result result = Cli.run("completion");
    assertEquals(0, result.status());
    assertTrue(result.out().contains("transcribe"), "knows the commands");
    assertFalse(result.out().contains("generate-completion"));

    // Bash itself completes "w2vbert emb".
    Process bash = new ProcessBuilder("bash", "--norc").redirectErrorStream(true).start();
    try (var in = bash.getOutputStream()) {
      String script =
          result.out()
              + "\nCOMP_WORDS=(w2vbert emb); COMP_CWORD=1; _complete_w2vbert\n"
              + "echo \"${COMPREPLY[@]}\"\n";
      in.write(script.getBytes(StandardCharsets.UTF_8));
    }
    String completed = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor(), completed);
    assertEquals("embed", completed.strip());
  }
}
