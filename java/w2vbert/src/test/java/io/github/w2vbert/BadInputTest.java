package io.github.w2vbert;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a caller or a file does wrong, it is told so; nothing ends the process. */
class BadInputTest {
  private static final int WIDTH = Checkpoints.WIDTH;
  private static final Path CTC = Golden.dir().resolve("models/ctc_mean");

  private static Wav2Vec2BertForCTC ctc;
  private static Wav2Vec2BertModel model;

  @TempDir Path folder;

  @BeforeAll
  static void load() {
    ctc = Wav2Vec2BertForCTC.fromPretrained(CTC);
    model = Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1);
  }

  @AfterAll
  static void close() {
    ctc.close();
    model.close();
  }

  private static void assertRefused(String expected, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(expected), error.getMessage());
  }

  // Padded calls

  private static void assertForwardRefused(String expected, Tensor input, Tensor mask) {
    try (Features features = new Features(input, mask)) {
      assertRefused(expected, () -> ctc.forward(features));
      assertRefused(expected, () -> model.forward(features));
    }
  }

  private static Tensor zeros(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  @Test
  void featuresOfAnotherShapeOrType() {
    String expected = "expected float32 [batch, time, 40]";
    assertForwardRefused("float32 [1, 8, 39]; " + expected, zeros(1, 8, 39), null);
    assertForwardRefused("float32 [8, 40]; " + expected, zeros(8, WIDTH), null);
    assertForwardRefused("float32 [1, 1, 8, 40]; " + expected, zeros(1, 1, 8, WIDTH), null);
    assertForwardRefused("float32 []; " + expected, zeros(), null);
    for (DType type : DType.values()) {
      if (type != DType.FLOAT32) {
        assertForwardRefused(
            type + " [1, 8, 40]; " + expected, Tensor.zeros(type, 1, 8, WIDTH), null);
      }
    }
  }

  @Test
  void emptyFeatures() {
    String noFrames = "utterance 0 has 0 frames; expected at least one";
    String noUtterances = "the batch has no utterances; expected at least one";
    assertForwardRefused(noFrames, zeros(1, 0, WIDTH), null);
    assertForwardRefused(noUtterances, zeros(0, 8, WIDTH), null);
    assertForwardRefused(noUtterances, zeros(0, 0, WIDTH), null);
    // No numbers, but nothing may be made for each of the utterances or frames.
    assertForwardRefused(noFrames, zeros(1L << 40, 0, WIDTH), null);
    assertForwardRefused(noUtterances, zeros(0, 1L << 40, WIDTH), null);
  }

  @Test
  void masksOfAnotherShape() {
    String expected = "expected [2, 8], like input_features";
    for (long[] shape :
        new long[][] {{2, 7}, {2, 9}, {1, 8}, {8, 2}, {16}, {2, 8, 1}, {}, {0, 8}}) {
      try (Features features = new Features(zeros(2, 8, WIDTH), Tensor.zeros(DType.INT64, shape))) {
        assertRefused(
            "attention_mask is int64 " + Arrays.toString(shape), () -> ctc.forward(features));
        assertRefused(expected, () -> model.forward(features));
      }
      try (Features features = new Features(zeros(2, 8, WIDTH), null);
          Tensor masked = Tensor.zeros(DType.INT64, shape)) {
        assertRefused(
            "mask_time_indices is int64 " + Arrays.toString(shape) + "; " + expected,
            () -> model.forward(features, masked, OutputOptions.NONE));
      }
    }
  }

  @Test
  void masksOfEveryTypeMeanTheSame() {
    float[] expected = null;
    float[] expectedMasked = null;
    for (DType type : DType.values()) {
      try (Features features = new Features(zeros(1, 4, WIDTH), mask(type, 1, 1, 1, 0));
          Tensor masked = mask(type, 0, 1, 0, 0);
          BaseModelOutput output = model.forward(features, null, OutputOptions.NONE);
          BaseModelOutput outputMasked = model.forward(features, masked, OutputOptions.NONE)) {
        assertEquals(List.of(3L), output.lengths(), type.toString());
        if (expected == null) {
          expected = output.lastHiddenState().toFloatArray();
          expectedMasked = outputMasked.lastHiddenState().toFloatArray();
        }
        assertArrayEquals(expected, output.lastHiddenState().toFloatArray());
        assertArrayEquals(expectedMasked, outputMasked.lastHiddenState().toFloatArray());
      }
    }
  }

  private static Tensor mask(DType type, int... values) {
    Tensor mask = Tensor.zeros(type, 1, values.length);
    var buffer = mask.asByteBuffer();
    for (int i = 0; i < values.length; i++) {
      switch (type) {
        case UINT8, INT8, BOOL -> buffer.put(i, (byte) values[i]);
        case FLOAT8 -> buffer.put(i, (byte) (values[i] * 0x38));
        case INT16 -> buffer.putShort(2 * i, (short) values[i]);
        case FLOAT16 -> buffer.putShort(2 * i, (short) (values[i] * 0x3C00));
        case BFLOAT16 -> buffer.putShort(2 * i, (short) (values[i] * 0x3F80));
        case INT32 -> buffer.putInt(4 * i, values[i]);
        case FLOAT32 -> buffer.putFloat(4 * i, values[i]);
        case INT64 -> buffer.putLong(8 * i, values[i]);
        case FLOAT64 -> buffer.putDouble(8 * i, values[i]);
      }
    }
    return mask;
  }

  @Test
  void everyNumberButZeroIsValid() {
    try (Features given =
            new Features(zeros(1, 4, WIDTH), Tensor.of(new long[] {-1, 7, 1L << 40, 0}, 1, 4));
        BaseModelOutput output = model.forward(given)) {
      assertEquals(List.of(3L), output.lengths());
    }
  }

  @Test
  void framesToMaskWithoutAnEmbedding() {
    Wav2Vec2BertConfig config = Checkpoints.smallConfig().maskTimeProb(0).build();
    try (Wav2Vec2BertModel plain = Wav2Vec2BertModel.initialize(config, 1);
        Features features = new Features(zeros(1, 4, WIDTH), null);
        Tensor masked = mask(DType.BOOL, 0, 1, 0, 0)) {
      assertRefused(
          "mask_time_indices is given, but this model has no masked_spec_embed",
          () -> plain.forward(features, masked, OutputOptions.NONE));
    }
  }

  @Test
  void labelsThatDoNotFit() {
    try (Features features = new Features(zeros(2, 8, WIDTH), null)) {
      assertLabelsRefused("labels[1, 0] is 20", features, Tensor.of(new long[] {1, 20}, 2, 1));
      assertLabelsRefused(
          "labels[0, 1] is 9223372036854775807; expected less than vocab_size, 20",
          features,
          Tensor.of(new long[] {1, Long.MAX_VALUE, 2, 3}, 2, 2));
      String expected = "expected int64 [2, labels]";
      assertLabelsRefused(
          "labels is int32 [2, 1]; " + expected, features, Tensor.of(new int[2], 2, 1));
      assertLabelsRefused("labels is float32 [2, 1]; " + expected, features, zeros(2, 1));
      assertLabelsRefused("labels is int64 [2]; " + expected, features, Tensor.of(new long[2], 2));
      assertLabelsRefused(
          "labels is int64 [1, 2]; " + expected, features, Tensor.of(new long[2], 1, 2));
      assertLabelsRefused(
          "labels is int64 [3, 1]; " + expected, features, Tensor.of(new long[3], 3, 1));
    }
  }

  private static void assertLabelsRefused(String expected, Features features, Tensor labels) {
    try (labels) {
      assertRefused(expected, () -> ctc.forward(features, labels, OutputOptions.NONE));
    }
  }

  @Test
  void labelsThatMeanNothingToSay() {
    for (Tensor labels :
        List.of(Tensor.of(new long[] {Long.MIN_VALUE, -1}, 1, 2), Tensor.of(new long[0], 1, 0))) {
      try (labels;
          Features features = new Features(zeros(1, 8, WIDTH), null);
          CtcOutput output = ctc.forward(features, labels, OutputOptions.NONE)) {
        assertTrue(Float.isFinite(output.loss().toFloatArray()[0]));
      }
    }
  }

  @Test
  void aBlankThatIsNoToken() {
    for (Integer blank : new Integer[] {null, -1, 20, Integer.MAX_VALUE}) {
      Wav2Vec2BertConfig config = Checkpoints.smallConfig().padTokenId(blank).build();
      try (Wav2Vec2BertForCTC odd = Wav2Vec2BertForCTC.initialize(config, 1);
          Features features = new Features(zeros(1, 8, WIDTH), null);
          Tensor labels = Tensor.of(new long[] {1}, 1, 1)) {
        odd.forward(features).close();
        assertRefused(
            "pad_token_id is " + blank, () -> odd.forward(features, labels, OutputOptions.NONE));
      }
    }
  }

  @Test
  void utterancesThatDoNotExist() {
    try (Features features = new Features(zeros(2, 8, WIDTH), null);
        CtcOutput output = ctc.forward(features)) {
      assertEquals(8, output.bestPath(1).length);
      assertRefused("utterance is 2; this output has 2", () -> output.bestPath(2));
      assertRefused("utterance is -1; this output has 2", () -> output.bestPath(-1));
    }
  }

  // Ragged calls

  private static void assertEncodeRefused(String expected, Tensor frames, long... lengths) {
    try (RaggedFeatures features = new RaggedFeatures(frames, lengths)) {
      assertRefused(expected, () -> ctc.encode(features));
      assertRefused(expected, () -> model.encode(features));
      assertRefused(expected, () -> model.encode(features, 1));
    }
  }

  @Test
  void raggedFeaturesOfAnotherShapeOrType() {
    String expected = "expected float32 [total_time, 40]";
    assertEncodeRefused("float32 [8, 39]; " + expected, zeros(8, 39), 8);
    assertEncodeRefused("float32 [1, 8, 40]; " + expected, zeros(1, 8, WIDTH), 8);
    assertEncodeRefused("float32 [40]; " + expected, zeros(WIDTH), 1);
    assertEncodeRefused("float64 [8, 40]; " + expected, Tensor.zeros(DType.FLOAT64, 8, WIDTH), 8);
  }

  @Test
  void lengthsThatDoNotAddUp() {
    assertEncodeRefused("the batch has no utterances", zeros(0, WIDTH));
    assertEncodeRefused("the batch has no utterances", zeros(8, WIDTH));
    assertEncodeRefused("utterance 1 has 0 frames", zeros(8, WIDTH), 8, 0);
    assertEncodeRefused("utterance 0 has 0 frames", zeros(0, WIDTH), 0);
    assertEncodeRefused("utterance 1 has -1 frames", zeros(8, WIDTH), 4, -1);
    assertEncodeRefused(
        "the lengths add up to 7 frames, but input_features is float32 [8, 40]",
        zeros(8, WIDTH),
        7);
    assertEncodeRefused("the lengths add up to 2 frames", zeros(8, WIDTH), 1, 1);
    assertEncodeRefused(
        "utterance 0 has 9 frames, but only 8 are left of input_features, float32 [8, 40]",
        zeros(8, WIDTH),
        9);
    assertEncodeRefused("utterance 1 has 5 frames, but only 4 are left", zeros(8, WIDTH), 4, 5);
  }

  @Test
  void lengthsWhoseSumOverflows() {
    long max = Long.MAX_VALUE;
    assertEncodeRefused("utterance 0 has -9223372036854775808", zeros(8, WIDTH), Long.MIN_VALUE);
    String first = "utterance 0 has 9223372036854775807 frames, but only 8 are left";
    assertEncodeRefused(first, zeros(8, WIDTH), max);
    assertEncodeRefused(first, zeros(8, WIDTH), max, max);
    // The sums are 8 modulo 2^64.
    assertEncodeRefused(first, zeros(8, WIDTH), max, max, 10);
    assertEncodeRefused(
        "utterance 1 has 9223372036854775807 frames, but only 4 are left",
        zeros(8, WIDTH),
        4,
        max,
        max,
        6);
  }

  @Test
  void layersThatDoNotExist() {
    try (RaggedFeatures features = new RaggedFeatures(zeros(8, WIDTH), new long[] {8})) {
      for (int layer : new int[] {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        assertRefused(
            "layer is " + layer + "; this model has the hidden states 0 to 2",
            () -> model.encode(features, layer));
      }
      for (int layer = 0; layer <= 2; layer++) {
        try (BaseModelOutput output = model.encode(features, layer).get(0)) {
          assertArrayEquals(new long[] {8, 32}, output.lastHiddenState().shape());
        }
      }
    }
  }

  @Test
  void utterancesTooShortForTheAdapter() {
    Wav2Vec2BertConfig config =
        Checkpoints.smallConfig().addAdapter(true).adapterKernelSize(8).adapterStride(2).build();
    try (Wav2Vec2BertModel adapted = Wav2Vec2BertModel.initialize(config, 1);
        RaggedFeatures features = new RaggedFeatures(zeros(12, WIDTH), new long[] {9, 3});
        Features padded = new Features(zeros(2, 3, WIDTH), null)) {
      String expected = " has 3 frames, too few for the adapter's kernel of 8";
      assertRefused("utterance 1" + expected, () -> adapted.encode(features));
      assertRefused("utterance 0" + expected, () -> adapted.forward(padded));
    }
  }

  @Test
  void lossesOverMoreFramesThanTheAdapterMakes() {
    // The reference's formula counts a padding that its convolution does not have.
    Wav2Vec2BertConfig config =
        Checkpoints.smallConfig().addAdapter(true).adapterKernelSize(3).adapterStride(1).build();
    try (Wav2Vec2BertForCTC adapted = Wav2Vec2BertForCTC.initialize(config, 1);
        Features features = new Features(zeros(1, 8, WIDTH), null);
        Tensor labels = Tensor.of(new long[] {1}, 1, 1)) {
      assertRefused(
          "utterance 0 has 8 output frames by the reference's formula, but the adapter made 6",
          () -> adapted.forward(features, labels, OutputOptions.NONE));
    }
  }

  // Null

  @Test
  void nullIsRefused() throws IOException {
    Path none = null;
    try (Features features = new Features(zeros(1, 4, WIDTH), null);
        RaggedFeatures ragged = new RaggedFeatures(zeros(4, WIDTH), new long[] {4});
        FeatureExtractor extractor = FeatureExtractor.parse("{}");
        FbankStream stream = extractor.stream()) {
      for (Executable call :
          List.<Executable>of(
              () -> ctc.forward(null),
              () -> ctc.forward(null, null, OutputOptions.NONE),
              () -> ctc.forward(features, null, null),
              () -> ctc.encode(null),
              () -> ctc.encode(null, 1),
              () -> ctc.encode(ragged, null),
              () -> model.forward(null),
              () -> model.forward(features, null, null),
              () -> model.encode(null),
              () -> model.parameter(null),
              () -> new Features(null, null),
              () -> new RaggedFeatures(null, new long[0]),
              () -> new RaggedFeatures(ragged.frames(), null),
              () -> new ExtractOptions(null, false, null, null, null, true),
              () -> extractor.extract(null),
              () -> extractor.extract(List.of(), null),
              () -> extractor.savePretrained(null),
              () -> stream.push((float[]) null),
              () -> stream.push(null, 0, 0),
              () -> FeatureExtractor.parse(null),
              () -> FeatureExtractor.fromPretrained(none),
              () -> Wav2Vec2BertConfig.parse(null),
              () -> Wav2Vec2BertConfig.fromPretrained(none),
              () -> Wav2Vec2BertForCTC.fromPretrained(none),
              () -> Wav2Vec2BertForCTC.fromPretrained(CTC, null),
              () -> Wav2Vec2BertForCTC.initialize(null, 1),
              () -> Wav2Vec2BertModel.fromPretrained(none),
              () -> Wav2Vec2BertModel.initialize(null, 1),
              () -> LoadOptions.DEFAULT.withConfig(null),
              () -> Tensor.zeros(null, 1),
              () -> Tensor.zeros(DType.FLOAT32, (long[]) null),
              () -> Tensor.of((float[]) null, 1),
              () -> Tensor.of(new float[1], (long[]) null),
              () -> new Wav2Vec2BertProcessor(null, null))) {
        assertThrows(NullPointerException.class, call);
      }
    }
  }

  // Tensors

  @Test
  void shapesThatDoNotFit() {
    assertRefused(
        "shape [2, 2] has 4 elements, but 3 values are given", () -> Tensor.of(new float[3], 2, 2));
    assertRefused("shape [] has 1 elements, but 0 values are given", () -> Tensor.of(new float[0]));
    assertRefused("shape is [-1]; expected no negative size", () -> zeros(-1));
    assertRefused("shape is [-1, -1]", () -> Tensor.of(new long[1], -1, -1));
    assertRefused("shape is [0, -1]", () -> zeros(0, -1));
    for (DType type : DType.values()) {
      for (long[] shape :
          new long[][] {
            {Long.MAX_VALUE},
            {Long.MAX_VALUE, 2},
            {1L << 32, 1L << 32},
            {1L << 31, 1L << 31},
            {1L << 40},
            {1L << 31},
            {Long.MAX_VALUE, Long.MAX_VALUE, 0},
            {0, Long.MAX_VALUE, Long.MAX_VALUE}
          }) {
        assertRefused(Arrays.toString(shape), () -> Tensor.zeros(type, shape));
      }
    }
  }

  @Test
  void tensorsOfAnyShape() {
    for (long[] shape : new long[][] {{}, {0}, {3, 0, 2}, {0, 5}, {1, 1, 1, 1, 1, 1, 1, 1, 2}}) {
      try (Tensor tensor = zeros(shape)) {
        assertArrayEquals(shape, tensor.shape());
        assertEquals(shape.length, tensor.dimensions());
        assertEquals(tensor.elements(), tensor.toFloatArray().length);
        assertEquals(tensor.elements() * 4, tensor.asByteBuffer().capacity());
        assertRefused("axis " + shape.length + " does not exist", () -> tensor.size(shape.length));
        assertRefused("does not exist", () -> tensor.size(-shape.length - 1));
        assertRefused("does not exist", () -> tensor.size(Integer.MIN_VALUE));
      }
    }
  }

  @Test
  void elementsOfAnotherType() {
    for (DType type : DType.values()) {
      try (Tensor tensor = Tensor.zeros(type, 2)) {
        boolean integers = List.of(DType.INT32, DType.INT64, DType.BOOL).contains(type);
        if (type != DType.FLOAT32) {
          assertThrows(IllegalStateException.class, tensor::toFloatArray);
        }
        if (integers) {
          assertArrayEquals(new long[2], tensor.toLongArray());
        } else {
          assertThrows(IllegalStateException.class, tensor::toLongArray);
        }
      }
    }
  }

  // Feature extractors

  @Test
  void malformedExtractors() {
    for (String json :
        List.of(
            "",
            "{",
            "[]",
            "null",
            "3",
            "{\"stride\": 2.5}",
            "{\"stride\": -1}",
            "{\"stride\": 9223372036854775808}",
            "{\"num_mel_bins\": 0}",
            "{\"num_mel_bins\": -80}",
            "{\"num_mel_bins\": 9223372036854775807}",
            "{\"num_mel_bins\": 2147483647}",
            "{\"sampling_rate\": 0}",
            "{\"sampling_rate\": -16000}",
            "{\"sampling_rate\": 9223372036854775807}",
            "{\"padding_value\": \"x\"}",
            "{\"padding_side\": 1}",
            "{\"return_attention_mask\": 1}",
            "{\"feature_extractor_type\": \"WhisperFeatureExtractor\"}",
            "{\"stride\": 2, \"stride\": 2}",
            "\u0000")) {
      assertThrows(
          IllegalArgumentException.class, () -> FeatureExtractor.parse(json).close(), json);
    }
    assertRefused("has no preprocessor_config.json", () -> FeatureExtractor.fromPretrained(folder));
  }

  @Test
  void optionsOutOfRange() {
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}")) {
      List<Audio> clips = List.of(Audio.of(new float[2000], 16_000));
      ExtractOptions options = ExtractOptions.DEFAULT;
      assertRefused("maxLength is -1", () -> extractor.extract(clips, options.withMaxLength(-1L)));
      assertRefused(
          "max_length is 9223372036854775807",
          () -> extractor.extract(clips, options.withMaxLength(Long.MAX_VALUE)));
      assertRefused(
          "pad_to_multiple_of is 0",
          () -> extractor.extract(clips, options.withPadToMultipleOf(0L)));
      assertRefused(
          "padToMultipleOf is -2",
          () -> extractor.extract(clips, options.withPadToMultipleOf(-2L)));
      assertRefused(
          "pad_to_multiple_of is 9223372036854775807",
          () -> extractor.extract(clips, options.withPadToMultipleOf(Long.MAX_VALUE)));
    }
  }

  @Test
  void clipsOfSeveralChannels() {
    Audio stereo = Audio.ofInterleaved(new float[2000], 2, 16_000);
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}")) {
      String expected = "clip 0 has 2 channels; choose one with channel(int)";
      assertRefused(expected, () -> extractor.extract(List.of(stereo)));
      assertRefused(expected, () -> extractor.extractRagged(List.of(stereo)));
      assertRefused(expected, () -> extractor.fbank(stereo));
    }
  }

  @Test
  void streamsThatHaveEnded() {
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}");
        FbankStream stream = extractor.stream()) {
      assertThrows(IndexOutOfBoundsException.class, () -> stream.push(new float[3], 2, 2));
      assertThrows(IndexOutOfBoundsException.class, () -> stream.push(new float[3], -1, 2));
      assertEquals(0, stream.push().length);
      assertEquals(0, stream.push(new float[100]).length);
      assertEquals(100, stream.finish());
      assertThrows(IllegalStateException.class, () -> stream.push(new float[1]));
    }
  }

  // Files

  /** A folder with the configuration of the recorded model and the given weights. */
  private Path checkpoint(byte[] weights) throws IOException {
    Files.copy(
        CTC.resolve("config.json"),
        folder.resolve("config.json"),
        StandardCopyOption.REPLACE_EXISTING);
    // Under another inode: a mapping of the file before must not change.
    Files.deleteIfExists(folder.resolve("model.safetensors"));
    Files.write(folder.resolve("model.safetensors"), weights);
    return folder;
  }

  @Test
  void truncatedWeights() throws IOException {
    byte[] whole = Files.readAllBytes(CTC.resolve("model.safetensors"));
    Random random = new Random(5);
    for (int i = 0; i < 200; i++) {
      int length = i < 40 ? i : i < 80 ? whole.length - (i - 39) : random.nextInt(whole.length);
      Path path = checkpoint(Arrays.copyOf(whole, length));
      assertRefused("model.safetensors", () -> Wav2Vec2BertForCTC.fromPretrained(path));
    }
  }

  @Test
  void weightsWithMoreThanTheHeaderSays() throws IOException {
    byte[] whole = Files.readAllBytes(CTC.resolve("model.safetensors"));
    Path path = checkpoint(Arrays.copyOf(whole, whole.length + 1));
    assertRefused("the end of the file", () -> Wav2Vec2BertForCTC.fromPretrained(path));
  }

  @Test
  void damagedHeaders() throws IOException {
    byte[] whole = Files.readAllBytes(CTC.resolve("model.safetensors"));
    int header = 8 + (whole[0] & 0xFF) + ((whole[1] & 0xFF) << 8) + ((whole[2] & 0xFF) << 16);
    Random random = new Random(6);
    int refused = 0;
    int rounds = 400;
    for (int i = 0; i < rounds; i++) {
      byte[] damaged = whole.clone();
      for (int flips = 1 + i % 3; flips > 0; flips--) {
        int at = i < 64 ? i / 8 : random.nextInt(header);
        damaged[at] ^= (byte) (1 << (i < 64 ? i % 8 : random.nextInt(8)));
      }
      Path path = checkpoint(damaged);
      try (Wav2Vec2BertForCTC loaded = Wav2Vec2BertForCTC.fromPretrained(path);
          Features features = new Features(zeros(1, 5, WIDTH), null)) {
        loaded.forward(features).close(); // a name that does not matter: everything can be read
      } catch (IllegalArgumentException e) {
        assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > rounds * 0.8, refused + " of " + rounds);
  }

  @Test
  void headersThatLie() throws IOException {
    for (String tensor :
        List.of(
            "{\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0, 32]}",
            "{\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [16, 0]}",
            "{\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [-16, 0]}",
            "{\"dtype\": \"F32\", \"shape\": [5], \"data_offsets\": [0, 16]}",
            "{\"dtype\": \"F32\", \"shape\": [-4], \"data_offsets\": [0, 16]}",
            "{\"dtype\": \"F32\", \"shape\": [4611686018427387905], \"data_offsets\": [0, 4]}",
            "{\"dtype\": \"F32\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 0]}",
            "{\"dtype\": \"F32\", \"shape\": 4, \"data_offsets\": [0, 16]}",
            "{\"dtype\": 32, \"shape\": [4], \"data_offsets\": [0, 16]}",
            "{\"shape\": [4], \"data_offsets\": [0, 16]}",
            "{\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0, 18446744073709551615]}",
            "{\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0]}",
            "[]")) {
      Path path = checkpoint(Checkpoints.file("{\"x\": " + tensor + "}", new byte[16]));
      assertRefused("\"x\"", () -> Wav2Vec2BertForCTC.fromPretrained(path));
    }
    for (String header : List.of("", "{", "[]", "{}", "\u0000", "{\"x\": ".repeat(10_000))) {
      Path path = checkpoint(Checkpoints.file(header, new byte[0]));
      assertRefused(folder.toString(), () -> Wav2Vec2BertForCTC.fromPretrained(path));
    }
  }

  @Test
  void parametersThatAreMissingOrOfAnotherShapeOrType() throws IOException {
    Map<String, Tensor> tensors = new TreeMap<>();
    for (ParameterInfo parameter : ctc.parameters()) {
      tensors.put(parameter.name(), ctc.parameter(parameter.name()));
    }
    try (Tensor extra = zeros(3);
        Tensor scalar = zeros();
        Tensor transposed = zeros(48, 24);
        Tensor integers = Tensor.zeros(DType.INT64, 20)) {
      checkpoint(new byte[0]);
      tensors.put("some.thing", extra);
      tensors.put("other", scalar);
      Checkpoints.save(tensors, folder);
      try (Wav2Vec2BertForCTC loaded = Wav2Vec2BertForCTC.fromPretrained(folder)) {
        assertEquals(List.of("other", "some.thing"), loaded.loadReport().unexpected());
        assertEquals(List.of(), loaded.loadReport().missing());
      }

      Map<String, Tensor> changed = new TreeMap<>(tensors);
      String norm = "wav2vec2_bert.encoder.layers.1.final_layer_norm.weight";
      assertTrue(changed.remove(norm) != null);
      changed.put("lm_head.weight", transposed);
      Checkpoints.save(changed, folder);
      assertRefused("missing: " + norm, () -> Wav2Vec2BertForCTC.fromPretrained(folder));
      assertRefused(
          "lm_head.weight: [48, 24] in the checkpoint, [20, 24] in the model",
          () -> Wav2Vec2BertForCTC.fromPretrained(folder));

      changed = new TreeMap<>(tensors);
      changed.put("lm_head.bias", integers);
      Checkpoints.save(changed, folder);
      assertRefused(
          "tensor 'lm_head.bias' has dtype I64; expected F32, F16, BF16 or F64",
          () -> Wav2Vec2BertForCTC.fromPretrained(folder));
    } finally {
      Closing.all(tensors.values().toArray(Tensor[]::new));
    }
  }

  @Test
  void configurationsThatContradictTheWeights() throws IOException {
    checkpoint(Files.readAllBytes(CTC.resolve("model.safetensors")));
    Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(folder);
    for (Wav2Vec2BertConfig other :
        List.of(
            config.toBuilder().hiddenSize(48).build(),
            config.toBuilder().intermediateSize(24).build(),
            config.toBuilder().numHiddenLayers(3).build(),
            config.toBuilder().featureProjectionInputDim(80).build(),
            config.toBuilder().convDepthwiseKernelSize(9).build(),
            config.toBuilder().vocabSize(21).build(),
            config.toBuilder().numAttentionHeads(2).build(),
            config.toBuilder().leftMaxPositionEmbeddings(9).build(),
            config.toBuilder().positionEmbeddingsType("relative").build(),
            config.toBuilder().addAdapter(true).build())) {
      Files.writeString(folder.resolve("config.json"), other.toJson());
      assertRefused(
          "does not fit Wav2Vec2BertForCTC with this configuration",
          () -> Wav2Vec2BertForCTC.fromPretrained(folder));
    }
  }

  @Test
  void malformedConfigurations() throws IOException {
    checkpoint(Files.readAllBytes(CTC.resolve("model.safetensors")));
    String good = Files.readString(CTC.resolve("config.json"));
    Path file = folder.resolve("config.json");
    Map<String, String> cases = new TreeMap<>();
    cases.put(good.replace("wav2vec2-bert", "wav2vec2"), "model_type is \"wav2vec2\"");
    cases.put("{}", "has no \"model_type\"");
    cases.put("", "expected JSON");
    cases.put(good.substring(0, good.length() / 2), "expected JSON");
    cases.put("[]", "expected a JSON object");
    cases.put(
        good.replace("\"hidden_size\": 24", "\"hidden_size\": \"24\""), "hidden_size is \"24\"");
    cases.put(good.replace("\"hidden_size\": 24", "\"hidden_size\": 24.5"), "hidden_size is 24.5");
    cases.put(good.replace("\"hidden_size\": 24", "\"hidden_size\": 0"), "hidden_size is 0");
    cases.put(good.replace("\"hidden_size\": 24", "\"hidden_size\": -24"), "hidden_size is -24");
    cases.put(
        good.replace("\"hidden_size\": 24", "\"hidden_size\": 9223372036854775808"),
        "hidden_size is 9223372036854775808");
    cases.put(good.replace("\"hidden_size\": 24", "\"hidden_size\": null"), "hidden_size is null");
    cases.put(
        good.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 0"),
        "num_attention_heads is 0");
    cases.put(
        good.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000000000"),
        "num_hidden_layers is 1000000000");
    cases.put("{\"a\": ".repeat(100_000), "nested deeper");
    for (Map.Entry<String, String> entry : cases.entrySet()) {
      Files.writeString(file, entry.getKey());
      assertRefused(file + ": ", () -> Wav2Vec2BertForCTC.fromPretrained(folder));
      assertRefused(entry.getValue(), () -> Wav2Vec2BertConfig.parse(entry.getKey()));
    }
    Files.write(file, new byte[] {'{', (byte) 0xFF, '}'});
    W2vBertException error =
        assertThrows(W2vBertException.class, () -> Wav2Vec2BertForCTC.fromPretrained(folder));
    assertTrue(error.getMessage().startsWith(file.toString()), error.getMessage());
  }

  @Test
  void foldersWithoutAModel() throws IOException {
    Path none = folder.resolve("none");
    assertRefused(none + " is not a model folder", () -> Wav2Vec2BertModel.fromPretrained(none));
    assertRefused("it has no config.json", () -> Wav2Vec2BertModel.fromPretrained(folder));
    Files.copy(CTC.resolve("config.json"), folder.resolve("config.json"));
    assertRefused("no model.safetensors", () -> Wav2Vec2BertModel.fromPretrained(folder));
    Files.write(folder.resolve("pytorch_model.bin"), new byte[] {1, 2, 3});
    assertRefused("\"pytorch_model.bin\"", () -> Wav2Vec2BertModel.fromPretrained(folder));
    assertRefused("pickles are not read", () -> Wav2Vec2BertModel.fromPretrained(folder));
    Files.createDirectory(folder.resolve("model.safetensors"));
    RuntimeException error =
        assertThrows(RuntimeException.class, () -> Wav2Vec2BertModel.fromPretrained(folder));
    assertTrue(error.getMessage().contains("model.safetensors"), error.getMessage());
  }

  @Test
  void damagedShardIndexes() throws IOException {
    Path sharded = Golden.dir().resolve("models/ctc_sharded");
    try (var files = Files.list(sharded)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Wav2Vec2BertForCTC.fromPretrained(folder).close();
    Path index = folder.resolve("model.safetensors.index.json");
    String good = Files.readString(index);
    String shard = "model-00002-of-00003.safetensors";
    for (String bad :
        List.of(
            "{}",
            "",
            "{\"weight_map\": {}}",
            "{\"weight_map\": []}",
            good.replace(shard, "../" + shard),
            good.replace(shard, "/etc/passwd"),
            good.replace(shard, ""),
            good.replace("\"" + shard + "\"", "7"),
            good.replace(shard, "none.safetensors"),
            good.replace(shard, "model-00001-of-00003.safetensors"))) {
      Files.writeString(index, bad, UTF_8);
      assertRefused(index.toString(), () -> Wav2Vec2BertForCTC.fromPretrained(folder));
    }
    Files.writeString(index, good);
    Files.delete(folder.resolve(shard));
    assertRefused(
        "names the file \"" + shard + "\", which is not in the folder",
        () -> Wav2Vec2BertForCTC.fromPretrained(folder));
  }

  @Test
  void pathsWithOddCharacters() throws IOException {
    Path odd = Files.createDirectories(folder.resolve("a model's %20 \"folder\""));
    Checkpoints.save(ctc, odd);
    Wav2Vec2BertForCTC.fromPretrained(odd).close();
  }

  @Test
  void modelsTooLargeForAnyMemory() {
    // One matrix of 2^50 bytes: more than a process can address.
    Wav2Vec2BertConfig config =
        Checkpoints.smallConfig()
            .maskTimeProb(0)
            .hiddenSize(1 << 24)
            .featureProjectionInputDim(1 << 24)
            .build();
    W2vBertException error =
        assertThrows(W2vBertException.class, () -> Wav2Vec2BertModel.initialize(config, 1));
    assertTrue(error.getMessage().contains("could not allocate"), error.getMessage());
  }

  @Test
  void parametersThatDoNotExist() {
    assertRefused("there is no parameter 'x' in this model", () -> model.parameter("x"));
  }
}
