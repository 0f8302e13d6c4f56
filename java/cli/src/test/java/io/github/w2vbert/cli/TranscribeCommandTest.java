package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.W2vBert;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TranscribeCommandTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");

  @TempDir private Path folder;

  private static String plainText() throws IOException {
    return Cli.recorded(Cli.PLAIN).at("/text/0").asText();
  }

  @Test
  void printsTheRecordedTextOfOneFile() throws IOException {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN);

    assertEquals("", result.err());
    assertEquals(plainText() + "\n", result.out());
    assertEquals(0, result.status());
  }

  @ParameterizedTest
  @ValueSource(strings = {"float16", "bfloat16", "INT8"})
  void printsTheRecordedTextWithWeightsOfFewerBits(String weights) throws IOException {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--weights", weights);

    assertEquals("", result.err());
    assertEquals(plainText() + "\n", result.out());
  }

  @Test
  void otherWeightsAreRefused() {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--weights", "int4");

    assertEquals(2, result.status());
    assertTrue(
        result.err().contains("'int4' is not one of float32, float16, bfloat16, int8, float8"),
        result.err());
  }

  @Test
  void float8IsRefusedOnTheCpu() {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--weights", "float8");

    assertEquals(
        "w2vbert: weights of float8 are for a CUDA device; on the CPU a model has weights of float32,"
            + " float16, bfloat16 or int8\n",
        result.err());
    assertEquals(1, result.status());
  }

  @Test
  void computesOnTheDeviceThatIsNamed() throws IOException {
    assertEquals(
        plainText() + "\n",
        Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--device", "cpu").out());
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--device", "cuda");
    String problem = W2vBert.cudaProblem();
    if (problem.isEmpty()) { // a machine with a GPU
      assertEquals(plainText() + "\n", result.out());
    } else {
      assertEquals("", result.out());
      assertTrue(result.err().contains(problem), result.err());
      assertEquals(1, result.status());
    }
  }

  @Test
  void unknownDevicesAreRefused() {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--device", "tpu");

    assertEquals(2, result.status());
    assertTrue(
        result
            .err()
            .startsWith(
                "w2vbert: --device tpu: the device is 'tpu'; expected 'cpu', 'cuda', or 'cuda:0' to"
                    + " 'cuda:127'"),
        result.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--sessions 2", "--graphs 50", "--graphs none", "--memory-limit 8G", "--warm-up"})
  void optionsOfAGpuAreRefusedWithoutOne(String argument) {
    String[] words = argument.split(" ");
    Object[] arguments = {"transcribe", CLIP, "--model", "no-such-model", words[0]};
    Object[] all = Arrays.copyOf(arguments, arguments.length + words.length - 1);
    if (words.length == 2) {
      all[arguments.length] = words[1];
    }
    Cli.Result result = Cli.run(all);

    assertEquals(2, result.status());
    assertTrue(
        result
            .err()
            .startsWith(
                "w2vbert: "
                    + words[0]
                    + " has no effect without a GPU; choose one with --device cuda"),
        result.err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--sessions|0|--sessions 0: sessions is 0; expected 1 to 16",
        "--sessions|17|--sessions 17: sessions is 17; expected 1 to 16",
        "--graphs|200,100|--graphs 200,100: graphBuckets is [200, 100]; expected ascending numbers",
        "--graphs|0|--graphs 0: graphBuckets is [0]; expected ascending numbers of at least 1",
        "--graphs|100,|--graphs 100,: expected numbers such as 100,200,400, or none",
        "--graphs|-5|--graphs -5: expected numbers such as 100,200,400, or none",
        "--memory-limit|much|Invalid value for option '--memory-limit'",
      })
  void wrongOptionsOfAGpuAreRefused(String name, String value, String message) {
    Cli.Result result =
        Cli.run(
            "transcribe", CLIP, "--model", "no-such-model", "--device", "cuda", name + "=" + value);

    assertEquals(2, result.status());
    assertTrue(result.err().startsWith("w2vbert: " + message), result.err());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void namesSeveralFilesInOrderWhateverTheBatch(int batch) throws IOException {
    Path first = Cli.ADAPTER.resolve("audio_0.wav");
    Path second = Cli.ADAPTER.resolve("audio_1.wav");
    JsonNode texts = Cli.recorded(Cli.ADAPTER).at("/text_of_valid_frames_only");

    Cli.Result result =
        Cli.run("transcribe", second, first, second, "--model", Cli.ADAPTER, "--batch", batch);

    String secondLine = second + ": " + texts.get(1).asText() + "\n";
    String firstLine = first + ": " + texts.get(0).asText() + "\n";
    assertEquals("", result.err());
    assertEquals(secondLine + firstLine + secondLine, result.out());
    assertEquals(0, result.status());
  }

  @Test
  void jsonHasTheRecordedWordTimes() throws IOException {
    requireWordTimes(Cli.PLAIN, 1.0);
  }

  @Test
  void wordTimesCountTheStrideOfTheAdapter() throws IOException {
    requireWordTimes(Cli.ADAPTER, 1.5);
  }

  /** The recorded times are rounded to two places, which all frame times here have. */
  private static void requireWordTimes(Path model, double duration) throws IOException {
    Path clip = model.resolve("audio_0.wav");
    Cli.Result result = Cli.run("transcribe", clip, "--model", model, "--json");
    assertEquals("", result.err());
    assertEquals(1, result.out().lines().count(), result.out());

    JsonNode node = Cli.JSON.readTree(result.out());
    JsonNode recorded = Cli.recorded(model);
    assertEquals(clip.toString(), node.at("/file").asText());
    assertEquals(recorded.at("/text/0"), node.at("/text"));
    assertEquals(duration, node.at("/duration").asDouble());
    JsonNode words = recorded.at("/word_time_stamps/0");
    assertEquals(words.size(), node.at("/words").size());
    for (int i = 0; i < words.size(); i++) {
      JsonNode word = node.at("/words").get(i);
      String text = words.get(i).at("/word").asText().replace("<s>", ""); // no text of a word
      assertEquals(text, word.at("/word").asText());
      assertEquals(words.get(i).at("/start_time").asDouble(), word.at("/start").asDouble());
      assertEquals(words.get(i).at("/end_time").asDouble(), word.at("/end").asDouble());
    }
  }

  @Test
  void failedFilesAreReportedAndTheOthersTranscribed() throws IOException {
    Path missing = folder.resolve("missing.wav");
    Path text = Files.writeString(folder.resolve("text.wav"), "no audio at all");
    Path stereo = Cli.wav(folder.resolve("stereo.wav"), 16_000, new float[9000], new float[9000]);

    Cli.Result result =
        Cli.run("transcribe", missing, CLIP, stereo, text, CLIP, folder, "--model", Cli.PLAIN);

    assertEquals((CLIP + ": " + plainText() + "\n").repeat(2), result.out());
    List<String> errors = result.err().lines().toList();
    assertEquals(4, errors.size(), result.err());
    assertEquals("w2vbert: " + missing + ": no such file or folder", errors.get(0));
    assertTrue(errors.get(1).startsWith("w2vbert: " + stereo + " has 2 channels"), result.err());
    assertTrue(errors.get(2).contains(text.toString()), result.err());
    assertTrue(errors.get(3).startsWith("w2vbert: " + folder + ": "), result.err());
    assertEquals(1, result.status());
  }

  @Test
  void endsWhenNobodyReadsItsOutput() {
    Writer closed =
        new Writer() {
          @Override
          public void write(char[] characters, int offset, int length) throws IOException {
            throw new IOException("Broken pipe");
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    StringWriter err = new StringWriter();
    // The second file, which is missing, is not even looked for.
    String[] arguments = {
      "transcribe", CLIP.toString(), "no.wav", "--model", Cli.PLAIN.toString(), "--batch", "1"
    };

    int status =
        Main.commandLine()
            .setOut(new PrintWriter(closed, true))
            .setErr(new PrintWriter(err, true))
            .execute(arguments);

    assertEquals("w2vbert: standard output cannot be written\n", err.toString());
    assertEquals(1, status);
  }

  @Test
  void severalChannelsNeedAChoice() throws IOException {
    float[] speech = Audio.read(CLIP).samples();
    float[] silence = new float[speech.length];
    Path stereo = Cli.wav(folder.resolve("stereo.wav"), 16_000, silence, speech);
    Path twice = Cli.wav(folder.resolve("twice.wav"), 16_000, speech, speech);

    Cli.Result refused = Cli.run("transcribe", stereo, "--model", Cli.PLAIN);
    assertEquals(1, refused.status());
    assertEquals("", refused.out());
    assertEquals(
        "w2vbert: "
            + stereo
            + " has 2 channels; choose one with --channel N or take their mean with --mix\n",
        refused.err());

    String expected = plainText() + "\n";
    assertEquals(
        expected, Cli.run("transcribe", stereo, "--model", Cli.PLAIN, "--channel", 1).out());
    assertEquals(expected, Cli.run("transcribe", twice, "--model", Cli.PLAIN, "--mix").out());
    Cli.Result absent = Cli.run("transcribe", stereo, "--model", Cli.PLAIN, "--channel", 2);
    assertEquals(1, absent.status());
    assertTrue(absent.err().startsWith("w2vbert: " + stereo + ": "), absent.err());
  }

  @Test
  void durationIsThatOfTheRecording() throws IOException {
    Path file = Cli.wav(folder.resolve("slow.wav"), 8_000, new float[12_001]);

    Cli.Result result = Cli.run("transcribe", file, "--model", Cli.PLAIN, "--json");

    assertEquals(12_001 / 8_000.0, Cli.JSON.readTree(result.out()).at("/duration").asDouble());
  }

  @Test
  void recordingsWithoutAFrameHaveEmptyTexts() throws IOException {
    Path tooShort = Cli.wav(folder.resolve("short.wav"), 16_000, new float[100]);

    assertEquals("\n", Cli.run("transcribe", tooShort, "--model", Cli.PLAIN).out());
    Cli.Result several = Cli.run("transcribe", tooShort, CLIP, "--model", Cli.PLAIN);
    assertEquals(tooShort + ": \n" + CLIP + ": " + plainText() + "\n", several.out());
    assertEquals("", Cli.run("transcribe", tooShort, "--words", "--model", Cli.PLAIN).out());
    JsonNode node =
        Cli.JSON.readTree(Cli.run("transcribe", tooShort, "--json", "--model", Cli.PLAIN).out());
    assertEquals("", node.at("/text").asText());
    assertEquals(0, node.at("/words").size());
    assertEquals(0, several.status());
  }

  @Test
  void theStandardInputIsAFileToo() throws IOException {
    byte[] bytes = Files.readAllBytes(CLIP);

    Cli.Result alone = Cli.runWithInput(bytes, "transcribe", "-", "--model", Cli.PLAIN);
    assertEquals(plainText() + "\n", alone.out(), alone.err());
    Cli.Result both = Cli.runWithInput(bytes, "transcribe", CLIP, "-", "--model", Cli.PLAIN);
    assertEquals(CLIP + ": " + plainText() + "\n-: " + plainText() + "\n", both.out());

    Cli.Result empty = Cli.runWithInput(new byte[0], "transcribe", "-", "--model", Cli.PLAIN);
    assertEquals(1, empty.status());
    assertTrue(empty.err().startsWith("w2vbert: -: Cannot read audio stream: it is empty"));
  }
}
