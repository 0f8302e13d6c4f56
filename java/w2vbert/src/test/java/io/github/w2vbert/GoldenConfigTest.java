package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The recorded facts about configurations, loading and fresh parameters. */
class GoldenConfigTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final JsonNode DEFAULTS = config("defaults");

  /** Not options: {@code id2label} is empty here unless a file gives labels. */
  private static final Set<String> OTHER_METHODS =
      Set.of(
          "toJson",
          "toBuilder",
          "architectures",
          "id2label",
          "numLabels",
          "outputStride",
          "hashCode",
          "toString");

  /** Keys of the file that are not options. */
  private static final Set<String> OTHER_KEYS = Set.of("model_type", "transformers_version");

  private static JsonNode config(String name) {
    Path file = Golden.group("config").resolve(name + ".json");
    return Golden.json(
        Files.exists(file) ? file : Golden.dir().resolve("config").resolve(name + ".json"));
  }

  private static JsonNode json(Object value) {
    try {
      return JSON.readTree(JSON.writeValueAsString(value));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static JsonNode parsed(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Methods that read an option, by the option's name. */
  private static Map<String, Method> accessors() {
    Map<String, Method> methods = new TreeMap<>();
    for (Method method : Wav2Vec2BertConfig.class.getDeclaredMethods()) {
      boolean reads =
          Modifier.isPublic(method.getModifiers())
              && !Modifier.isStatic(method.getModifiers())
              && method.getParameterCount() == 0;
      if (reads && !OTHER_METHODS.contains(method.getName())) {
        methods.put(snake(method.getName()), method);
      }
    }
    return methods;
  }

  private static String snake(String camel) {
    return camel.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  @Test
  void everyOptionHasTheDefaultOfTheReference() throws ReflectiveOperationException {
    Wav2Vec2BertConfig defaults = Wav2Vec2BertConfig.defaults();
    Map<String, Method> accessors = accessors();
    for (Map.Entry<String, Method> accessor : accessors.entrySet()) {
      String option = accessor.getKey();
      assertTrue(DEFAULTS.get("to_dict").has(option), option + " is no option of the reference");
      assertEquals(
          DEFAULTS.get("to_dict").get(option), json(accessor.getValue().invoke(defaults)), option);
    }
    Set<String> saved = new TreeSet<>();
    DEFAULTS.get("saved").fieldNames().forEachRemaining(saved::add);
    saved.removeAll(OTHER_KEYS);
    assertEquals(saved, accessors.keySet());
    assertEquals(List.of(), defaults.architectures());
    assertEquals(Map.of(), defaults.id2label());
  }

  @Test
  void everyOptionHasALineInTheDocumentation() throws IOException {
    Map<String, JsonNode> documented = new TreeMap<>();
    for (String line : Files.readAllLines(Path.of("OPTIONS.md"))) {
      if (line.startsWith("| `")) {
        String[] cells = line.split(" \\| ");
        assertTrue(cells.length == 4 && cells[3].length() > 5, line);
        documented.put(cells[0].replaceAll("[|` ]", ""), parsed(cells[1].replace("`", "")));
      }
    }
    Map<String, JsonNode> expected = new TreeMap<>();
    DEFAULTS.get("saved").properties().forEach(e -> expected.put(e.getKey(), e.getValue()));
    expected.keySet().removeAll(OTHER_KEYS);
    assertEquals(47, expected.size());
    assertEquals(expected, documented);
  }

  @Test
  void theDefaultsAreWrittenAsTheReferenceWritesThem() {
    ObjectNode expected = DEFAULTS.get("saved").deepCopy();
    expected.remove("transformers_version"); // no transformers wrote this
    assertEquals(expected, parsed(Wav2Vec2BertConfig.defaults().toJson()));
  }

  @Test
  void everyOptionCanBeBuiltWithoutChangingAnother() throws ReflectiveOperationException {
    Map<String, Method> accessors = accessors();
    Set<String> built = new TreeSet<>();
    for (Method setter : Wav2Vec2BertConfig.Builder.class.getDeclaredMethods()) {
      String option = snake(setter.getName());
      if (!Modifier.isPublic(setter.getModifiers())
          || setter.getParameterCount() != 1
          || Set.of("labels", "num_labels").contains(option)) {
        continue;
      }
      Object before = accessors.get(option).invoke(Wav2Vec2BertConfig.defaults());
      Object value = otherValue(option, before);
      Wav2Vec2BertConfig.Builder builder = Wav2Vec2BertConfig.builder();
      if (option.equals("use_intermediate_ffn_before_adapter")) {
        builder.addAdapter(true);
      }
      Wav2Vec2BertConfig base = builder.build();
      setter.invoke(builder, value);
      Wav2Vec2BertConfig changed = builder.build();
      assertEquals(value, accessors.get(option).invoke(changed), option);
      for (Map.Entry<String, Method> other : accessors.entrySet()) {
        // The adapter is as wide as the encoder unless its width is given.
        boolean follows =
            option.equals("hidden_size") && other.getKey().equals("output_hidden_size");
        if (!other.getKey().equals(option) && !follows) {
          assertEquals(
              other.getValue().invoke(base), other.getValue().invoke(changed), other.getKey());
        }
      }
      built.add(option);
    }
    assertEquals(accessors.keySet(), built);
  }

  private static Object otherValue(String option, Object before) {
    switch (option) {
      case "hidden_act", "adapter_act":
        return "gelu";
      case "position_embeddings_type":
        return "rotary";
      case "ctc_loss_reduction":
        return "none";
      case "vocab_size":
        return 7;
      case "hidden_size", "output_hidden_size":
        return 2048;
      case "num_attention_heads":
        return 8;
      case "conv_depthwise_kernel_size":
        return 5;
      default:
    }
    if (before instanceof Integer number) {
      return number + 1;
    } else if (before instanceof Double number) {
      return number + 0.125;
    } else if (before instanceof Boolean flag) {
      return !flag;
    }
    List<Object> list = new ArrayList<>((List<?>) before);
    list.set(0, 11);
    return list;
  }

  @Test
  void theAdapterIsAsWideAsTheEncoderUnlessItsWidthIsGiven() {
    Wav2Vec2BertConfig.Builder builder =
        Wav2Vec2BertConfig.builder().hiddenSize(144).addAdapter(true);
    assertEquals(144, builder.build().outputHiddenSize());
    assertEquals(64, builder.outputHiddenSize(64).build().outputHiddenSize());
  }

  @TestFactory
  Stream<DynamicTest> recordedFilesAreReadAndWrittenBack() throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(Golden.chosen())) {
      files = all.filter(file -> file.getFileName().toString().equals("config.json")).toList();
    }
    assertFalse(files.isEmpty());
    return files.stream()
        .map(
            file ->
                dynamicTest(
                    Golden.chosen().relativize(file).toString(),
                    () -> {
                      Wav2Vec2BertConfig config =
                          Wav2Vec2BertConfig.fromPretrained(file.getParent());
                      assertEquals(Golden.json(file), parsed(config.toJson()));
                      assertEquals(config, Wav2Vec2BertConfig.parse(config.toJson()));
                      assertEquals(config, config.toBuilder().build());
                    }));
  }

  // refusals.json

  @TestFactory
  Stream<DynamicTest> oddConfigurationsAndCallsAreTreatedAsRecorded() {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode row : config("refusals").get("rows")) {
      String what = row.get("what").textValue();
      tests.add(dynamicTest(what, () -> assertRow(what, row)));
    }
    assertFalse(tests.isEmpty());
    return tests.stream();
  }

  private static void assertRow(String what, JsonNode row) throws IOException {
    boolean refused = !row.get("raises").isNull();
    Wav2Vec2BertConfig.Builder builder = Checkpoints.smallConfig();
    switch (what) {
      case "position_embeddings_type 'absolute'" ->
          assertRefused(
              refused,
              "position_embeddings_type is \"absolute\"",
              () -> builder.positionEmbeddingsType("absolute").build());
      case "use_intermediate_ffn_before_adapter without add_adapter" ->
          assertRefused(
              refused,
              "use_intermediate_ffn_before_adapter is true",
              () -> builder.useIntermediateFfnBeforeAdapter(true).build());
      case "even conv_depthwise_kernel_size 8" ->
          assertRefused(
              refused,
              "conv_depthwise_kernel_size is 8; expected an odd number",
              () -> builder.convDepthwiseKernelSize(8).build());
      // Wider than the reference, whose documentation names selu but whose code has no such key.
      case "hidden_act 'selu' (listed in the documentation)" -> {
        assertTrue(refused);
        assertComputes(builder.hiddenAct("selu").build(), 8);
      }
      case "adapter_act 'selu'" -> {
        assertTrue(refused);
        assertComputes(builder.addAdapter(true).adapterAct("selu").build(), 8);
      }
      case "hidden_act 'SWISH'" ->
          assertRefused(
              refused, "hidden_act is \"SWISH\"", () -> builder.hiddenAct("SWISH").build());
      // Stricter than the reference, which builds such a model and fails in its first call.
      case "hidden_size 30 with 4 heads: construction", "hidden_size 30 with 4 heads: forward" -> {
        assertEquals(what.endsWith("forward"), refused);
        assertRefused(
            true,
            "hidden_size is 30; expected a multiple of num_attention_heads, which is 4",
            () -> builder.hiddenSize(30).build());
      }
      case "rotary with odd head size (hidden 20, 4 heads): forward" ->
          assertRefused(
              refused,
              "hidden_size is 20; expected an even number per head for rotary positions",
              () -> builder.hiddenSize(20).positionEmbeddingsType("rotary").build());
      case "relative with odd hidden size (hidden 33, 3 heads)" ->
          assertRefused(
              refused,
              "hidden_size is 33; expected an even number for relative positions",
              () ->
                  builder
                      .hiddenSize(33)
                      .numAttentionHeads(3)
                      .positionEmbeddingsType("relative")
                      .build());
      case "ForCTC with vocab_size None" ->
          assertRefused(
              refused,
              "vocab_size is null",
              () -> Wav2Vec2BertForCTC.initialize(builder.vocabSize(null).build(), 1));
      case "CTC label equal to vocab_size" ->
          assertRefused(
              refused,
              "labels[0, 1] is 6; expected less than vocab_size, 6",
              () -> loss(builder.vocabSize(6).build(), 2, 6));
      case "CTC label -5 (any negative is padding)" -> {
        assertFalse(refused);
        Wav2Vec2BertConfig config = builder.vocabSize(6).build();
        double loss = loss(config, 2, 3, -5);
        assertTrue(loss > 0 && Double.isFinite(loss));
        assertEquals(loss(config, 2, 3, -100), loss);
        assertEquals(loss(config, 2, 3), loss);
      }
      case "input_features of the wrong width" ->
          assertRefused(
              refused,
              "input_features is float32 [1, 8, 39]; expected float32 [batch, time, 40]",
              () -> forward(builder.build(), null, 1, 8, 39));
      case "input_features 2-D" ->
          assertRefused(
              refused,
              "input_features is float32 [8, 40]; expected float32 [batch, time, 40]",
              () -> forward(builder.build(), null, 8, 40));
      case "zero frames" ->
          assertRefused(
              refused,
              "utterance 0 has 0 frames; expected at least one",
              () -> forward(builder.build(), null, 1, 0, 40));
      case "attention_mask of the wrong length" ->
          assertRefused(
              refused,
              "attention_mask is int64 [1, 7]; expected [1, 8], like input_features",
              () -> forward(builder.build(), Tensor.of(new long[7], 1, 7), 1, 8, 40));
      case "attention_mask as bool" ->
          assertShape(
              row,
              forward(
                  builder.build(),
                  Tensor.of(new boolean[] {true, true, true, true, true, true, false, false}, 1, 8),
                  1,
                  8,
                  40));
      case "attention_mask as float" ->
          assertShape(
              row,
              forward(
                  builder.build(),
                  Tensor.of(new float[] {1, 1, 1, 1, 1, 1, 0, 0}, 1, 8),
                  1,
                  8,
                  40));
      case "adapter on too few frames (1 frame, kernel 3 stride 2)" ->
          assertShape(row, forward(builder.addAdapter(true).build(), null, 1, 1, 40));
      case "adapter kernel 8 stride 8 on 3 frames" ->
          assertShape(
              row,
              forward(
                  builder.addAdapter(true).adapterKernelSize(8).adapterStride(8).build(),
                  null,
                  1,
                  3,
                  40));
      // Wider than the reference: without padding an adapter does no harm, see HeadsTest.
      case "ForSequenceClassification with add_adapter",
          "ForAudioFrameClassification with add_adapter" -> {
        String model = "Wav2Vec2Bert" + what.substring(0, what.indexOf(' '));
        assertRefused(
            refused,
            "add_adapter is true; " + model + " takes a padded batch only without adapter",
            () -> headLogits(model, builder.addAdapter(true).build(), 40));
      }
      case "ForXVector with add_adapter: allowed, logits shape" ->
          assertShape(row, headLogits("Wav2Vec2BertForXVector", xvector(true, false), 40));
      case "ForXVector with use_weighted_layer_sum and add_adapter" ->
          assertShape(row, headLogits("Wav2Vec2BertForXVector", xvector(true, true), 40));
      case "ForXVector with fewer frames than the kernels need" ->
          assertRefused(
              refused,
              "utterance 0 has 4 frames; the kernels of the TDNN alone need 8",
              () -> headLogits("Wav2Vec2BertForXVector", xvector(false, false), 4));
      case "sequence label out of range" ->
          assertRefused(
              refused,
              "labels[0] is 3; expected 0 to 1, or -100 to ignore it",
              () -> {
                try (AnyModel model =
                        AnyModel.initialize(
                            "Wav2Vec2BertForSequenceClassification", builder.build(), 1);
                    Features features =
                        new Features(Tensor.zeros(DType.FLOAT32, 1, 8, Checkpoints.WIDTH), null);
                    Tensor labels = Tensor.of(new long[] {3}, 1)) {
                  return model.forward(features, null, labels, OutputOptions.NONE);
                }
              });
      case "no NaN on zero input" -> {
        assertFalse(refused);
        assertComputes(builder.build(), 8);
      }
      default -> throw new AssertionError("a row without a test");
    }
  }

  private static void assertRefused(boolean refused, String expected, Supplier<?> call) {
    assertTrue(refused, "the reference accepts this");
    Exception error = assertThrows(IllegalArgumentException.class, call::get);
    assertTrue(error.getMessage().contains(expected), error.getMessage());
  }

  private static void assertShape(JsonNode row, AnyModel.Values values) {
    assertTrue(row.get("raises").isNull());
    assertEquals(row.get("result").toString(), json(values.shape()).toString());
    for (float value : values.numbers()) {
      assertTrue(Float.isFinite(value));
    }
  }

  private static void assertComputes(Wav2Vec2BertConfig config, int frames) {
    for (float value : forward(config, null, 1, frames, Checkpoints.WIDTH).numbers()) {
      assertTrue(Float.isFinite(value));
    }
  }

  /** The last hidden state of a fresh model for zeros. */
  private static AnyModel.Values forward(Wav2Vec2BertConfig config, Tensor mask, long... shape) {
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.initialize(config, 1);
        Features features = new Features(Tensor.zeros(DType.FLOAT32, shape), mask);
        BaseModelOutput output = model.forward(features)) {
      return AnyModel.Values.of(output.lastHiddenState());
    }
  }

  private static Wav2Vec2BertConfig xvector(boolean adapter, boolean weighted) {
    return Checkpoints.smallConfig()
        .addAdapter(adapter)
        .useWeightedLayerSum(weighted)
        .tdnnDim(List.of(24, 24, 32))
        .tdnnKernel(List.of(5, 2, 1))
        .tdnnDilation(List.of(1, 3, 1))
        .xvectorOutputDim(20)
        .build();
  }

  /** The logits of a fresh model for one utterance of zeros. */
  private static AnyModel.Values headLogits(String model, Wav2Vec2BertConfig config, int frames) {
    try (AnyModel fresh = AnyModel.initialize(model, config, 1);
        Features features =
            new Features(Tensor.zeros(DType.FLOAT32, 1, frames, Checkpoints.WIDTH), null)) {
      return fresh.forward(features, null, null, OutputOptions.NONE).values().get("logits");
    }
  }

  private static double loss(Wav2Vec2BertConfig config, long... labels) {
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.initialize(config, 1);
        Features features =
            new Features(Tensor.zeros(DType.FLOAT32, 1, 8, Checkpoints.WIDTH), null);
        Tensor row = Tensor.of(labels, 1, labels.length);
        CtcOutput output = model.forward(features, row, OutputOptions.NONE)) {
      return output.loss().toFloatArray()[0];
    }
  }

  // loading.json

  @TestFactory
  Stream<DynamicTest> checkpointsOfAnotherClassAreLoadedAsRecorded(@TempDir Path folder) {
    JsonNode recorded = config("loading");
    assertEquals("{\"add_adapter\":true}", recorded.get("checkpoint_config").toString());
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode row : recorded.get("rows")) {
      tests.add(
          dynamicTest(
              row.get("what").textValue(),
              () -> assertLoading(row, Files.createTempDirectory(folder, "checkpoint"))));
    }
    assertFalse(tests.isEmpty());
    return tests.stream();
  }

  private static void assertLoading(JsonNode row, Path folder) throws IOException {
    Wav2Vec2BertConfig saved = Checkpoints.smallConfig().addAdapter(true).build();
    boolean bare = row.get("what").textValue().startsWith("bare checkpoint");
    try (Wav2Vec2BertPreTrainedModel model =
        bare ? Wav2Vec2BertModel.initialize(saved, 3) : Wav2Vec2BertForCTC.initialize(saved, 3)) {
      model.savePretrained(folder);
    }
    JsonNode overrides = row.get("overrides");
    Wav2Vec2BertConfig.Builder builder = saved.toBuilder();
    for (Map.Entry<String, JsonNode> override : overrides.properties()) {
      switch (override.getKey()) {
        case "add_adapter" -> builder.addAdapter(override.getValue().booleanValue());
        case "vocab_size" -> builder.vocabSize(override.getValue().intValue());
        case "ignore_mismatched_sizes" -> assertTrue(override.getValue().booleanValue());
        default -> throw new AssertionError("an override without a test: " + override.getKey());
      }
    }
    LoadOptions options = LoadOptions.DEFAULT.withConfig(builder.build());
    String target = row.get("target").textValue();
    if (!row.get("raises").isNull()) {
      Exception error =
          assertThrows(
              IllegalArgumentException.class, () -> AnyModel.load(target, folder, options));
      for (String part :
          List.of(
              "lm_head.weight: [20, 32] in the checkpoint, [9, 32] in the model",
              "lm_head.bias: [20] in the checkpoint, [9] in the model")) {
        assertTrue(error.getMessage().contains(part), error.getMessage());
      }
      return;
    }
    JsonNode expected = row.get("result");
    // Stricter than the reference, which only warns of parameters that it draws afresh.
    if (!expected.get("missing_keys").isEmpty()) {
      Exception error =
          assertThrows(
              IllegalArgumentException.class, () -> AnyModel.load(target, folder, options));
      for (JsonNode name : expected.get("missing_keys")) {
        assertTrue(error.getMessage().contains(name.textValue()), error.getMessage());
      }
    }
    LoadOptions lenient =
        overrides.has("ignore_mismatched_sizes")
            ? options.withMismatchedSizesIgnored(7)
            : options.withMissingInitialized(7);
    try (AnyModel model = AnyModel.load(target, folder, lenient)) {
      LoadReport report = model.get().loadReport();
      assertEquals(texts(expected.get("missing_keys")), new TreeSet<>(report.missing()));
      assertEquals(texts(expected.get("unexpected_keys")), new TreeSet<>(report.unexpected()));
      Set<String> mismatched = new TreeSet<>();
      for (String key : texts(expected.get("mismatched_keys"))) {
        // "('name', torch.Size([20]), torch.Size([9]))"
        mismatched.add(
            key.replaceFirst(
                "^\\('(.*)', torch.Size\\((.*)\\), torch.Size\\((.*)\\)\\)$",
                "$1: $2 in the checkpoint, $3 in the model"));
      }
      assertEquals(mismatched, new TreeSet<>(report.mismatched()));
    }
  }

  private static Set<String> texts(JsonNode array) {
    Set<String> texts = new TreeSet<>();
    array.forEach(text -> texts.add(text.textValue()));
    return texts;
  }

  // init_statistics.json

  @TestFactory
  Stream<DynamicTest> freshParametersAreDrawnLikeThoseOfTheReference() {
    JsonNode recorded = config("init_statistics");
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode row : recorded.get("rows")) {
      ObjectNode config = JSON.createObjectNode().put("model_type", "wav2vec2-bert");
      config.setAll((ObjectNode) recorded.get("config"));
      config.setAll((ObjectNode) row.get("overrides"));
      // Not recorded, but seen in the shapes of the distance embedding and the TDNN.
      config.put("num_attention_heads", 4).put("right_max_position_embeddings", 4);
      config.set("tdnn_dim", JSON.valueToTree(List.of(24, 24, 32)));
      config.set("tdnn_kernel", JSON.valueToTree(List.of(5, 3, 1)));
      config.set("tdnn_dilation", JSON.valueToTree(List.of(1, 2, 1)));
      JsonNode labels = config.remove("num_labels");
      Wav2Vec2BertConfig.Builder builder = Wav2Vec2BertConfig.parse(config.toString()).toBuilder();
      if (labels != null) {
        builder.numLabels(labels.intValue());
      }
      tests.add(
          dynamicTest(
              row.get("class").textValue() + row.get("overrides"),
              () -> assertStatistics(row, builder.build())));
    }
    assertFalse(tests.isEmpty());
    return tests.stream();
  }

  private static void assertStatistics(JsonNode row, Wav2Vec2BertConfig config) {
    String type = row.get("class").textValue();
    try (Wav2Vec2BertPreTrainedModel model = AnyModel.initialize(type, config, 11).get();
        Wav2Vec2BertPreTrainedModel same = AnyModel.initialize(type, config, 11).get();
        Wav2Vec2BertPreTrainedModel other = AnyModel.initialize(type, config, 12).get()) {
      Set<String> names = new TreeSet<>();
      row.get("parameters").fieldNames().forEachRemaining(names::add);
      assertEquals(
          names, new TreeSet<>(model.parameters().stream().map(ParameterInfo::name).toList()));
      for (ParameterInfo parameter : model.parameters()) {
        String name = parameter.name();
        JsonNode expected = row.get("parameters").get(name);
        assertEquals(expected.get("shape").toString(), json(parameter.shape()).toString(), name);
        assertFalse(parameter.mapped(), name);
        float[] values = values(model, name);
        assertEquals(parameter.elements(), values.length, name);
        assertDrawn(name, expected, values);
        assertTrue(Arrays.equals(values, values(same, name)), name + ": same seed, same values");
        if (expected.get("std").doubleValue() > 0) {
          assertFalse(Arrays.equals(values, values(other, name)), name + ": other seed");
        }
      }
    }
  }

  private static float[] values(Wav2Vec2BertPreTrainedModel model, String name) {
    try (Tensor tensor = model.parameter(name)) {
      return tensor.toFloatArray();
    }
  }

  /**
   * Both draws are samples of n numbers: the means differ by less than six times the deviation of
   * the difference, {@code std sqrt(2 / n)}; so do the standard deviations, whose own deviation is
   * at most that of normal numbers, {@code std / sqrt(2 n)}.
   */
  private static void assertDrawn(String name, JsonNode expected, float[] values) {
    double rounding = 1e-5; // of the recorded numbers
    double std = expected.get("std").doubleValue();
    if (std == 0) {
      for (float value : values) {
        assertEquals(expected.get("mean").doubleValue(), value, name);
      }
      return;
    }
    double n = values.length;
    double sum = 0;
    double squares = 0;
    double largest = 0;
    for (float value : values) {
      sum += value;
      squares += (double) value * value;
    }
    double mean = sum / n;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value - mean));
    }
    double deviation = Math.sqrt((squares - sum * mean) / (n - 1));
    assertEquals(
        expected.get("mean").doubleValue(), mean, 6 * std * Math.sqrt(2 / n) + rounding, name);
    assertEquals(std, deviation, 6 * std / Math.sqrt(n) + rounding, name);
    if (n < 1000) {
      return; // too few to tell the shape of the distribution
    }
    // Uniform numbers end at 1.73 standard deviations, a thousand normal ones reach beyond 2.5.
    double reach =
        Math.max(
            expected.get("max").doubleValue() - expected.get("mean").doubleValue(),
            expected.get("mean").doubleValue() - expected.get("min").doubleValue());
    assertNotEquals(0, reach);
    assertEquals(reach > 2 * std, largest > 2 * deviation, name + ": shape of the distribution");
  }
}
