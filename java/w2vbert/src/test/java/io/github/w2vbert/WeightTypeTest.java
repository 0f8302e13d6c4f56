package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.AnyModel.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Models whose matrices are stored in fewer bits than float32. */
class WeightTypeTest {
  /**
   * How far logits, or hidden states of a model without a head, may be from the recorded ones: the
   * root of the mean square of the differences, over that of the recorded numbers. A weight is
   * rounded to 2^-12 (float16) or 2^-9 (bfloat16) of itself at most, or (int8) to 1 / 254 of the
   * largest of its row; attention, sharp in the recorded models, magnifies the errors of queries
   * and keys.
   */
  private static final Map<WeightType, Double> TOLERANCES =
      Map.of(
          WeightType.FLOAT32, 1e-5,
          WeightType.FLOAT16, 1e-3,
          WeightType.BFLOAT16, 1e-2,
          WeightType.INT8, 2e-2);

  private static final Map<WeightType, Double> LARGEST = new EnumMap<>(WeightType.class);

  /** Those that the CPU has. */
  private static final String ON_CPU = "FLOAT32|FLOAT16|BFLOAT16|INT8";

  private static double relativeRms(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double error = 0;
    double power = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow(actual[i] - expected[i], 2);
      power += expected[i] * expected[i];
    }
    return Math.sqrt(error / power);
  }

  private static Stream<DynamicTest> tests(Collection<Path> folders, ThrowingTest body) {
    return Arrays.stream(WeightType.values())
        .filter(type -> type.name().matches(ON_CPU))
        .flatMap(
            type ->
                folders.stream()
                    .map(
                        folder ->
                            dynamicTest(
                                type + " " + folder.getFileName(), () -> body.run(folder, type))));
  }

  private interface ThrowingTest {
    void run(Path folder, WeightType type) throws IOException;
  }

  @TestFactory
  Stream<DynamicTest> recordedModelsGiveNearlyTheRecordedResults() {
    return tests(
        Golden.cases("models"),
        (folder, type) -> {
          JsonNode json = Golden.json(folder.resolve("case.json"));
          var inputs = SafetensorsReader.read(folder.resolve("inputs.safetensors"));
          var outputs = SafetensorsReader.read(folder.resolve("outputs.safetensors"));
          String name = outputs.containsKey("logits") ? "logits" : "last_hidden_state";
          JsonNode call = json.get("call");
          try (AnyModel model =
                  AnyModel.load(
                      json.get("class").textValue(),
                      folder,
                      LoadOptions.DEFAULT.withWeights(type));
              Features features =
                  new Features(
                      tensor(inputs, call, "input_features"),
                      tensor(inputs, call, "attention_mask"));
              Tensor maskTime = tensor(inputs, call, "mask_time_indices")) {
            Result result = model.forward(features, maskTime, null, OutputOptions.NONE);
            double error =
                relativeRms(
                    outputs.getOrDefault(name + "_f64", outputs.get(name)).doubles(),
                    result.values().get(name).numbers());
            assertTrue(
                error <= TOLERANCES.get(type), name + " is off by " + error + " of its size");
            LARGEST.merge(type, error, Math::max);
            for (ParameterInfo parameter : model.get().parameters()) {
              assertEquals(expectedType(parameter, type), parameter.dtype(), parameter.name());
            }
          }
        });
  }

  private static Tensor tensor(
      Map<String, SafetensorsReader.Entry> inputs, JsonNode call, String argument) {
    JsonNode name = call.get(argument);
    return name == null ? null : inputs.get(name.textValue()).tensor();
  }

  /** Weights of linear layers and pointwise or strided convolutions, but not those of heads. */
  private static boolean isMatrix(ParameterInfo parameter) {
    return parameter
        .name()
        .matches(
            "(wav2vec2_bert\\.)?(encoder|intermediate_ffn)\\.(.*\\.)?(linear_\\w+|\\w+_dense"
                + "|pointwise_conv\\d|proj|residual_conv|self_attn_conv)\\.weight");
  }

  /** Projections of values and of the outputs of attention and convolution keep more bits. */
  private static DType expectedType(ParameterInfo parameter, WeightType type) {
    if (!isMatrix(parameter)) {
      return DType.FLOAT32;
    }
    boolean sensitive =
        parameter.name().matches(".*\\.(linear_v|linear_out|pointwise_conv2)\\.weight");
    return type == WeightType.INT8 && sensitive ? DType.INT16 : type.dtype();
  }

  @AfterAll
  static void print() {
    LARGEST.forEach(
        (type, error) ->
            System.out.printf(
                Locale.ROOT, "weights: %s, recorded models: off by at most %.2g%n", type, error));
  }

  @TestFactory
  Stream<DynamicTest> recordingsGiveTheRecordedTexts() {
    return tests(
        Golden.cases("e2e"),
        (folder, type) -> {
          JsonNode recorded = Golden.json(folder.resolve("case.json"));
          double[] logits =
              SafetensorsReader.read(folder.resolve("outputs.safetensors"))
                  .get("logits_f64")
                  .doubles();
          List<Audio> clips = new ArrayList<>();
          for (int i = 0; i < recorded.get("audio_from").size(); i++) {
            clips.add(Audio.read(folder.resolve("audio_" + i + ".wav")));
          }
          try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(folder);
              Wav2Vec2BertForCTC model =
                  Wav2Vec2BertForCTC.fromPretrained(folder, LoadOptions.DEFAULT.withWeights(type));
              Features features = processor.extract(clips, ExtractOptions.DEFAULT);
              CtcOutput output = model.forward(features)) {
            double error = relativeRms(logits, output.logits().toFloatArray());
            assertTrue(error <= TOLERANCES.get(type), "logits are off by " + error);
            for (int u = 0; u < clips.size(); u++) {
              assertEquals(
                  recorded.get("text_of_valid_frames_only").get(u).textValue(),
                  processor.tokenizer().decodeWithOffsets(output.bestPath(u)).text());
            }
          }
        });
  }

  @ParameterizedTest
  @EnumSource(value = WeightType.class, mode = Mode.MATCH_ALL, names = ON_CPU)
  void utterancesDoNotDependOnTheirNeighbours(WeightType type, @TempDir Path folder)
      throws IOException {
    float[] frames = new float[(31 + 7 + 64) * Checkpoints.WIDTH];
    for (int i = 0; i < frames.length; i++) {
      frames[i] = (float) Math.sin(i * 0.37);
    }
    try (Wav2Vec2BertForCTC made =
        Wav2Vec2BertForCTC.initialize(Checkpoints.smallConfig().build(), 3)) {
      made.savePretrained(folder);
    }
    try (Wav2Vec2BertForCTC model =
        Wav2Vec2BertForCTC.fromPretrained(folder, LoadOptions.DEFAULT.withWeights(type))) {
      List<float[]> together = logits(model, frames, 31, 7, 64);
      int from = 0;
      for (int u = 0; u < 3; u++) {
        int length = new int[] {31, 7, 64}[u];
        int to = from + length * Checkpoints.WIDTH;
        List<float[]> alone = logits(model, Arrays.copyOfRange(frames, from, to), length);
        assertArrayEquals(alone.get(0), together.get(u), "utterance " + u);
        from = to;
      }
    }
  }

  private static List<float[]> logits(Wav2Vec2BertForCTC model, float[] frames, long... lengths) {
    try (RaggedFeatures features =
            new RaggedFeatures(
                Tensor.of(frames, frames.length / Checkpoints.WIDTH, Checkpoints.WIDTH), lengths);
        OutputList<CtcOutput> outputs = model.encode(features)) {
      return outputs.stream().map(output -> output.logits().toFloatArray()).toList();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = WeightType.class,
      names = {"FLOAT16", "BFLOAT16"})
  void filesOfTheSameTypeAreUsedInPlaceAndSavedAsTheyAre(WeightType type, @TempDir Path folder)
      throws IOException {
    Path first = folder.resolve("first");
    try (Wav2Vec2BertForCTC made =
        Wav2Vec2BertForCTC.initialize(Checkpoints.smallConfig().build(), 3)) {
      made.savePretrained(first, SaveOptions.DEFAULT.withDtype(type.dtype()));
    }
    try (Wav2Vec2BertForCTC model =
        Wav2Vec2BertForCTC.fromPretrained(first, LoadOptions.DEFAULT.withWeights(type))) {
      for (ParameterInfo parameter : model.parameters()) {
        assertEquals(isMatrix(parameter), parameter.mapped(), parameter.name());
      }
      model.savePretrained(folder.resolve("second"), SaveOptions.DEFAULT.withDtype(type.dtype()));
      model.savePretrained(folder.resolve("wide"));
      try (Wav2Vec2BertForCTC wide = Wav2Vec2BertForCTC.fromPretrained(folder.resolve("wide"))) {
        for (ParameterInfo parameter : model.parameters()) {
          try (Tensor expected = model.parameter(parameter.name());
              Tensor actual = wide.parameter(parameter.name())) {
            assertArrayEquals(expected.toFloatArray(), actual.toFloatArray(), parameter.name());
          }
        }
      }
    }
    assertEquals(
        -1,
        Files.mismatch(
            first.resolve("model.safetensors"),
            folder.resolve("second").resolve("model.safetensors")));
  }

  @Test
  void integersAreWithinHalfAStepAndCannotBeSaved(@TempDir Path folder) throws IOException {
    Path saved = folder.resolve("saved");
    try (Wav2Vec2BertForCTC made =
        Wav2Vec2BertForCTC.initialize(Checkpoints.smallConfig().build(), 3)) {
      made.savePretrained(saved);
      try (Wav2Vec2BertForCTC model =
          Wav2Vec2BertForCTC.fromPretrained(
              saved, LoadOptions.DEFAULT.withWeights(WeightType.INT8))) {
        long bytes = 0;
        for (ParameterInfo parameter : model.parameters()) {
          try (Tensor expected = made.parameter(parameter.name());
              Tensor actual = model.parameter(parameter.name())) {
            assertEquals(DType.FLOAT32, actual.dtype());
            assertArrayEquals(expected.shape(), actual.shape());
            assertHalfAStep(parameter, expected.toFloatArray(), actual.toFloatArray());
          }
          bytes += parameter.bytes();
          assertFalse(parameter.mapped(), parameter.name());
          assertEquals(
              parameter.elements() * expectedType(parameter, WeightType.INT8).bytes(),
              parameter.bytes());
        }
        assertTrue(bytes > 0);
        Path again = folder.resolve("again");
        IllegalStateException refusal =
            assertThrows(IllegalStateException.class, () -> model.savePretrained(again));
        assertTrue(refusal.getMessage().contains("float32 weights"), refusal.getMessage());
        assertFalse(Files.exists(again));
      }
    }
  }

  private static void assertHalfAStep(ParameterInfo parameter, float[] expected, float[] actual) {
    if (!isMatrix(parameter)) {
      assertArrayEquals(expected, actual, parameter.name());
      return;
    }
    int rows = parameter.shape().get(0).intValue();
    int columns = expected.length / rows;
    for (int row = 0; row < rows; row++) {
      float largest = 0;
      for (int i = row * columns; i < (row + 1) * columns; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
      }
      for (int i = row * columns; i < (row + 1) * columns; i++) {
        assertEquals(
            expected[i],
            actual[i],
            0.5001 * largest / (parameter.dtype() == DType.INT8 ? 127 : 1023),
            parameter.name());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = WeightType.class, mode = Mode.MATCH_ALL, names = ON_CPU)
  void missingMatricesAreDrawnInTheType(WeightType type, @TempDir Path folder) throws IOException {
    Wav2Vec2BertConfig small = Checkpoints.smallConfig().build();
    try (Wav2Vec2BertModel made = Wav2Vec2BertModel.initialize(small, 3)) {
      made.savePretrained(folder);
    }
    Wav2Vec2BertConfig deeper = small.toBuilder().numHiddenLayers(3).build();
    LoadOptions options =
        LoadOptions.DEFAULT.withConfig(deeper).withMissingInitialized(5).withWeights(type);
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(folder, options)) {
      for (ParameterInfo parameter : model.parameters()) {
        assertEquals(expectedType(parameter, type), parameter.dtype(), parameter.name());
      }
      assertFalse(model.loadReport().missing().isEmpty());
    }
  }

  @Test
  void float8IsRefusedOnTheCpu() {
    Path folder = Golden.cases("e2e").get(0);
    LoadOptions options = LoadOptions.DEFAULT.withWeights(WeightType.FLOAT8);
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> Wav2Vec2BertForCTC.fromPretrained(folder, options));
    assertEquals(
        "weights of float8 are for a CUDA device; on the CPU a model has weights of float32,"
            + " float16, bfloat16 or int8",
        refusal.getMessage());
  }

  @Test
  void weightsMustBeGiven() {
    assertThrows(NullPointerException.class, () -> LoadOptions.DEFAULT.withWeights(null));
  }
}
