package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClassifyCommandTest {
  private static final Path LONG = Cli.ADAPTER.resolve("audio_0.wav");
  private static final Path SHORT = Cli.ADAPTER.resolve("audio_1.wav");
  private static final float ROUNDING = 1e-5f; // of neighbours in a batch

  @TempDir private static Path models;
  private static Path model;

  @TempDir private Path folder;

  @BeforeAll
  static void saveModel() throws IOException {
    model = Models.sequenceClassifier(models.resolve("model"));
  }

  private static float[] probabilities(Path clip) throws IOException {
    try (var extractor = FeatureExtractor.fromPretrained(model);
        var classifier = Wav2Vec2BertForSequenceClassification.fromPretrained(model);
        var features = extractor.extractRagged(List.of(Audio.read(clip)));
        var outputs = classifier.encode(features)) {
      return outputs.get(0).probabilities(0);
    }
  }

  /** Labels by falling probability, written naively. */
  private static String line(float[] probabilities, int top) {
    List<String> parts = new ArrayList<>();
    boolean[] used = new boolean[probabilities.length];
    for (int n = 0; n < Math.min(top, probabilities.length); n++) {
      int best = -1;
      for (int i = 0; i < probabilities.length; i++) {
        if (!used[i] && (best < 0 || probabilities[i] > probabilities[best])) {
          best = i;
        }
      }
      used[best] = true;
      parts.add(
          String.format(Locale.ROOT, "%s %.4f", Models.LABELS.get(best), probabilities[best]));
    }
    return String.join(", ", parts);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 9})
  void printsTheBestLabelsOfTheApi(int top) throws IOException {
    Cli.Result result = Cli.run("classify", LONG, "--model", model, "--top", top);

    assertEquals("", result.err());
    assertEquals(line(probabilities(LONG), top) + "\n", result.out());
    assertEquals(0, result.status());
  }

  @Test
  void namesSeveralFilesInOrder() throws IOException {
    Cli.Result result = Cli.run("classify", SHORT, LONG, "--model", model, "--batch", 1);

    assertEquals(
        SHORT
            + ": "
            + line(probabilities(SHORT), 5)
            + "\n"
            + LONG
            + ": "
            + line(probabilities(LONG), 5)
            + "\n",
        result.out());
  }

  @Test
  void jsonEqualsTheApi() throws IOException {
    Cli.Result result = Cli.run("classify", LONG, SHORT, "--model", model, "--json");
    assertEquals(0, result.status(), result.err());

    List<String> lines = result.out().lines().toList();
    assertEquals(2, lines.size());
    requireJson(LONG, Cli.JSON.readTree(lines.get(0)));
    requireJson(SHORT, Cli.JSON.readTree(lines.get(1)));
  }

  private static void requireJson(Path clip, JsonNode node) throws IOException {
    Audio audio = Audio.read(clip);
    assertEquals(clip.toString(), node.at("/file").asText());
    assertEquals((double) audio.length() / audio.sampleRate(), node.at("/duration").asDouble());
    Map<String, Double> actual = new HashMap<>();
    double previous = 1;
    for (JsonNode label : node.at("/labels")) {
      double probability = label.at("/probability").asDouble();
      assertTrue(probability <= previous, node.toString());
      actual.put(label.at("/label").asText(), probability);
      previous = probability;
    }
    float[] expected = probabilities(clip);
    assertEquals(expected.length, actual.size());
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual.get(Models.LABELS.get(i)), ROUNDING);
    }
  }

  @Test
  void failedFilesAreReportedAndTheOthersClassified() throws IOException {
    Path missing = folder.resolve("none.wav");

    Cli.Result result = Cli.run("classify", missing, LONG, "--model", model);

    assertEquals("w2vbert: " + missing + ": no such file or folder\n", result.err());
    assertEquals(LONG + ": " + line(probabilities(LONG), 5) + "\n", result.out());
    assertEquals(1, result.status());
  }

  @Test
  void otherModelsAreRefused() {
    Cli.Result result = Cli.run("classify", LONG, "--model", Cli.PLAIN);

    assertEquals(
        "w2vbert: "
            + Cli.PLAIN
            + " holds a Wav2Vec2BertForCTC; expected a Wav2Vec2BertForSequenceClassification\n",
        result.err());
    assertEquals("", result.out());
    assertEquals(1, result.status());
  }

  /** A folder that does not say what it holds is tried. */
  @Test
  void foldersWithoutArchitecturesAreTried() throws IOException {
    for (String name : Cli.names(model)) {
      Files.copy(model.resolve(name), folder.resolve(name));
    }
    var config = Models.readConfig(folder);
    config.remove("architectures");
    Models.writeConfig(folder, config);

    assertEquals(
        line(probabilities(LONG), 5) + "\n", Cli.run("classify", LONG, "--model", folder).out());
  }

  @Test
  void foldersWithoutFeatureExtractorAreRefused() throws IOException {
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(model.resolve(name), folder.resolve(name));
    }

    Cli.Result result = Cli.run("classify", LONG, "--model", folder);

    assertEquals("w2vbert: " + folder + " has no preprocessor_config.json\n", result.err());
    assertEquals(1, result.status());
  }
}
