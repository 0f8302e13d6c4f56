package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What training promises beside the recorded mathematics, which GoldenTrainingTest checks. */
class ModelTrainingTest {
  private static final int TIME = 30;
  private static final double RATE = 1e-3;

  @TempDir Path folder;

  /** Everything that training draws. */
  private static Wav2Vec2BertConfig.Builder random() {
    return Checkpoints.smallConfig()
        .hiddenDropout(0.1)
        .activationDropout(0.1)
        .attentionDropout(0.1)
        .featProjDropout(0.1)
        .finalDropout(0.1)
        .conformerConvDropout(0.1)
        .layerdrop(0.3)
        .maskTimeProb(0.2)
        .maskTimeLength(3)
        .maskFeatureProb(0.1)
        .maskFeatureLength(4)
        .ctcLossReduction("mean");
  }

  /** Nothing that is drawn. */
  private static Wav2Vec2BertConfig.Builder certain() {
    return random()
        .hiddenDropout(0)
        .activationDropout(0)
        .attentionDropout(0)
        .featProjDropout(0)
        .finalDropout(0)
        .conformerConvDropout(0)
        .layerdrop(0)
        .applySpecAugment(false);
  }

  private static Features features(int seed) {
    Random random = new Random(seed);
    float[] values = new float[2 * TIME * Checkpoints.WIDTH];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    long[] mask = new long[2 * TIME];
    Arrays.fill(mask, 0, TIME + 21, 1);
    return new Features(Tensor.of(values, 2, TIME, Checkpoints.WIDTH), Tensor.of(mask, 2, TIME));
  }

  private static Tensor tokens() {
    return Tensor.of(new long[] {3, 4, 4, 9, 5, 6, 7, -100}, 2, 4);
  }

  private static ModelTraining ctc(Wav2Vec2BertConfig config, TrainingOptions options) {
    return ModelTraining.initialize(Wav2Vec2BertForCTC.class, config, options);
  }

  private static double accumulate(ModelTraining training, int seed) {
    try (Features features = features(seed);
        Tensor labels = tokens()) {
      return training.accumulate(features, labels, 1).loss();
    }
  }

  private static double step(ModelTraining training, int seed) {
    double loss = accumulate(training, seed);
    assertTrue(training.step(RATE).applied());
    return loss;
  }

  private static Map<String, float[]> parameters(ModelTraining training) {
    Map<String, float[]> values = new TreeMap<>();
    for (ParameterInfo parameter : training.parameters()) {
      try (Tensor tensor = training.parameter(parameter.name())) {
        values.put(parameter.name(), tensor.toFloatArray());
      }
    }
    return values;
  }

  /** Absent where none has reached a parameter. */
  private static Map<String, float[]> gradients(ModelTraining training) {
    Map<String, float[]> values = new TreeMap<>();
    for (ParameterInfo parameter : training.parameters()) {
      try (Tensor tensor = training.gradient(parameter.name())) {
        if (tensor != null) {
          values.put(parameter.name(), tensor.toFloatArray());
        }
      }
    }
    return values;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
  }

