package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Pooling;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpeakersCommandTest {
  private static final Path A = Cli.ADAPTER.resolve("audio_0.wav");
  private static final Path B = Cli.ADAPTER.resolve("audio_1.wav");
  private static final Path C = Cli.PLAIN.resolve("audio_0.wav");
  private static final double ROUNDING = 1e-5; // of neighbours in a batch
  private static final String X_VECTORS =
      "w2vbert: comparing the embeddings of Wav2Vec2BertForXVector\n";

  @TempDir private static Path models;
  private static Path model;

  @TempDir private Path folder;

  @BeforeAll
  static void saveModel() throws IOException {
    model = Models.xVector(models.resolve("model"));
  }

  private static List<float[]> xVectors() throws IOException {
    List<float[]> vectors = new ArrayList<>();
    try (var extractor = FeatureExtractor.fromPretrained(model);
        var head = Wav2Vec2BertForXVector.fromPretrained(model)) {
      for (Path clip : List.of(A, B, C)) {
        try (var features = extractor.extractRagged(List.of(Audio.read(clip)));
            var outputs = head.encode(features)) {
          vectors.add(outputs.get(0).embeddings().toFloatArray());
        }
      }
    }
    return vectors;
  }

  /** Layer -1 is the encoder's output. */
  private static List<float[]> pooled(Path folder, Pooling pooling, int layer) throws IOException {
    List<float[]> vectors = new ArrayList<>();
    try (var extractor = FeatureExtractor.fromPretrained(folder);
        var encoder = Wav2Vec2BertModel.fromPretrained(folder)) {
      for (Path clip : List.of(A, B, C)) {
        try (var features = extractor.extractRagged(List.of(Audio.read(clip)));
            var outputs = layer < 0 ? encoder.encode(features) : encoder.encode(features, layer)) {
          vectors.add(pooling.of(outputs.get(0), 0));
        }
      }
    }
    return vectors;
  }

  private static Cli.Result run(Path folder, Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("speakers", A, B, C, "--model", folder));
    arguments.addAll(List.of(options));
    return Cli.run(arguments.toArray());
  }

  private static void requireCosines(List<float[]> vectors, JsonNode node) {
    assertEquals(List.of(A, B, C), files(node));
    double[][] expected = Pooling.cosines(vectors);
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        double actual = node.at("/cosines/" + i + "/" + j).asDouble();
        assertEquals(expected[i][j], actual, ROUNDING, i + ", " + j);
      }
    }
  }

  private static List<Path> files(JsonNode node) {
    List<Path> files = new ArrayList<>();
    node.at("/files").forEach(file -> files.add(Path.of(file.asText())));
    return files;
  }

  @Test
  void jsonHasTheCosinesOfTheEmbeddings() throws IOException {
    Cli.Result result = run(model, "--json");

    assertEquals(X_VECTORS, result.err());
    assertEquals(0, result.status());
    requireCosines(xVectors(), Cli.JSON.readTree(result.out()));
  }

  @ParameterizedTest
  @CsvSource({
    "mean, -1, the mean of the encoder's output",
    "statistics, -1, the mean and standard deviation of the encoder's output",
    "mean, 0, the mean of layer 0",
    "statistics, 1, the mean and standard deviation of layer 1",
    "MEAN, 2, the mean of layer 2",
  })
  void hiddenStatesArePooledAsTheApiDoes(String pooling, int layer, String what)
      throws IOException {
    Cli.Result result =
        layer < 0
            ? run(Cli.ADAPTER, "--pool", pooling, "--json")
            : run(Cli.ADAPTER, "--pool", pooling, "--layer", layer, "--json");

    assertEquals("w2vbert: comparing " + what + "\n", result.err());
    requireCosines(
        pooled(Cli.ADAPTER, Pooling.valueOf(pooling.toUpperCase(Locale.ROOT)), layer),
        Cli.JSON.readTree(result.out()));
  }

  @Test
  void theMeanServesModelsWithoutEmbeddings() throws IOException {
    Cli.Result result = run(Cli.PLAIN, "--json");

    assertEquals("w2vbert: comparing the mean of the encoder's output\n", result.err());
    requireCosines(pooled(Cli.PLAIN, Pooling.MEAN, -1), Cli.JSON.readTree(result.out()));
  }

  @Test
  void hiddenStatesOfAnXVectorModelAreTakenIfAskedFor() throws IOException {
    Cli.Result result = run(model, "--layer", 1, "--json");

    assertEquals("w2vbert: comparing the mean of layer 1\n", result.err());
    requireCosines(pooled(model, Pooling.MEAN, 1), Cli.JSON.readTree(result.out()));
  }

  @Test
  void theTableIsAligned() throws IOException {
    double[][] cosines = Pooling.cosines(xVectors());
    Cli.Result result = run(model, "--batch", 1);

    List<String> lines = result.out().lines().toList();
    assertEquals(4, lines.size());
    int width = Math.max(A.toString().length(), C.toString().length()) + 2;
    assertEquals(" ".repeat(width + 2) + "      1        2        3", lines.get(0));
    for (int i = 0; i < 3; i++) {
      String expected = (i + 1) + " " + List.of(A, B, C).get(i);
      expected += " ".repeat(width + 2 - expected.length());
      expected +=
          String.format(
              Locale.ROOT, "%7.4f  %7.4f  %7.4f", cosines[i][0], cosines[i][1], cosines[i][2]);
      assertEquals(expected, lines.get(i + 1));
    }
  }

  @Test
  void tsvNamesRowsAndColumns() throws IOException {
    double[][] cosines = Pooling.cosines(xVectors());
    List<String> lines = run(model, "--batch", 1, "--tsv").out().lines().toList();

    assertEquals("\t" + A + "\t" + B + "\t" + C, lines.get(0));
    assertEquals(
        String.format(
            Locale.ROOT, "%s\t%.4f\t%.4f\t%.4f", B, cosines[1][0], cosines[1][1], cosines[1][2]),
        lines.get(2));
    assertEquals(4, lines.size());
  }

  /** The threshold lies between the largest cosine and the others. */
  @Test
  void thresholdMarksPairs() throws IOException {
    double[][] cosines = Pooling.cosines(xVectors());
    double[] pairs = {cosines[0][1], cosines[0][2], cosines[1][2]};
    double[] sorted = java.util.Arrays.stream(pairs).sorted().toArray();
    double threshold = (sorted[1] + sorted[2]) / 2;

    Cli.Result tsv = run(model, "--threshold", threshold, "--tsv");
    Cli.Result table = run(model, "--threshold", threshold);
    JsonNode node = Cli.JSON.readTree(run(model, "--threshold", threshold, "--json").out());

    List<String> expected = new ArrayList<>();
    Path[][] files = {{A, B}, {A, C}, {B, C}};
    for (int i = 0; i < 3; i++) {
      String mark = pairs[i] == sorted[2] ? "same" : "different";
      expected.add(
          String.format(Locale.ROOT, "%s\t%s\t%.4f\t%s", files[i][0], files[i][1], pairs[i], mark));
    }
    assertEquals(expected, tsv.out().lines().toList());
    assertEquals(expected, table.out().lines().map(line -> line.replaceAll(" +", "\t")).toList());
    assertEquals(threshold, node.at("/threshold").asDouble());
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        boolean same = node.at("/same/" + i + "/" + j).asBoolean();
        assertEquals(i == j || cosines[i][j] == sorted[2], same, i + ", " + j);
      }
    }
  }

  @Test
  void embeddingsAreWrittenInPlaceOfCosines() throws IOException {
    Path rows = folder.resolve("out.npy");
    Path tensors = folder.resolve("out.safetensors");
    Path other = Files.copy(C, folder.resolve("c.wav"));

    Cli.Result result = run(model, "-o", rows);
    assertEquals(new Cli.Result(0, "", X_VECTORS), result);
    Cli.run("speakers", A, B, other, "--model", model, "-o", tensors);

    List<float[]> expected = xVectors();
    Matrix stacked = Cli.readNpy(rows);
    assertEquals(3, stacked.rows());
    assertEquals(6, stacked.columns());
    var byName = Cli.readSafetensors(tensors);
    assertEquals(List.of("audio_0.wav", "audio_1.wav", "c.wav"), List.copyOf(byName.keySet()));
    for (int i = 0; i < 3; i++) {
      float[] row = java.util.Arrays.copyOfRange(stacked.values(), 6 * i, 6 * i + 6);
      assertArrayEquals(expected.get(i), row, (float) ROUNDING);
      Matrix tensor = List.copyOf(byName.values()).get(i);
      assertEquals(1, tensor.rows());
      assertArrayEquals(row, tensor.values());
    }
  }

  @ParameterizedTest
  @CsvSource({"--scores", "--tsv", "--json", "--threshold=0.5"})
  void scoresArePrintedBesidesIfAskedFor(String option) {
    Cli.Result result = run(model, "-o", folder.resolve("out.npy"), option);

    assertEquals(run(model, option).out(), result.out());
    assertTrue(!result.out().isEmpty());
    assertEquals(List.of("out.npy"), Cli.names(folder));
  }

  @Test
  void failedFilesAreLeftOutButRowsAreNotShifted() throws IOException {
    Path rows = folder.resolve("out.npy");
    Path tensors = folder.resolve("out.safetensors");

    Cli.Result first = Cli.run("speakers", A, "no.wav", B, "--model", model, "-o", rows, "--json");
    Cli.Result second = Cli.run("speakers", A, "no.wav", B, "--model", model, "-o", tensors);

    assertEquals(1, first.status());
    assertEquals(1, second.status());
    assertTrue(first.err().contains("w2vbert: no.wav: no such file or folder\n"), first.err());
    assertTrue(
        first
            .err()
            .endsWith(
                rows
                    + " is not written: its rows are those of all files, and 1 of 3"
                    + " failed\n"),
        first.err());
    assertEquals(List.of(A, B), files(Cli.JSON.readTree(first.out())));
    assertEquals(List.of("out.safetensors"), Cli.names(folder));
    assertEquals(2, Cli.readSafetensors(tensors).size());
  }

  @Test
  void absentLayersAreWrongUsage() {
    Cli.Result result = run(model, "--layer", 3);

    assertEquals(2, result.status());
    assertEquals(
        "w2vbert: --layer is 3; the model in "
            + model
            + " has the hidden states 0 to 2 (see w2vbert speakers --help)\n",
        result.err());
  }

  @Test
  void modelsThatAreNotThereAreRefused() {
    Cli.Result result = run(folder, "--json");

    assertEquals(
        "w2vbert: " + folder + " is not a model folder: it has no config.json\n", result.err());
    assertEquals("", result.out());
    assertEquals(1, result.status());
  }
}
