package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.decoding.LogProbabilities;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the recorded cases do not hold: heads on ragged input, with adapters, and their losses. */
class HeadsTest {
  private static final int WIDTH = Checkpoints.WIDTH;

  private static Wav2Vec2BertConfig.Builder config() {
    return Checkpoints.smallConfig()
        .numLabels(5)
        .classifierProjSize(12)
        .tdnnDim(List.of(24, 24, 32))
        .tdnnKernel(List.of(5, 2, 1)) // 7 frames of context
        .tdnnDilation(List.of(1, 3, 1))
        .xvectorOutputDim(20);
  }

  private static Tensor random(long seed, long... shape) {
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    Random random = new Random(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.of(values, shape);
  }

  private static RaggedFeatures ragged(long seed, long... lengths) {
    return new RaggedFeatures(random(seed, Arrays.stream(lengths).sum(), WIDTH), lengths);
  }

  /** For every head, alone means: as if there were no others. */
  @Property(tries = 25)
  void everyUtteranceIsAsIfItWereAlone(
      @ForAll @Size(min = 1, max = 5) List<@IntRange(min = 9, max = 60) Integer> lengths,
      @ForAll @IntRange(max = 3) int variant,
      @ForAll long seed) {
    Wav2Vec2BertConfig config =
        config()
            .addAdapter(variant == 1)
            .useWeightedLayerSum(variant == 2)
            .adapterStride(1)
            .positionEmbeddingsType(variant == 3 ? "relative" : "relative_key")
            .build();
    long[] all = lengths.stream().mapToLong(Integer::longValue).toArray();
    // With stride 1 an adapter takes two frames; the TDNN needs nine behind it.
    Arrays.setAll(all, i -> all[i] + 2);
    assertAsIfAlone(config, seed, all);
  }

  /** Together they have more rows than one tile of the row-wise layers, alone fewer. */
  @Test
  void manyRowsAreComputedInTiles() {
    assertAsIfAlone(config().build(), 7, 700, 1000, 348);
    assertAsIfAlone(config().build(), 8, 1023, 9, 1024);
  }

  private static void assertAsIfAlone(Wav2Vec2BertConfig config, long seed, long... all) {
    for (String name : AnyModel.CLASSES) {
      try (AnyModel model = AnyModel.initialize(name, config, 5);
          RaggedFeatures together = ragged(seed, all)) {
        List<AnyModel.Result> results = model.encode(together, OutputOptions.NONE);
        float[] frames = together.frames().toFloatArray();
        int begin = 0;
        for (int u = 0; u < all.length; u++) {
          int end = begin + (int) all[u] * WIDTH;
          try (RaggedFeatures alone =
              new RaggedFeatures(
                  Tensor.of(Arrays.copyOfRange(frames, begin, end), all[u], WIDTH),
                  new long[] {all[u]})) {
            AnyModel.Result expected = model.encode(alone, OutputOptions.NONE).get(0);
            int index = u;
            assertEquals(expected.values().keySet(), results.get(u).values().keySet());
            expected
                .values()
                .forEach(
                    (what, values) ->
                        Compare.assertClose(
                            name + " " + what,
                            values.numbers(),
                            results.get(index).values().get(what).numbers(),
                            2e-5));
          }
          begin = end;
        }
      }
    }
  }

  private static double[] linear(Wav2Vec2BertPreTrainedModel model, String layer, double[] input) {
    try (Tensor weight = model.parameter(layer + ".weight");
        Tensor bias = model.parameter(layer + ".bias")) {
      float[] w = weight.toFloatArray();
      float[] b = bias.toFloatArray();
      double[] output = new double[b.length];
      for (int o = 0; o < b.length; o++) {
        output[o] = b[o];
        for (int i = 0; i < input.length; i++) {
          output[o] += (double) w[o * input.length + i] * input[i];
        }
      }
      return output;
    }
  }

  @Test
  void classificationReadsTheAdapterOfRaggedInput(@TempDir Path folder) {
    Wav2Vec2BertConfig config = config().addAdapter(true).outputHiddenSize(16).build();
    try (Wav2Vec2BertForSequenceClassification head =
        Wav2Vec2BertForSequenceClassification.initialize(config, 3)) {
      head.savePretrained(folder);
      try (Wav2Vec2BertModel encoder = Wav2Vec2BertModel.fromPretrained(folder);
          RaggedFeatures features = ragged(1, 21, 14);
          OutputList<SequenceClassifierOutput> outputs = head.encode(features);
          OutputList<BaseModelOutput> hidden = encoder.encode(features)) {
        for (int u = 0; u < 2; u++) {
          float[] mean = Pooling.MEAN.of(hidden.get(u), 0);
          assertEquals(16, mean.length);
          double[] wide = new double[mean.length];
          Arrays.setAll(wide, i -> mean[i]);
          double[] expected = linear(head, "classifier", linear(head, "projector", wide));
          Compare.assertClose("logits", expected, outputs.get(u).logits().toFloatArray(), 1e-5);
          assertArrayEquals(new long[] {5}, outputs.get(u).logits().shape());
        }
      }
    }
  }

  @Test
  void probabilitiesAreASoftmax() {
    try (Wav2Vec2BertForSequenceClassification head =
            Wav2Vec2BertForSequenceClassification.initialize(config().build(), 3);
        Features features = new Features(random(2, 2, 10, WIDTH), null);
        SequenceClassifierOutput output = head.forward(features)) {
      float[] logits = output.logits().toFloatArray();
      for (int u = 0; u < 2; u++) {
        float[] probabilities = output.probabilities(u);
        double sum = 0;
        for (int label = 0; label < 5; label++) {
          sum += probabilities[label];
          assertEquals(
              logits[u * 5 + label] - logits[u * 5],
              Math.log(probabilities[label] / probabilities[0]),
              1e-5);
        }
        assertEquals(1, sum, 1e-6);
      }
      assertThrows(IllegalArgumentException.class, () -> output.probabilities(2));
    }
  }

  @Test
  void framesTakeClassNumbersAndOneHotLabels() {
    long[] numbers = {0, 4, 2, 1, 3, 3, 0, 1};
    float[] oneHot = new float[numbers.length * 5];
    for (int i = 0; i < numbers.length; i++) {
      oneHot[i * 5 + (int) numbers[i]] = 1;
    }
    try (Wav2Vec2BertForAudioFrameClassification head =
            Wav2Vec2BertForAudioFrameClassification.initialize(config().build(), 3);
        Features features = new Features(random(4, 2, 4, WIDTH), null);
        Tensor columns = Tensor.of(oneHot, 2, 4, 5);
        FrameClassifierOutput first = head.forward(features, columns, OutputOptions.NONE)) {
      assertEquals(
          crossEntropy(first.logits().toFloatArray(), numbers),
          loss(head, features, numbers),
          1e-5);
      assertEquals(first.loss().toFloatArray()[0], loss(head, features, numbers), 1e-6);
      numbers[2] = -100; // the mean is then over the seven others
      assertEquals(
          crossEntropy(first.logits().toFloatArray(), numbers),
          loss(head, features, numbers),
          1e-5);
      numbers[2] = 5;
      Exception error =
          assertThrows(IllegalArgumentException.class, () -> loss(head, features, numbers));
      assertEquals("labels[0, 2] is 5; expected 0 to 4, or -100 to ignore it", error.getMessage());
    }
  }

  private static double loss(
      Wav2Vec2BertForAudioFrameClassification head, Features features, long[] numbers) {
    try (Tensor labels = Tensor.of(numbers, 2, 4);
        FrameClassifierOutput output = head.forward(features, labels, OutputOptions.NONE)) {
      return output.loss().toFloatArray()[0];
    }
  }

  /** In float64, over five classes. */
  private static double crossEntropy(float[] logits, long[] labels) {
    double sum = 0;
    int counted = 0;
    for (int row = 0; row < labels.length; row++) {
      if (labels[row] == -100) {
        continue;
      }
      double exponentials = 0;
      for (int i = 0; i < 5; i++) {
        exponentials += Math.exp(logits[row * 5 + i]);
      }
      sum += Math.log(exponentials) - logits[row * 5 + (int) labels[row]];
      counted++;
    }
    return sum / counted;
  }

  @Test
  void framesTakeTruthValues() {
    boolean[] oneHot = new boolean[40];
    float[] numbers = new float[40];
    for (int frame = 0; frame < 8; frame++) {
      oneHot[frame * 5 + frame % 5] = true;
      numbers[frame * 5 + frame % 5] = 1;
    }
    try (Wav2Vec2BertForAudioFrameClassification head =
            Wav2Vec2BertForAudioFrameClassification.initialize(config().build(), 3);
        Features features = new Features(random(4, 2, 4, WIDTH), null);
        Tensor truths = Tensor.of(oneHot, 2, 4, 5);
        Tensor floats = Tensor.of(numbers, 2, 4, 5);
        FrameClassifierOutput first = head.forward(features, truths, OutputOptions.NONE);
        FrameClassifierOutput second = head.forward(features, floats, OutputOptions.NONE)) {
      assertEquals(second.loss().toFloatArray()[0], first.loss().toFloatArray()[0]);
    }
  }

  @Test
  void aModelWithoutLabelsIsRefused() {
    Wav2Vec2BertConfig none =
        Wav2Vec2BertConfig.parse("{\"model_type\": \"wav2vec2-bert\", \"id2label\": {}}");
    assertEquals(0, none.numLabels());
    for (String name : AnyModel.CLASSES.subList(2, 5)) {
      Exception error =
          assertThrows(
              IllegalArgumentException.class,
              () -> AnyModel.initialize(name, none.toBuilder().numHiddenLayers(1).build(), 1));
      assertTrue(error.getMessage().startsWith("id2label is empty"), error.getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> config().labels(List.of()));
    Wav2Vec2BertConfig counted =
        Wav2Vec2BertConfig.parse("{\"model_type\": \"wav2vec2-bert\", \"num_labels\": 7}");
    assertEquals(7, counted.numLabels());
    assertEquals("LABEL_6", counted.id2label().get(6));
    assertEquals(5, config().build().numLabels());
  }

  /** A thread writes other labels while the loss is computed: an error at most, never a crash. */
  @Test
  void labelsMayChangeDuringACall() throws InterruptedException {
    try (Wav2Vec2BertForXVector head = Wav2Vec2BertForXVector.initialize(config().build(), 3);
        Features features = new Features(random(5, 3, 20, WIDTH), null);
        Tensor labels = Tensor.of(new long[3], 3)) {
      AtomicBoolean done = new AtomicBoolean();
      LongBuffer numbers = labels.asByteBuffer().asLongBuffer();
      Thread writer =
          new Thread(
              () -> {
                for (long i = 0; !done.get(); i++) {
                  numbers.put(2, i % 2 == 0 ? 0 : 1L << 40);
                }
              });
      writer.start();
      try {
        for (int i = 0; i < 200; i++) {
          try (XVectorOutput output = head.forward(features, labels, OutputOptions.NONE)) {
            assertTrue(Float.isFinite(output.loss().toFloatArray()[0]));
          } catch (IllegalArgumentException e) {
            assertTrue(e.getMessage().startsWith("labels[2] is"), e.getMessage());
          }
        }
      } finally {
        done.set(true);
        writer.join();
      }
    }
  }

  @Test
  void additiveMarginSoftmaxHasItsScaleAndMargin() {
    try (Wav2Vec2BertForXVector head = Wav2Vec2BertForXVector.initialize(config().build(), 3);
        Features features = new Features(random(5, 3, 20, WIDTH), null);
        Tensor labels = Tensor.of(new long[] {4, -100, 1}, 3);
        Tensor weight = head.parameter("objective.weight")) {
      for (AmSoftmax numbers : List.of(AmSoftmax.DEFAULT, new AmSoftmax(12, 0.1))) {
        try (XVectorOutput output = head.forward(features, labels, OutputOptions.NONE, numbers)) {
          float[] logits = output.logits().toFloatArray();
          float[] w = weight.toFloatArray();
          float[] scaled = new float[15];
          for (int row = 0; row < 3; row++) {
            for (int speaker = 0; speaker < 5; speaker++) {
              float[] column = new float[20];
              for (int i = 0; i < 20; i++) {
                column[i] = w[i * 5 + speaker];
              }
              double cosine =
                  Pooling.cosine(Arrays.copyOfRange(logits, row * 20, row * 20 + 20), column);
              boolean right = speaker == new int[] {4, -1, 1}[row];
              scaled[row * 5 + speaker] =
                  (float) (numbers.scale() * (cosine - (right ? numbers.margin() : 0)));
            }
          }
          assertEquals(
              crossEntropy(scaled, new long[] {4, -100, 1}), output.loss().toFloatArray()[0], 1e-4);
        }
      }
    }
    assertThrows(IllegalArgumentException.class, () -> new AmSoftmax(Double.NaN, 0));
  }

  @Test
  void xVectorsNeedTwoFramesBehindTheKernels() {
    try (Wav2Vec2BertForXVector head = Wav2Vec2BertForXVector.initialize(config().build(), 3);
        RaggedFeatures enough = ragged(6, 9);
        RaggedFeatures tooShort = ragged(7, 12, 8);
        OutputList<XVectorOutput> outputs = head.encode(enough)) {
      for (float value : outputs.get(0).embeddings().toFloatArray()) {
        assertTrue(Float.isFinite(value));
      }
      Exception error = assertThrows(IllegalArgumentException.class, () -> head.encode(tooShort));
      assertEquals(
          "utterance 1 has 8 frames, of which the TDNN leaves 1; expected at least 2, to have a"
              + " standard deviation",
          error.getMessage());
    }
  }

  @Test
  void logProbabilitiesAreThoseOfTheValidFrames() {
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.initialize(config().build(), 3);
        Features features =
            new Features(
                random(8, 2, 4, WIDTH), Tensor.of(new int[] {1, 1, 1, 1, 1, 1, 0, 0}, 2, 4));
        CtcOutput output = model.forward(features)) {
      LogProbabilities second = output.logProbabilities(1);
      assertEquals(2, second.time());
      assertEquals(20, second.vocabulary());
      assertArrayEquals(output.bestPath(1), second.bestPath());
      float[] logits = output.logits().toFloatArray();
      for (int t = 0; t < 2; t++) {
        double sum = 0;
        for (int token = 0; token < 20; token++) {
          int at = ((4 + t) * 20) + token;
          assertEquals(
              logits[at] - logits[at - token], second.get(t, token) - second.get(t, 0), 1e-5);
          sum += Math.exp(second.get(t, token));
        }
        assertEquals(1, sum, 1e-6);
      }
      assertThrows(IllegalArgumentException.class, () -> output.logProbabilities(2));
    }
  }

  @Test
  void layersTooLargeForTheMachineAreAnError() {
    Wav2Vec2BertConfig huge =
        config().tdnnKernel(List.of(Integer.MAX_VALUE, 1, 1)).tdnnDim(List.of(4096, 1, 1)).build();
    RuntimeException error =
        assertThrows(RuntimeException.class, () -> Wav2Vec2BertForXVector.initialize(huge, 1));
    assertTrue(error instanceof W2vBertException, error.toString());
  }

  @Test
  void poolingEqualsItsFormulas() {
    float[] rows = {1, 10, 2, 20, 6, 60};
    assertArrayEquals(new float[] {3, 30}, Pooling.MEAN.of(rows, 2));
    assertArrayEquals(
        new float[] {3, 30, (float) Math.sqrt(7), (float) Math.sqrt(700)},
        Pooling.STATISTICS.of(rows, 2),
        1e-5f);
    assertArrayEquals(new float[] {1, 10, 0, 0}, Pooling.STATISTICS.of(new float[] {1, 10}, 2));
    assertThrows(IllegalArgumentException.class, () -> Pooling.MEAN.of(new float[0], 2));
    assertThrows(IllegalArgumentException.class, () -> Pooling.MEAN.of(rows, 4));
    float[] diagonal = {1, 1};
    float[] axis = {2, 0};
    assertEquals(Math.sqrt(0.5), Pooling.cosine(diagonal, axis), 1e-12);
    assertEquals(0, Pooling.cosine(diagonal, new float[2]));
    assertEquals(-1, Pooling.cosine(axis, new float[] {-5, 0}));
    assertThrows(IllegalArgumentException.class, () -> Pooling.cosine(axis, new float[3]));
    double[][] all = Pooling.cosines(List.of(diagonal, axis));
    assertEquals(all[0][1], all[1][0]);
    assertEquals(1, all[0][0], 1e-12);
  }

  @Test
  void pooledFramesAreTheValidOnes() {
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.initialize(config().build(), 3);
        Features features =
            new Features(
                random(8, 2, 4, WIDTH), Tensor.of(new int[] {1, 1, 1, 1, 1, 1, 0, 0}, 2, 4));
        BaseModelOutput output = model.forward(features)) {
      float[] hidden = output.lastHiddenState().toFloatArray();
      int width = hidden.length / 8;
      assertArrayEquals(
          Pooling.MEAN.of(Arrays.copyOfRange(hidden, 4 * width, 6 * width), width),
          Pooling.MEAN.of(output, 1));
      assertThrows(IllegalArgumentException.class, () -> Pooling.MEAN.of(output, 2));
    }
  }