  private static void assertClose(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, values) -> {
          if (!name.endsWith("linear_k.bias")) { // rounding noise: no softmax knows it
            double largest = 1e-6;
            for (float value : values) {
              largest = Math.max(largest, Math.abs(value));
            }
            Compare.assertClose(name, values, actual.get(name), 1e-4 * largest);
          }
        });
  }

  private static String refused(Runnable body) {
    return assertThrows(IllegalArgumentException.class, body::run).getMessage();
  }

  private static String impossible(Runnable body) {
    return assertThrows(IllegalStateException.class, body::run).getMessage();
  }

  @Test
  void goesOnFromAStateToTheLastBit() {
    Wav2Vec2BertConfig config = random().build();
    TrainingOptions options = TrainingOptions.DEFAULT.withAverageDecay(0.9).withSeed(5);
    Path state = folder.resolve("state.safetensors");
    try (ModelTraining straight = ctc(config, options);
        ModelTraining resumed = ctc(config, options.withSeed(99))) {
      for (int i = 0; i < 3; i++) {
        step(straight, i);
      }
      straight.saveState(state);
      accumulate(resumed, 7);
      resumed.loadState(state);
      for (int i = 3; i < 5; i++) {
        assertEquals(step(straight, i), step(resumed, i));
      }
      assertSame(parameters(straight), parameters(resumed));
      straight.useAverage(true);
      resumed.useAverage(true);
      assertSame(parameters(straight), parameters(resumed));
    }
  }

  @Test
  void productsComputeInTheTypeThatIsAskedFor() {
    for (DType type : List.of(DType.BFLOAT16, DType.FLOAT16)) {
      TrainingOptions options = TrainingOptions.DEFAULT.withAutocast(type);
      try (ModelTraining exact = ctc(certain().build(), TrainingOptions.DEFAULT);
          ModelTraining mixed = ctc(certain().build(), options)) {
        double first = accumulate(exact, 1);
        double loss = accumulate(mixed, 1);
        assertNotEquals(first, loss);
        assertEquals(first, loss, 0.01 * first, type.toString());
        try (Tensor gradient = mixed.gradient("lm_head.weight")) {
          assertEquals(DType.FLOAT32, gradient.dtype());
        }
        mixed.zeroGradients();
        for (int i = 0; i < 20; i++) {
          loss = accumulate(mixed, 1);
          mixed.step(3e-3);
        }
        assertTrue(loss < 0.8 * first, type + " from " + first + " to " + loss);
      }
    }
  }

  @Test
  void gradientsThatAreTooLargeForFloat16HalveTheScale() {
    Path state = folder.resolve("state");
    TrainingOptions options = TrainingOptions.DEFAULT.withAutocast(DType.FLOAT16);
    try (ModelTraining training = ctc(certain().build(), options);
        ModelTraining.Worker worker = training.worker();
        Features features = features(1);
        Tensor labels = tokens()) {
      Map<String, float[]> before = parameters(training);
      for (double scale : new double[] {32_768, 16_384}) {
        worker.accumulate(features, labels, 1e9);
        training.collect(worker);
        TrainingStep step = training.step(RATE);
        assertFalse(step.applied());
        assertFalse(Double.isFinite(step.gradientNorm()));
        assertEquals(scale, step.lossScale());
      }
      assertSame(before, parameters(training));
      training.saveState(state);
      try (ModelTraining resumed = ctc(certain().build(), options)) {
        resumed.loadState(state);
        assertEquals(16_384, resumed.step(RATE).lossScale());
      }
    }
    try (ModelTraining exact = ctc(certain().build(), TrainingOptions.DEFAULT)) {
      exact.loadState(state); // a scale is nothing to it
      accumulate(exact, 1);
      assertEquals(1, exact.step(RATE).lossScale());
    }
  }

  @Test
  void drawsFollowTheSeed() {
    Wav2Vec2BertConfig config = random().build();
    double[] losses = new double[3];
    for (int i = 0; i < 3; i++) {
      Path state = folder.resolve("begin");
      try (ModelTraining training = ctc(config, TrainingOptions.DEFAULT.withSeed(i == 2 ? 8 : 7))) {
        losses[i] = accumulate(training, 0);
        assertNotEquals(losses[i], accumulate(training, 0), "two passes draw the same");
        training.zeroGradients();
        training.saveState(state);
      }
    }
    assertEquals(losses[0], losses[1]);
    assertNotEquals(losses[0], losses[2]);
  }

  @Test
  void layersComputedAgainHaveTheSameGradients() {
    for (String positions : new String[] {null, "relative_key", "relative", "rotary"}) {
      Wav2Vec2BertConfig config =
          random().numHiddenLayers(4).positionEmbeddingsType(positions).addAdapter(true).build();
      TrainingOptions options = TrainingOptions.DEFAULT.withSeed(3);
      try (ModelTraining kept = ctc(config, options);
          ModelTraining again = ctc(config, options.withGradientCheckpointing(true))) {
        for (int pass = 0; pass < 3; pass++) {
          assertEquals(accumulate(kept, pass), accumulate(again, pass), 1e-4);
          assertClose(gradients(kept), gradients(again));
        }
      }
    }
  }

  @Test
  void weightedLayersComputedAgainHaveTheSameGradients() {
    Wav2Vec2BertConfig config = random().useWeightedLayerSum(true).numLabels(3).build();
    TrainingOptions options = TrainingOptions.DEFAULT.withSeed(3);
    try (ModelTraining kept =
            ModelTraining.initialize(Wav2Vec2BertForSequenceClassification.class, config, options);
        ModelTraining again =
            ModelTraining.initialize(
                Wav2Vec2BertForSequenceClassification.class,
                config,
                options.withGradientCheckpointing(true));
        Features features = features(1);
        Tensor labels = Tensor.of(new long[] {2, 0}, 2)) {
      for (int pass = 0; pass < 3; pass++) {
        kept.accumulate(features, labels, 1);
        again.accumulate(features, labels, 1);
        assertClose(gradients(kept), gradients(again));
      }
      assertTrue(gradients(kept).containsKey("layer_weights"));
    }
  }

  @Test
  void aFrozenBaseStaysAsItIs() {
    Wav2Vec2BertConfig config = random().useWeightedLayerSum(true).numLabels(3).build();
    for (boolean checkpointing : new boolean[] {false, true}) {
      try (ModelTraining training =
              ModelTraining.initialize(
                  Wav2Vec2BertForSequenceClassification.class,
                  config,
                  TrainingOptions.DEFAULT
                      .withFreezeBase(true)
                      .withGradientCheckpointing(checkpointing));
          Features features = features(1);
          Tensor labels = Tensor.of(new long[] {2, 0}, 2)) {
        Map<String, float[]> before = parameters(training);
        training.accumulate(features, labels, 1);
        assertTrue(training.step(RATE).applied());
        parameters(training)
            .forEach(
                (name, values) ->
                    assertEquals(
                        name.startsWith("wav2vec2_bert."),
                        Arrays.equals(before.get(name), values),
                        name));
      }
    }
  }

  @Test
  void aFrozenFeatureProjectionStaysAsItIs() {
    for (boolean checkpointing : new boolean[] {false, true}) {
      try (ModelTraining training =
          ctc(
              certain().build(),
              TrainingOptions.DEFAULT
                  .withFreezeFeatureProjection(true)
                  .withGradientCheckpointing(checkpointing))) {
        Map<String, float[]> before = parameters(training);
        step(training, 1);
        parameters(training)
            .forEach(
                (name, values) ->
                    assertEquals(
                        name.startsWith("wav2vec2_bert.feature_projection.")
                            || name.equals("wav2vec2_bert.masked_spec_embed"),
                        Arrays.equals(before.get(name), values),
                        name));
      }
    }
  }

  @Test
  void parametersOfLayersThatAreLeftOutNeitherMoveNorDecay() {
    try (ModelTraining training =
        ctc(
            certain().layerdrop(1).build(),
            TrainingOptions.DEFAULT.withWeightDecay(0.5).withDecayBiasesAndNorms(true))) {
      Map<String, float[]> before = parameters(training);
      accumulate(training, 1);
      try (Tensor gradient =
          training.gradient("wav2vec2_bert.encoder.layers.0.ffn1.output_dense.weight")) {
        assertNull(gradient);
      }
      training.step(RATE);
      parameters(training)
          .forEach(
              (name, values) ->
                  assertEquals(
                      name.startsWith("wav2vec2_bert.encoder.")
                          || name.equals("wav2vec2_bert.masked_spec_embed"),
                      Arrays.equals(before.get(name), values),
                      name));
    }
  }

  @Test
  void specAugmentTrainsItsEmbedding() {
    try (ModelTraining training =
        ctc(certain().applySpecAugment(true).build(), TrainingOptions.DEFAULT)) {
      accumulate(training, 1);
      try (Tensor gradient = training.gradient("wav2vec2_bert.masked_spec_embed")) {
        assertNotNull(gradient);
      }
    }
    try (ModelTraining training =
        ctc(
            certain().applySpecAugment(true).maskTimeLength(TIME + 1).build(),
            TrainingOptions.DEFAULT)) {
      assertEquals(
          "mask_time_length is 31; expected 1 to 30, what the batch has",
          refused(() -> accumulate(training, 1)));
    }
  }

  @Test
  void weightsOfBatchesAddUp() {
    try (ModelTraining whole = ctc(certain().build(), TrainingOptions.DEFAULT);
        ModelTraining parts = ctc(certain().build(), TrainingOptions.DEFAULT);
        Features features = features(1);
        Tensor labels = tokens()) {
      whole.accumulate(features, labels, 1);
      parts.accumulate(features, labels, 0.25);
      parts.accumulate(features, labels, 0.75);
      assertClose(gradients(whole), gradients(parts));
      assertTrue(refused(() -> parts.accumulate(features, labels, Double.NaN)).contains("weight"));
    }
  }

  @Test
  void workersTrainAsTheTrainingItselfDoes() {
    Wav2Vec2BertConfig config = random().build();
    try (ModelTraining alone = ctc(config, TrainingOptions.DEFAULT);
        ModelTraining shared = ctc(config, TrainingOptions.DEFAULT.withAverageDecay(0.9));
        ModelTraining.Worker worker = shared.worker();
        Features first = features(1);
        Features second = features(2);
        Tensor labels = tokens()) {
      for (int step = 0; step < 2; step++) { // the second sees what the first has changed
        alone.reseed(3);
        double loss = alone.accumulate(first, labels, 0.5).loss();
        alone.reseed(4);
        double other = alone.accumulate(second, labels, 0.5).loss();
        shared.reseed(3);
        assertEquals(loss, shared.accumulate(first, labels, 0.5).loss());
        worker.reseed(4);
        assertEquals(other, worker.accumulate(second, labels, 0.5).loss());
        shared.collect(worker);
        assertSame(gradients(alone), gradients(shared));
        shared.collect(worker); // has nothing left
        assertSame(gradients(alone), gradients(shared));
        assertEquals(alone.step(RATE), shared.step(RATE));
        assertSame(parameters(alone), parameters(shared));
      }
      worker.accumulate(second, labels, 1);
      shared.collect(worker); // into no gradients of its own
      assertTrue(shared.step(RATE).applied());
      assertEquals(
          "gradients of another training, of a Wav2Vec2BertForCTC; expected those of a worker of"
              + " this one, of a Wav2Vec2BertForCTC",
          refused(() -> alone.collect(worker)));
      shared.useAverage(true);
      assertTrue(impossible(() -> shared.collect(worker)).contains("average"));
      shared.useAverage(false);
      ModelTraining.Worker closed = shared.worker();
      closed.close();
      assertTrue(impossible(() -> shared.collect(closed)).contains("closed"));
      assertTrue(impossible(() -> closed.accumulate(first, labels, 1)).contains("closed"));
    }
  }

  @Test
  void aWorkerComputesWhileItIsCollected() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (ModelTraining training = ctc(certain().build(), TrainingOptions.DEFAULT);
        ModelTraining.Worker worker = training.worker();
        Features features = features(1);
        Tensor labels = tokens()) {
      Future<?> computing =
          threads.submit(
              () -> {
                for (int i = 0; i < 30; i++) {
                  worker.accumulate(features, labels, 1);
                }
              });
      Future<?> collecting =
          threads.submit(
              () -> {
                for (int i = 0; i < 30; i++) {
                  training.collect(worker);
                }
              });
      computing.get(1, TimeUnit.MINUTES);
      collecting.get(1, TimeUnit.MINUTES);
      training.collect(worker);
      assertTrue(training.step(RATE).gradientNorm() > 0);
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void longGradientsAreClipped() {
    // With a large epsilon a step is proportional to the clipped gradient.
    TrainingOptions options =
        TrainingOptions.DEFAULT.withEpsilon(1e4).withWeightDecay(0).withMaxGradNorm(0);
    try (ModelTraining free = ctc(certain().build(), options)) {
      Map<String, float[]> before = parameters(free);
      accumulate(free, 1);
      double squares = 0;
      for (float[] gradient : gradients(free).values()) {
        for (float value : gradient) {
          squares += (double) value * value;
        }
      }
      TrainingStep step = free.step(1e4);
      double norm = Math.sqrt(squares);
      assertEquals(norm, step.gradientNorm(), 1e-6 * norm);
      try (ModelTraining clipped = ctc(certain().build(), options.withMaxGradNorm(norm / 4))) {
        accumulate(clipped, 1);
        assertEquals(norm, clipped.step(1e4).gradientNorm(), 1e-5 * norm);
        String name = "lm_head.weight";
        float[] start = before.get(name);
        float[] far = parameters(free).get(name);
        float[] near = parameters(clipped).get(name);
        for (int i = 0; i < start.length; i++) {
          assertEquals((far[i] - start[i]) / 4, near[i] - start[i], 1e-3 * norm / 4);
        }
        assertFalse(Arrays.equals(start, near));
      }
    }
  }

  @Test
  void biasesAndNormsDoNotDecayUnlessAsked() {
    TrainingOptions none = TrainingOptions.DEFAULT.withWeightDecay(0);
    TrainingOptions matrices = TrainingOptions.DEFAULT.withWeightDecay(10);
    try (ModelTraining plain = ctc(certain().build(), none);
        ModelTraining decayed = ctc(certain().build(), matrices);
        ModelTraining all = ctc(certain().build(), matrices.withDecayBiasesAndNorms(true))) {
      for (ModelTraining training : List.of(plain, decayed, all)) {
        step(training, 1);
      }
      Map<String, float[]> expected = parameters(plain);
      Map<String, float[]> actual = parameters(decayed);
      for (String name : expected.keySet()) {
        if (name.endsWith("masked_spec_embed")) {
          continue; // has no gradient
        }
        assertEquals(
            name.endsWith("bias") || name.contains("layer_norm"),
            Arrays.equals(expected.get(name), actual.get(name)),
            name);
      }
      String norm = "wav2vec2_bert.encoder.layers.1.final_layer_norm.weight";
      assertFalse(Arrays.equals(expected.get(norm), parameters(all).get(norm)));
    }
  }

  @Test
  void lossesThatAreNotFiniteAddNothing() {
    try (ModelTraining training = ctc(certain().build(), TrainingOptions.DEFAULT);
        Features features = features(1);
        Tensor labels = tokens();
        Features broken =
            new Features(
                Tensor.of(nan(TIME * Checkpoints.WIDTH), 1, TIME, Checkpoints.WIDTH), null);
        Tensor one = Tensor.of(new long[] {3}, 1, 1)) {
      Map<String, float[]> before = parameters(training);
      long[] repeated = new long[2 * 40];
      Arrays.fill(repeated, 3);
      try (Tensor repeats = Tensor.of(repeated, 2, 40)) {
        TrainingLoss loss = training.accumulate(features, repeats, 1);
        assertEquals(Double.POSITIVE_INFINITY, loss.loss());
        assertFalse(loss.isFinite());
      }
      assertTrue(Double.isNaN(training.accumulate(broken, one, 1).loss()));
      assertTrue(gradients(training).isEmpty());
      TrainingStep step = training.step(RATE);
      assertFalse(step.applied());
      assertEquals(0, step.gradientNorm());
      assertSame(before, parameters(training));

      training.accumulate(features, labels, Double.MAX_VALUE); // overflows
      step = training.step(RATE);
      assertFalse(step.applied());
      assertFalse(Double.isFinite(step.gradientNorm()));
      assertTrue(gradients(training).isEmpty());
      assertSame(before, parameters(training));
    }
  }

  private static float[] nan(int count) {
    float[] values = new float[count];
    Arrays.fill(values, Float.NaN);
    return values;
  }

  @Test
  void theAverageFollowsAndComesAndGoes() {
    double decay = 0.75;
    try (ModelTraining training =
            ctc(certain().build(), TrainingOptions.DEFAULT.withAverageDecay(decay));
        ModelTraining without = ctc(certain().build(), TrainingOptions.DEFAULT)) {
      String name = "lm_head.weight";
      float[] expected = parameters(training).get(name);
      for (int i = 0; i < 3; i++) {
        step(training, i);
        float[] now = parameters(training).get(name);
        for (int k = 0; k < expected.length; k++) {
          expected[k] = (float) (decay * expected[k] + (1 - decay) * now[k]);
        }
      }
      Map<String, float[]> own = parameters(training);
      training.useAverage(true);
      training.useAverage(true);
      Compare.assertClose(name, expected, parameters(training).get(name), 1e-6);
      training.savePretrained(folder);
      try (Wav2Vec2BertForCTC saved = Wav2Vec2BertForCTC.fromPretrained(folder);
          Tensor weight = saved.parameter(name)) {
        assertArrayEquals(parameters(training).get(name), weight.toFloatArray());
      }
      assertTrue(impossible(() -> accumulate(training, 1)).contains("average"));
      assertTrue(impossible(() -> training.step(RATE)).contains("average"));
      assertTrue(impossible(() -> training.saveState(folder.resolve("s"))).contains("average"));
      training.useAverage(false);
      assertSame(own, parameters(training));
      assertTrue(impossible(() -> without.useAverage(true)).contains("average"));
      without.useAverage(false);
    }
  }

  @Test
  @SuppressWarnings("try") // closes early on purpose
  void aSharedModelSeesEveryStep() throws Exception {
    long before = LiveObjects.settled();
    try (ModelTraining training = ctc(certain().build(), TrainingOptions.DEFAULT);
        Wav2Vec2BertForCTC model = training.model(Wav2Vec2BertForCTC.class);
        Features features = features(1);
        Tensor labels = tokens()) {
      double first;
      try (CtcOutput output = model.forward(features, labels, OutputOptions.NONE)) {
        first = output.loss().toFloatArray()[0];
      }
      assertEquals(first, training.accumulate(features, labels, 1).loss(), 1e-4);
      for (int i = 0; i < 60; i++) {
        training.step(5e-3);
        training.accumulate(features, labels, 1);
      }
      training.close();
      try (CtcOutput output = model.forward(features, labels, OutputOptions.NONE)) {
        assertTrue(output.loss().toFloatArray()[0] < first / 4, "it did not learn");
      }
      assertTrue(
          refused(() -> training.model(Wav2Vec2BertForXVector.class))
              .contains("expected Wav2Vec2BertForCTC"));
      assertTrue(impossible(() -> training.step(RATE)).contains("closed"));
    }
    LiveObjects.awaitAtMost(before);
  }

  @Test
  void statesThatDoNotFitChangeNothing() throws IOException {
    Path state = folder.resolve("state");
    TrainingOptions options = TrainingOptions.DEFAULT;
    try (ModelTraining training = ctc(certain().build(), options);
        ModelTraining wider = ctc(certain().intermediateSize(56).build(), options);
        ModelTraining averaged = ctc(certain().build(), options.withAverageDecay(0.5));
        ModelTraining other =
            ModelTraining.initialize(Wav2Vec2BertForXVector.class, certain().build(), options)) {
      accumulate(training, 1);
      assertTrue(impossible(() -> training.saveState(state)).contains("gradients"));
      assertFalse(Files.exists(state));
      training.step(RATE);
      training.saveState(state);
      Map<String, float[]> before = parameters(wider);
      assertTrue(refused(() -> wider.loadState(state)).contains("expected F32 [56"));
      assertSame(before, parameters(wider));
      assertTrue(refused(() -> averaged.loadState(state)).contains("average."));
      assertTrue(refused(() -> other.loadState(state)).contains("model_class"));
      byte[] bytes = Files.readAllBytes(state);
      Path cut = folder.resolve("cut");
      for (int length : new int[] {0, 7, 100, bytes.length / 2, bytes.length - 1}) {
        Files.write(cut, Arrays.copyOf(bytes, length));
        refused(() -> training.loadState(cut));
      }
      training.savePretrained(folder);
      assertTrue(
          refused(() -> training.loadState(folder.resolve("model.safetensors")))
              .contains("w2vbert training state"));
      refused(() -> training.loadState(folder.resolve("nothing/here")));
      assertThrows(
          W2vBertException.class, () -> training.saveState(folder.resolve("nothing/here")));
      training.loadState(state);
    }
  }

  @Test
  @SuppressWarnings("try") // closes early on purpose
  void wrongInputIsNamed() {
    try (ModelTraining training = ctc(certain().build(), TrainingOptions.DEFAULT);
        Features features = features(1);
        Tensor unknown = Tensor.of(new long[] {3, 20}, 2, 1);
        Tensor flat = Tensor.of(new long[] {3, 4}, 2);
        Tensor labels = tokens();
        Features narrow = new Features(Tensor.zeros(DType.FLOAT32, 2, TIME, 3), null);
        Features empty = new Features(Tensor.zeros(DType.FLOAT32, 0, TIME, 40), null)) {
      assertEquals(
          "labels[1, 0] is 20; expected less than vocab_size, 20",
          refused(() -> training.accumulate(features, unknown, 1)));
      assertTrue(refused(() -> training.accumulate(features, flat, 1)).contains("labels is int64"));
      assertTrue(refused(() -> training.accumulate(narrow, labels, 1)).contains("[2, 30, 3]"));
      assertTrue(refused(() -> training.accumulate(empty, labels, 1)).contains("no utterances"));
      assertThrows(NullPointerException.class, () -> training.accumulate(features, null, 1));
      assertThrows(NullPointerException.class, () -> training.accumulate(null, labels, 1));
      assertTrue(refused(() -> training.step(-1)).contains("learning_rate is -1"));
      assertTrue(refused(() -> training.step(Double.NaN)).contains("learning_rate is "));
      assertTrue(refused(() -> training.gradient("none")).contains("'none'"));
      assertTrue(refused(() -> training.parameter("none")).contains("'none'"));
      assertTrue(gradients(training).isEmpty());
      labels.close();
      assertTrue(impossible(() -> training.accumulate(features, labels, 1)).contains("closed"));
    }
  }

  @Test
  void modelsThatCannotBeTrainedAreRefused() {
    Wav2Vec2BertConfig config = certain().build();
    TrainingOptions options = TrainingOptions.DEFAULT;
    assertTrue(
        refused(() -> ModelTraining.initialize(Wav2Vec2BertModel.class, config, options))
            .contains("type is Wav2Vec2BertModel"));
    assertTrue(
        refused(() -> ctc(config.toBuilder().ctcLossReduction("none").build(), options))
            .contains("ctc_loss_reduction is none"));
    assertTrue(
        refused(() -> ctc(config.toBuilder().vocabSize(null).build(), options))
            .contains("vocab_size"));
    for (WeightType type : List.of(WeightType.INT8, WeightType.FLOAT8)) {
      LoadOptions load = LoadOptions.DEFAULT.withWeights(type);
      assertEquals(
          "the load options ask for " + type + " weights; training expects float32",
          refused(
              () -> ModelTraining.fromPretrained(Wav2Vec2BertForCTC.class, folder, load, options)));
    }
    assertTrue(refused(() -> options.withBetas(1, 0.9)).contains("beta1 is 1.0"));
    assertTrue(refused(() -> options.withAverageDecay(-0.1)).contains("averageDecay"));
    assertTrue(refused(() -> options.withEpsilon(0)).contains("epsilon"));
    assertTrue(refused(() -> options.withMaxGradNorm(Double.NaN)).contains("maxGradNorm"));
  }

  @Test
  void theFilesOfACheckpointAreNotChanged() throws IOException {
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.initialize(certain().build(), 3)) {
      model.savePretrained(folder);
    }
    byte[] before = Files.readAllBytes(folder.resolve("model.safetensors"));
    try (ModelTraining training =
        ModelTraining.fromPretrained(
            Wav2Vec2BertForCTC.class, folder, LoadOptions.DEFAULT, TrainingOptions.DEFAULT)) {
      step(training, 1);
      assertTrue(training.parameters().stream().noneMatch(ParameterInfo::mapped));
    }
    assertArrayEquals(before, Files.readAllBytes(folder.resolve("model.safetensors")));
  }

  @Test
  void callsOfSeveralThreadsWaitForEachOther() throws InterruptedException {
    try (ModelTraining training = ctc(random().build(), TrainingOptions.DEFAULT)) {
      AtomicInteger finished = new AtomicInteger();
      List<Thread> threads =
          List.of(0, 1, 2).stream()
              .map(
                  seed ->
                      new Thread(
                          () -> {
                            for (int i = 0; i < 5; i++) {
                              accumulate(training, seed);
                              training.step(RATE);
                              gradients(training);
                            }
                            finished.incrementAndGet();
                          }))
              .toList();
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(3, finished.get());
    }
  }

  @Test
  void aShortStackIsRefusedOrEnough() throws InterruptedException {
    Wav2Vec2BertConfig config = random().addAdapter(true).build();
    try (ModelTraining training =
        ctc(config, TrainingOptions.DEFAULT.withGradientCheckpointing(true))) {
      accumulate(training, 0);
      AtomicInteger trained = new AtomicInteger();
      AtomicInteger refused = new AtomicInteger();
      for (int kilobytes = 200; kilobytes <= 1000; kilobytes += 20) {
        Thread thread =
            new Thread(
                null,
                () -> {
                  try {
                    accumulate(training, 1);
                    trained.incrementAndGet();
                  } catch (IllegalStateException e) {
                    assertTrue(e.getMessage().contains("bytes of stack left"), e.getMessage());
                    refused.incrementAndGet();
                  }
                },
                "short",
                kilobytes << 10);
        thread.start();
        thread.join();
      }
      assertEquals(41, trained.get() + refused.get());
      assertTrue(trained.get() > 20 && refused.get() > 0);
    }
  }
}
