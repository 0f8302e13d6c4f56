package io.github.w2vbert.cli;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.Pooling;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands embed and features. */
class MatrixCommandTest {
  private static final Path MODEL = Cli.ADAPTER;
  private static final Path LONG = MODEL.resolve("audio_0.wav");
  private static final Path SHORT = MODEL.resolve("audio_1.wav");
  private static final float ROUNDING = 1e-5f; // of neighbours in a batch, see Wav2Vec2BertModel

  @TempDir private Path folder;

  /** What the API gives for a clip; layer -1 is the encoder's output. */
  private static Matrix embedding(Path clip, int layer) throws IOException {
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(MODEL);
        Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(MODEL);
        RaggedFeatures features = extractor.extractRagged(List.of(Audio.read(clip)));
        BaseModelOutput output =
            (layer < 0 ? model.encode(features) : model.encode(features, layer)).get(0)) {
      return Matrix.of(output.lastHiddenState());
    }
  }

  private static Matrix features(Path clip) throws IOException {
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(MODEL);
        RaggedFeatures features =
            extractor.extractRagged(List.of(Audio.read(clip).resample(16_000)))) {
      return Matrix.of(features.frames());
    }
  }

  private static void requireEqual(Matrix expected, Matrix actual, float tolerance) {
    assertEquals(expected.rows(), actual.rows());
    assertEquals(expected.columns(), actual.columns());
    assertTrue(expected.rows() > 0);
    assertArrayEquals(expected.values(), actual.values(), tolerance);
  }

  private static void requireSuccess(Cli.Result result) {
    assertEquals(0, result.status(), result.err());
    assertEquals("", result.out());
    assertEquals("", result.err());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 1, 2})
  void embeddingsEqualTheApi(int layer) throws IOException {
    Path output = folder.resolve("out.safetensors");
    Object[] arguments = {"embed", LONG, SHORT, "--model", MODEL, "-o", output};
    requireSuccess(
        layer < 0
            ? Cli.run(arguments)
            : Cli.run(
                "embed", LONG, SHORT, "--model", MODEL, "--layer", layer, "--output", output));

    Map<String, Matrix> tensors = Cli.readSafetensors(output);
    assertEquals(List.of("audio_0.wav", "audio_1.wav"), List.copyOf(tensors.keySet()));
    requireEqual(embedding(LONG, layer), tensors.get("audio_0.wav"), ROUNDING);
    requireEqual(embedding(SHORT, layer), tensors.get("audio_1.wav"), ROUNDING);
    assertEquals(List.of("out.safetensors"), Cli.names(folder));
  }

  @Test
  void oneEmbeddingFitsANumpyFile() throws IOException {
    Path output = folder.resolve("out.npy");
    requireSuccess(Cli.run("embed", LONG, "--model", MODEL, "-o", output));

    requireEqual(embedding(LONG, -1), Cli.readNpy(output), 0);
    assertEquals(List.of("out.npy"), Cli.names(folder));
  }

  @ParameterizedTest
  @CsvSource({"mean, -1", "statistics, -1", "mean, 1", "statistics, 0"})
  void poolingMakesARowOfEachFile(String how, int layer) throws IOException {
    Pooling pooling = Pooling.valueOf(how.toUpperCase(Locale.ROOT));
    Path rows = folder.resolve("out.npy");
    Path tensors = folder.resolve("out.safetensors");
    for (Path output : List.of(rows, tensors)) {
      Object[] arguments = {"embed", LONG, SHORT, "--model", MODEL, "--pool", how, "-o", output};
      if (layer >= 0) {
        arguments = Stream.concat(Stream.of(arguments), Stream.of("--layer", layer)).toArray();
      }
      requireSuccess(Cli.run(arguments));
    }

    List<Path> clips = List.of(LONG, SHORT);
    Matrix stacked = Cli.readNpy(rows);
    assertEquals(2, stacked.rows());
    int width = (int) stacked.columns();
    for (int i = 0; i < clips.size(); i++) {
      Matrix frames = embedding(clips.get(i), layer);
      float[] expected = pooling.of(frames.values(), (int) frames.columns());
      Matrix row = Matrix.row(Arrays.copyOfRange(stacked.values(), i * width, i * width + width));
      requireEqual(Matrix.row(expected), row, ROUNDING);
      requireEqual(row, Cli.readSafetensors(tensors).get("audio_" + i + ".wav"), 0);
    }
  }

  @Test
  void rowsAreNotShiftedByFailedFiles() throws IOException {
    Path output = folder.resolve("out.npy");

    Cli.Result result =
        Cli.run("embed", LONG, "no.wav", "--model", MODEL, "--pool", "mean", "-o", output);

    assertEquals(
        "w2vbert: no.wav: no such file or folder\nw2vbert: "
            + output
            + " is not written: its rows are those of all files, and 1 of 2 failed\n",
        result.err());
    assertEquals(1, result.status());
    assertEquals(List.of(), Cli.names(folder));
  }

  /** The second layer is not even in the files. */
  @Test
  void laterLayersAreNotLoaded() throws IOException {
    Path model = folder.resolve("model");
    try (var first = Wav2Vec2BertModel.fromPretrained(MODEL, LoadOptions.DEFAULT.withLayer(1))) {
      first.savePretrained(model);
    }
    Files.copy(MODEL.resolve("config.json"), model.resolve("config.json"), REPLACE_EXISTING);
    Files.copy(
        MODEL.resolve("preprocessor_config.json"), model.resolve("preprocessor_config.json"));
    for (int layer : new int[] {0, 1}) {
      Path output = folder.resolve("out.npy");
      requireSuccess(Cli.run("embed", LONG, "--model", model, "--layer", layer, "-o", output));
      requireEqual(embedding(LONG, layer), Cli.readNpy(output), 0);
    }

    Path absent = folder.resolve("absent.npy");
    assertEquals(1, Cli.run("embed", LONG, "--model", model, "--layer", 2, "-o", absent).status());
  }

  @Test
  void featuresEqualTheApi() throws IOException {
    Path tensors = folder.resolve("out.safetensors");
    Path numpy = folder.resolve("out.npy");
    requireSuccess(Cli.run("features", SHORT, LONG, "--model", MODEL, "-o", tensors));
    requireSuccess(Cli.run("features", SHORT, "--model", MODEL, "-o", numpy));

    requireEqual(features(LONG), Cli.readSafetensors(tensors).get("audio_0.wav"), 0);
    requireEqual(features(SHORT), Cli.readSafetensors(tensors).get("audio_1.wav"), 0);
    requireEqual(features(SHORT), Cli.readNpy(numpy), 0);
  }

  @Test
  void otherSamplingRatesAreResampled() throws IOException {
    Path slow = folder.resolve("slow.wav");
    Audio.read(SHORT).resample(11_025).writeWav(slow);
    Path output = folder.resolve("out.npy");

    requireSuccess(Cli.run("features", slow, "--model", MODEL, "-o", output));

    requireEqual(features(slow), Cli.readNpy(output), 0);
  }

  @Test
  void namesThatJsonEscapesAreKept() throws IOException {
    Path odd = Files.copy(SHORT, folder.resolve("a \"quoted\" n\u00e4me\\.wav"));
    Path output = folder.resolve("out.safetensors");
    requireSuccess(Cli.run("features", odd, "--model", MODEL, "-o", output));

    assertEquals(
        List.of("a \"quoted\" n\u00e4me\\.wav"), List.copyOf(Cli.readSafetensors(output).keySet()));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 3})
  void absentLayersAreWrongUsage(int layer) {
    Cli.Result result =
        Cli.run("embed", LONG, "--model", MODEL, "--layer", layer, "-o", folder.resolve("out.npy"));

    assertEquals(2, result.status());
    assertEquals(
        "w2vbert: --layer is "
            + layer
            + "; the model in "
            + MODEL
            + " has the hidden states 0 to 2 (see w2vbert embed --help)\n",
        result.err());
    assertEquals(List.of(), Cli.names(folder));
  }

  @Test
  void theStandardInputIsAFileToo() throws IOException {
    Path output = folder.resolve("out.npy");
    Cli.Result result =
        Cli.runWithInput(
            Files.readAllBytes(SHORT), "features", "-", "--model", MODEL, "-o", output);
    requireSuccess(result);

    requireEqual(features(SHORT), Cli.readNpy(output), 0);
  }

  @Test
  void failedFilesAreLeftOut() throws IOException {
    Path inputs = Files.createDirectory(folder.resolve("in"));
    Path tooShort = Cli.wav(inputs.resolve("short.wav"), 16_000, new float[100]);
    Path output = folder.resolve("out.safetensors");

    Cli.Result result =
        Cli.run(
            "embed",
            LONG,
            tooShort,
            inputs.resolve("none.wav"),
            SHORT,
            "--model",
            MODEL,
            "-o",
            output);

    assertEquals(1, result.status());
    assertEquals(2, result.err().lines().count(), result.err());
    assertTrue(result.err().contains(tooShort.toString()), result.err());
    assertTrue(result.err().contains("none.wav"), result.err());
    Map<String, Matrix> tensors = Cli.readSafetensors(output);
    assertEquals(List.of("audio_0.wav", "audio_1.wav"), List.copyOf(tensors.keySet()));
    requireEqual(embedding(SHORT, -1), tensors.get("audio_1.wav"), ROUNDING);
  }

  @Test
  void withoutAnyResultTheOutputStaysAsItWas() throws IOException {
    Path output = Files.writeString(folder.resolve("out.npy"), "earlier result");

    assertEquals(1, Cli.run("features", "no.wav", "--model", MODEL, "-o", output).status());
    assertEquals(1, Cli.run("features", SHORT, "--model", "./no-model", "-o", output).status());

    assertEquals("earlier result", Files.readString(output));
    assertEquals(List.of("out.npy"), Cli.names(folder));
  }

  @Test
  void anExistingOutputIsReplaced() throws IOException {
    Path output = Files.writeString(folder.resolve("out.npy"), "earlier result");

    requireSuccess(Cli.run("features", SHORT, "--model", MODEL, "-o", output));

    requireEqual(features(SHORT), Cli.readNpy(output), 0);
  }

  @Test
  void outputsThatCannotBeWrittenAreRefused() throws IOException {
    Path lost = folder.resolve("none/out.npy");
    Cli.Result noFolder = Cli.run("features", SHORT, "--model", MODEL, "-o", lost);
    assertEquals(1, noFolder.status());
    assertEquals("w2vbert: " + lost.getParent() + ": no such file or folder\n", noFolder.err());

    Path directory = Files.createDirectory(folder.resolve("folder.npy"));
    Cli.Result isFolder = Cli.run("features", SHORT, "--model", MODEL, "-o", directory);
    assertEquals(1, isFolder.status());
    assertEquals("w2vbert: " + directory + ": is a folder; expected a file name\n", isFolder.err());
    assertEquals(List.of("folder.npy"), Cli.names(folder));
  }
}
