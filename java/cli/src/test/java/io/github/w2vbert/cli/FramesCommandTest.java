package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FramesCommandTest {
  private static final Path LONG = Cli.ADAPTER.resolve("audio_0.wav");
  private static final Path SHORT = Cli.ADAPTER.resolve("audio_1.wav");

  @TempDir private static Path models;
  private static Path plain; // a frame is 20 ms
  private static Path adapter; // a frame is 60 ms

  @TempDir private Path folder;

  @BeforeAll
  static void saveModels() throws IOException {
    plain = Models.frameClassifier(models.resolve("plain"));
    adapter =
        Models.frameClassifier(
            models.resolve("adapter"),
            Models.config().addAdapter(true).adapterKernelSize(3).adapterStride(3).build());
  }

  /** Of all frames and labels, in C order, by the API. */
  private static double[] probabilities(Path model, Path clip) throws IOException {
    try (var extractor = FeatureExtractor.fromPretrained(model);
        var classifier = Wav2Vec2BertForAudioFrameClassification.fromPretrained(model);
        var features = extractor.extractRagged(List.of(Audio.read(clip)));
        var outputs = classifier.encode(features)) {
      float[] scores = outputs.get(0).logits().toFloatArray();
      double[] probabilities = new double[scores.length];
      for (int i = 0; i < scores.length; i++) {
        probabilities[i] = 1 / (1 + Math.exp(-scores[i]));
      }
      return probabilities;
    }
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
  }

  /** What a frame is said to be: the intervals in JSON, sampled in the middle of every frame. */
  private static boolean[] sampled(JsonNode node, int frames, double frameSeconds) {
    int labels = Models.LABELS.size();
    boolean[] active = new boolean[frames * labels];
    for (JsonNode interval : node.at("/intervals")) {
      int label = Models.LABELS.indexOf(interval.at("/label").asText());
      for (int t = 0; t < frames; t++) {
        double middle = Math.min((t + 0.5) * frameSeconds, node.at("/duration").asDouble() - 1e-4);
        if (interval.at("/start").asDouble() < middle && middle < interval.at("/end").asDouble()) {
          active[t * labels + label] = true;
        }
      }
    }
    return active;
  }

  @ParameterizedTest
  @CsvSource({"0.02, false", "0.06, true"})
  void jsonCoversTheFramesAboveTheThreshold(double frameSeconds, boolean adapts)
      throws IOException {
    Path model = adapts ? adapter : plain;
    double[] probabilities = probabilities(model, LONG);
    double threshold = median(probabilities);

    Cli.Result result =
        Cli.run("frames", LONG, "--model", model, "--threshold", threshold, "--json");
    assertEquals("", result.err());
    assertEquals(1, result.out().lines().count());

    JsonNode node = Cli.JSON.readTree(result.out());
    Audio audio = Audio.read(LONG);
    double duration = (double) audio.length() / audio.sampleRate();
    assertEquals(LONG.toString(), node.at("/file").asText());
    assertEquals(duration, node.at("/duration").asDouble());
    boolean[] active = sampled(node, probabilities.length / Models.LABELS.size(), frameSeconds);
    for (int i = 0; i < probabilities.length; i++) {
      assertEquals(probabilities[i] > threshold, active[i], "number " + i + " of " + node);
    }
    for (JsonNode interval : node.at("/intervals")) {
      double end = interval.at("/end").asDouble();
      double frames = end / frameSeconds;
      assertTrue(end == duration || Math.abs(frames - Math.rint(frames)) < 1e-9, node.toString());
      assertTrue(interval.at("/probability").asDouble() > threshold, node.toString());
    }
  }

  private static List<Interval> intervals(Path clip, Interval.Options options) throws IOException {
    return Interval.find(probabilities(plain, clip), Models.LABELS.size(), options);
  }

  @Test
  void gapsAndLengthsAreInSeconds() throws IOException {
    double threshold = median(probabilities(plain, LONG));
    List<Interval> expected = intervals(LONG, new Interval.Options(threshold, 3, 4));
    assertTrue(
        expected.size() < intervals(LONG, new Interval.Options(threshold, 3, 0)).size()
            && !expected.equals(intervals(LONG, new Interval.Options(threshold, 4, 4)))
            && !expected.equals(intervals(LONG, new Interval.Options(threshold, 2, 4))),
        "the options matter");

    Cli.Result result =
        Cli.run(
            "frames",
            LONG,
            "--model",
            plain,
            "--threshold",
            threshold,
            "--min-gap",
            "0.06",
            "--min-length",
            "0.08",
            "--json");

    List<String> actual = new ArrayList<>();
    for (JsonNode interval : Cli.JSON.readTree(result.out()).at("/intervals")) {
      actual.add(
          interval.at("/label").asText()
              + " "
              + Math.round(interval.at("/start").asDouble() / 0.02)
              + " "
              + Math.round(interval.at("/end").asDouble() / 0.02));
    }
    assertEquals(
        expected.stream()
            .map(i -> Models.LABELS.get(i.label()) + " " + i.begin() + " " + i.end())
            .toList(),
        actual);
  }

  @Test
  void textAndRttmAndCsvSayTheSame() throws IOException {
    double threshold = median(probabilities(plain, SHORT));
    List<String> text =
        Cli.run("frames", SHORT, "--model", plain, "--threshold", threshold).out().lines().toList();
    List<String> rttm =
        Cli.run("frames", SHORT, "--model", plain, "--threshold", threshold, "--rttm")
            .out()
            .lines()
            .toList();
    List<String> csv =
        Cli.run("frames", SHORT, "--model", plain, "--threshold", threshold, "--csv")
            .out()
            .lines()
            .toList();

    assertTrue(text.size() > 3, text.toString());
    assertEquals(text.size(), rttm.size());
    assertEquals("file,label,start,end,probability", csv.get(0));
    assertEquals(text.size(), csv.size() - 1);
    for (int i = 0; i < text.size(); i++) {
      String[] words = text.get(i).split(" ", 3);
      String[] fields = rttm.get(i).split(" ");
      assertEquals(10, fields.length, rttm.get(i));
      assertEquals(
          "SPEAKER audio_1 1 " + words[0], String.join(" ", List.of(fields).subList(0, 4)));
      assertEquals(
          Double.parseDouble(words[1]),
          Double.parseDouble(fields[3]) + Double.parseDouble(fields[4]),
          1e-9);
      assertEquals(words[2].replace(' ', '_'), fields[7]);
      assertTrue(
          csv.get(i + 1)
              .startsWith(String.join(",", SHORT.toString(), words[2], words[0], words[1]) + ",0."),
          csv.get(i + 1));
    }
  }

  @Test
  void severalFilesAreNamedInTextOnly() {
    for (String line : run().lines().toList()) {
      assertTrue(line.startsWith(LONG + ": ") || line.startsWith(SHORT + ": "), line);
    }
    assertTrue(run("--rttm").lines().allMatch(line -> line.startsWith("SPEAKER audio_")));
    assertEquals(1, run("--csv").lines().filter(line -> line.startsWith("file,")).count());
  }

  private static String run(Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("frames", LONG, SHORT, "--model", plain));
    arguments.addAll(List.of(options));
    Cli.Result result = Cli.run(arguments.toArray());
    assertEquals(0, result.status(), result.err());
    assertTrue(!result.out().isEmpty());
    return result.out();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--json", "--rttm", "--csv"})
  void filesHoldWhatWouldBePrinted(String format) throws IOException {
    Path output = Files.writeString(folder.resolve("out"), "earlier result");

    Cli.Result result = Cli.run("frames", LONG, SHORT, "--model", plain, format, "-o", output);

    assertEquals(new Cli.Result(0, "", ""), result);
    assertEquals(run(format), Files.readString(output));
    assertEquals(List.of("out"), Cli.names(folder));
  }

  @Test
  void failedFilesAreLeftOut() throws IOException {
    Path output = folder.resolve("out.rttm");

    Cli.Result result =
        Cli.run("frames", "no.wav", SHORT, "--model", plain, "--rttm", "-o", output);

    assertEquals("w2vbert: no.wav: no such file or folder\n", result.err());
    assertEquals(1, result.status());
    assertEquals(
        Cli.run("frames", SHORT, "--model", plain, "--rttm").out(), Files.readString(output));
  }

  @Test
  void withoutAnyResultTheOutputStaysAsItWas() throws IOException {
    Path output = Files.writeString(folder.resolve("out"), "earlier result");

    assertEquals(1, Cli.run("frames", "no.wav", "--model", plain, "-o", output).status());
    assertEquals(1, Cli.run("frames", LONG, "--model", "no-model", "-o", output).status());

    assertEquals("earlier result", Files.readString(output));
    assertEquals(List.of("out"), Cli.names(folder));
  }

  @Test
  void outputsThatCannotBeWrittenAreRefused() {
    Path lost = folder.resolve("none/out.rttm");
    Cli.Result noFolder = Cli.run("frames", SHORT, "--model", plain, "-o", lost);
    assertEquals("w2vbert: " + lost.getParent() + ": no such file or folder\n", noFolder.err());
    assertEquals(1, noFolder.status());

    Cli.Result isFolder = Cli.run("frames", SHORT, "--model", plain, "-o", folder);
    assertEquals("w2vbert: " + folder + ": is a folder; expected a file name\n", isFolder.err());
    assertEquals(List.of(), Cli.names(folder));
  }

  @Test
  void otherModelsAreRefused() {
    Cli.Result result = Cli.run("frames", LONG, "--model", Cli.PLAIN);

    assertEquals(
        "w2vbert: "
            + Cli.PLAIN
            + " holds a Wav2Vec2BertForCTC; expected a Wav2Vec2BertForAudioFrameClassification\n",
        result.err());
    assertEquals(1, result.status());
  }
}