  @Test
  void aModelOpenedForALayerHoldsAndComputesNothingBehindIt(@TempDir Path folder) {
    Wav2Vec2BertConfig config = config().numHiddenLayers(3).addAdapter(true).build();
    try (Wav2Vec2BertForCTC whole = Wav2Vec2BertForCTC.initialize(config, 9);
        RaggedFeatures features = ragged(9, 17, 5)) {
      whole.savePretrained(folder);
      for (int layer = 1; layer <= 3; layer++) {
        try (Wav2Vec2BertModel part =
                Wav2Vec2BertModel.fromPretrained(folder, LoadOptions.DEFAULT.withLayer(layer));
            OutputList<BaseModelOutput> expected = whole.encode(features, layer);
            OutputList<BaseModelOutput> actual = part.encode(features)) {
          for (int u = 0; u < 2; u++) {
            assertArrayEquals(
                expected.get(u).lastHiddenState().toFloatArray(),
                actual.get(u).lastHiddenState().toFloatArray());
          }
          List<String> behind = new ArrayList<>();
          for (ParameterInfo parameter : part.parameters()) {
            if (parameter.name().matches("(encoder.layers.[" + layer + "-9]|adapter).*")) {
              behind.add(parameter.name());
            }
          }
          assertEquals(List.of(), behind);
          assertEquals(layer, part.config().numHiddenLayers());
          // Its folder has nothing else either, so that nothing else can have been read.
          Path alone = folder.resolve("layer" + layer);
          part.savePretrained(alone);
          try (Wav2Vec2BertModel again =
              Wav2Vec2BertModel.fromPretrained(alone, LoadOptions.DEFAULT.withLayer(layer))) {
            assertEquals(part.parameters().size(), again.parameters().size());
            assertEquals(List.of(), again.loadReport().unexpected());
          }
        }
      }
      for (int layer : new int[] {-1, 0, 4}) {
        assertThrows(
            IllegalArgumentException.class,
            () -> Wav2Vec2BertModel.fromPretrained(folder, LoadOptions.DEFAULT.withLayer(layer)));
      }
      Exception error =
          assertThrows(
              IllegalArgumentException.class,
              () -> Wav2Vec2BertForCTC.fromPretrained(folder, LoadOptions.DEFAULT.withLayer(2)));
      assertTrue(error.getMessage().contains("Wav2Vec2BertForCTC has a head"), error.getMessage());
    }
  }
}
