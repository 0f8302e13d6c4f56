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
  @ValueSource(
      strings = {
        "transcribe",
        "align",
        "plot",
        "embed",
        "features",
        "classify",
        "speakers",
        "frames",
        "finetune",
        "evaluate",
        "convert",
        "info",
        "doctor",
        "completion"
      })
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
        "transcribe a.wav --channel 0 --mix | w2vbert: --channel=N, --mix are mutually exclusive",
        "transcribe a.wav --format mp3 | there is no transcript format 'mp3'; expected one of txt,",
        "transcribe a.wav -o a | a has no extension; expected one of txt, json, srt",
        "transcribe a.wav -o a.doc | there is no transcript format 'doc'",
        "transcribe a.wav b.wav --format srt | --format srt holds one recording, but 2 files",
        "transcribe 1/a.wav 2/a.mp3 -o out | 1/a.wav and 2/a.mp3 would both be written to out/a.txt",
        "transcribe - a.wav - | - is given twice; the standard input can be read once",
        "transcribe a.wav --json --format srt | --json prints lines to the standard output",
        "transcribe a.wav --json -o a.json | use --format json with --output",
        "transcribe a.wav --json --words | --words is for text, but --json is asked for",
        "transcribe a.wav --format srt --words | --words is for text, but the format srt is asked",
        "transcribe a.wav --words --n-best 2 | --words and --n-best ask for different lines",
        "transcribe a.wav -o a.TextGrid --n-best 2 | --n-best is for text and JSON, but the format textgrid",
        "transcribe a.wav --vad --n-best 2 | --n-best is for whole recordings, but --vad divides",
        "transcribe a.wav --vad-threshold 9 | --vad-threshold has no effect without --vad",
        "transcribe a.wav --vad --vad-threshold 0 | --vad-threshold 0.0: threshold is 0.0, expected",
        "transcribe a.wav --context 1 | --context has no effect without --window",
        "transcribe a.wav --window 0 | --window 0.0: seconds is 0.0; expected more than 0",
        "transcribe a.wav --window NaN | --window NaN: seconds is NaN; expected more than 0",
        "transcribe a.wav --window 8 --context 4 | --window 8.0 --context 4.0: context is 4.0; expected",
        "transcribe a.wav --max-line 9 | --max-line has no effect without segments, and the format text",
        "transcribe a.wav --format ctm --segment-seconds 9 | --segment-seconds has no effect",
        "transcribe a.wav --format srt --max-lines 0 | --max-lines 0: lines is 0",
        "transcribe a.wav --beam 0 | --beam 0: beamWidth is 0, expected from 1 to 100000",
        "transcribe a.wav --beam 5 --lm x --beam 6 | option '--beam' should be specified only once",
        "transcribe a.wav --batch 5 --batch 6 | option '--batch' (N) should be specified only once",
        "transcribe a.wav --n-best 0 | --n-best 0: nBest is 0, expected at least 1",
        "transcribe a.wav --lm x --lm-weight -1 | --lm-weight -1.0: modelWeight is -1.0, expected",
        "transcribe a.wav --hotword-weight 1 | --hotword-weight has no effect without --hotword or",
        "align a.wav | Missing required argument (specify one of these): (--text=TEXT",
        "align a.wav --text a --text-file b | mutually exclusive",
        "align a.wav b.wav --text a | --text is for one file, but 2 files are given; use --text-dir",
        "align a.wav b.wav --text-file a | --text-file is for one file, but 2 files",
        "align a.wav --text a --band 0 | --band is 0.0; expected a finite number above 0",
        "align a.wav --text a --band NaN | --band is NaN; expected a finite number above 0",
        "align a.wav --text a --max-line 5 | --max-line has no effect without segments",
        "plot a.wav | '--output=OUT'",
        "plot a.wav -o a.jpg | --output a.jpg ends in .jpg; expected a name that ends in .html",
        "plot a.wav b.wav -o a.png | a plot shows one file, but 2 files are given",
        "features a.wav --model m -o x.npy --channel -1 | --channel is -1; expected 0 or more",
        "embed a.wav -o x.npy | '--model=MODEL'",
        "embed a.wav --model m | '--output=OUT'",
        "embed a.wav --model m -o x.bin | --output is x.bin; expected a name that ends in",
        "embed a.wav b.wav --model m -o x.npy | which holds one matrix, but 2 files are given",
        "features 1/a.wav 2/a.wav --model m -o x.safetensors | two files are named a.wav",
        "embed a.wav --model m -o x.npy --pool max | 'max' is not one of mean, statistics",
        "classify a.wav | '--model=MODEL'",
        "classify a.wav --model m --top 0 | --top is 0; expected 1 or more",
        "classify a.wav --model m --batch 0 | --batch is 0; expected 1 or more",
        "speakers a.wav --model m --threshold 1.5 | --threshold is 1.5; expected a number from -1",
        "speakers a.wav --model m --threshold NaN | --threshold is NaN; expected a number from -1",
        "speakers a.wav --model m --json --tsv | mutually exclusive",
        "speakers a.wav --model m -o x.bin | --output is x.bin; expected a name that ends in",
        "speakers 1/a.wav 2/a.wav --model m -o x.safetensors | two files are named a.wav",
        "frames a.wav --model m --threshold -0.1 | --threshold is -0.1; expected a number from 0",
        "frames a.wav --model m --threshold NaN | --threshold is NaN; expected a number from 0",
        "frames a.wav --model m --min-gap -1 | --min-gap is -1.0; expected 0 or more seconds",
        "frames a.wav --model m --min-length x | 'x' is not a double",
        "frames a.wav --model m --min-length NaN | --min-length is NaN; expected 0 or more seconds",
        "frames a.wav --model m --json --rttm | mutually exclusive",
        "frames 1/a.wav 2/a.mp3 --model m --rttm | two recordings are named a",
        "finetune --task ctc --train t --out o | neither --model nor --config is given; expected at",
        "finetune --task ctc --train t --config c | '--out=OUT'",
        "finetune --task sing --train t --out o --model m | 'sing' is not one of ctc, classification,",
        "finetune --task ctc --train t --out o --model m --labels a,b | --labels has no effect without",
        "finetune --task ctc --train t --out o --model m --epochs 0 | --epochs 0: epochs is 0; expected",
        "finetune --task ctc --train t --out o --model m --warmup 2 | --warmup 2.0: warmup is 2.0;",
        "finetune --task ctc --train t --out o --model m --snr 1,2 | --snr has no effect without --noise",
        "finetune --task ctc --train t --out o --model m --noise 1 --snr 9,2 | --noise 1.0: the ratio of",
        "finetune --task ctc --train t --out o --model m --noise 1 --snr 9 | --snr is [9.0]; expected two",
        "finetune --task ctc --train t --out o --model m --speeds 0.9,9 | --speeds [0.9, 9.0]: speed is",
        "finetune --task ctc --train t --out o --model m --average 1 | --average 1.0: averageDecay is 1.0",
        "finetune --task ctc --train t --out o --model m --schedule step | 'step' is not one of constant,",
        "finetune --task ctc --train t --out o --model m --autocast int8 | 'int8' is not one of float32, float16, bfloat16",
        "evaluate --data d | '--model=MODEL'",
        "evaluate --model m | '--data=MANIFEST'",
        "convert --model m | '--output=OUT'",
        "convert --model m -o x --dtype int8 | 'int8' is not one of float32, float16, bfloat16",
        "convert --model m -o x --shard-size 2XB | '2XB' is not a size such as 2GB",
        "convert --model m -o x --class Bert | 'Bert' is not one of Wav2Vec2BertModel, Wav2Vec2Be",
        "info a b | Unmatched argument at index 2: 'b'",
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
    Cli.Result terse = Cli.run("info", "./no-such-folder");
    assertEquals(1, terse.status());
    assertEquals(1, terse.err().lines().count(), terse.err());
    assertTrue(terse.err().startsWith("w2vbert: './no-such-folder' is not"), terse.err());

    Cli.Result verbose = Cli.run("info", "./no-such-folder", "-v");
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
