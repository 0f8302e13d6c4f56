package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every recorded call of the feature extractor. The folder {@code filterbank} holds constants that
 * have no accessor; the native tests compare them.
 */
class GoldenFeaturesTest {
  private static final int RATE = 16_000;
  private static final int FRAME = 400; // samples
  private static final int HOP = 160; // samples

  /** What the released checkpoints have, as in the recorded errors. */
  private static final String COMMON =
      "{\"feature_extractor_type\": \"SeamlessM4TFeatureExtractor\", \"padding_value\": 1}";

  private static Stream<DynamicTest> tests(Consumer<Path> body) {
    List<Path> folders =
        Golden.cases("features").stream()
            .filter(folder -> json(folder).get("kind").textValue().equals("features"))
            .toList();
    assertFalse(folders.isEmpty());
    return folders.stream()
        .map(folder -> dynamicTest(folder.getFileName().toString(), () -> body.accept(folder)));
  }

  private static JsonNode json(Path folder) {
    return Golden.json(folder.resolve("case.json"));
  }

  /** The clips of a case; of several channels the first, which the reference takes by itself. */
  private static List<Audio> clips(Path folder) {
    JsonNode files = json(folder).get("wav_files");
    if (!files.isNull()) {
      return StreamSupport.stream(files.spliterator(), false)
          .map(file -> read(folder.resolve(file.textValue())))
          .toList();
    }
    var inputs = SafetensorsReader.read(folder.resolve("inputs.safetensors"));
    return IntStream.range(0, inputs.size())
        .mapToObj(i -> audio(inputs.get("waveform_" + i)))
        .toList();
  }

  private static Audio read(Path wav) {
    try {
      return Audio.read(wav);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Audio audio(SafetensorsReader.Entry waveform) {
    float[] samples = waveform.floats();
    if (waveform.shape().length == 1) {
      return Audio.of(samples, RATE);
    }
    int channels = (int) waveform.shape()[0];
    int length = (int) waveform.shape()[1];
    float[] interleaved = new float[samples.length];
    for (int i = 0; i < samples.length; i++) {
      interleaved[i % length * channels + i / length] = samples[i];
    }
    return Audio.ofInterleaved(interleaved, channels, RATE).channel(0);
  }

  private static ExtractOptions options(JsonNode call) {
    ExtractOptions options = ExtractOptions.DEFAULT;
    for (Map.Entry<String, JsonNode> argument : call.properties()) {
      JsonNode value = argument.getValue();
      options =
          switch (argument.getKey()) {
            case "padding" -> options.withPadding(padding(value));
            case "max_length" -> options.withMaxLength(orNull(value));
            case "truncation" -> options.withTruncation(value.booleanValue());
            case "pad_to_multiple_of" -> options.withPadToMultipleOf(orNull(value));
            case "return_attention_mask" -> options.withAttentionMask(value.booleanValue());
            case "do_normalize_per_mel_bins" -> options.withNormalize(value.booleanValue());
            case "sampling_rate" -> {
              assertEquals(RATE, value.intValue());
              yield options;
            }
            default -> throw new AssertionError("an argument without a test: " + argument.getKey());
          };
    }
    return options;
  }

  private static ExtractOptions.Padding padding(JsonNode value) {
    if (value.isBoolean()) {
      return value.booleanValue()
          ? ExtractOptions.Padding.LONGEST
          : ExtractOptions.Padding.DO_NOT_PAD;
    }
    return ExtractOptions.Padding.valueOf(value.textValue().toUpperCase(Locale.ROOT));
  }

  private static Long orNull(JsonNode value) {
    return value.isNull() ? null : Long.valueOf(value.longValue());
  }

  @TestFactory
  Stream<DynamicTest> givesTheRecordedFeatures() {
    return tests(
        folder -> {
          JsonNode recorded = json(folder);
          var outputs = SafetensorsReader.read(folder.resolve("outputs.safetensors"));
          List<Audio> clips = clips(folder);
          try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder)) {
            try (Features features = extractor.extract(clips, options(recorded.get("call")))) {
              assertFeatures(recorded, outputs, features);
            }
            for (int i = 0; outputs.containsKey("fbank_" + i); i++) {
              SafetensorsReader.Entry expected = outputs.remove("fbank_" + i);
              try (Tensor frames = extractor.fbank(clips.get(i))) {
                assertArrayEquals(expected.shape(), frames.shape());
                Compare.assertClose(
                    "fbank_" + i,
                    expected.floats(),
                    frames.toFloatArray(),
                    recorded.get("suggested_atol").get("fbank").doubleValue());
              }
            }
          }
          assertTrue(outputs.isEmpty(), "recorded outputs without a test: " + outputs.keySet());
        });
  }

  private static void assertFeatures(
      JsonNode recorded, Map<String, SafetensorsReader.Entry> outputs, Features features) {
    SafetensorsReader.Entry expected = outputs.remove("input_features");
    assertEquals(DType.FLOAT32, features.inputFeatures().dtype());
    assertArrayEquals(expected.shape(), features.inputFeatures().shape());
    Compare.assertClose(
        "input_features",
        expected.floats(),
        features.inputFeatures().toFloatArray(),
        recorded.get("suggested_atol").get("input_features").doubleValue());
    SafetensorsReader.Entry mask = outputs.remove("attention_mask");
    if (mask == null) {
      assertNull(features.attentionMask());
    } else {
      assertEquals(DType.INT32, features.attentionMask().dtype());
      assertArrayEquals(mask.shape(), features.attentionMask().shape());
      assertArrayEquals(mask.longs(), features.attentionMask().toLongArray());
    }
  }

  @TestFactory
  Stream<DynamicTest> theArgumentsOfTheConstructorGiveTheRecordedFile() {
    return tests(
        folder -> {
          JsonNode file = Golden.json(folder.resolve("preprocessor_config.json"));
          try (FeatureExtractor built =
                  FeatureExtractor.parse(json(folder).get("constructor").toString());
              FeatureExtractor loaded = FeatureExtractor.fromPretrained(folder)) {
            assertEquals(file, parsed(loaded.toJson()));
            for (Map.Entry<String, JsonNode> option : file.properties()) {
              JsonNode actual = parsed(built.toJson()).get(option.getKey());
              assertNotNull(actual, option.getKey());
              if (option.getValue().isNumber()) { // 1 and 1.0 are equal
                assertEquals(option.getValue().doubleValue(), actual.doubleValue());
              } else {
                assertEquals(option.getValue(), actual);
              }
            }
            assertEquals(file.get("num_mel_bins").intValue(), loaded.numMelBins());
            assertEquals(file.get("stride").intValue(), loaded.stride());
            assertEquals(file.get("sampling_rate").intValue(), loaded.samplingRate());
            assertEquals(file.get("padding_value").doubleValue(), loaded.paddingValue());
            assertEquals(file.get("padding_side").textValue().equals("left"), loaded.padsLeft());
          }
        });
  }

  private static JsonNode parsed(String text) {
    try {
      return new ObjectMapper().readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @TestFactory
  Stream<DynamicTest> raggedFeaturesAreThoseOfEveryClipAlone() {
    return tests(
        folder -> {
          List<Audio> clips = clips(folder);
          try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
              RaggedFeatures all = extractor.extractRagged(clips)) {
            long[] lengths = all.lengths();
            assertEquals(clips.size(), lengths.length);
            int width = extractor.numMelBins() * extractor.stride();
            assertArrayEquals(
                new long[] {Arrays.stream(lengths).sum(), width}, all.frames().shape());
            float[] frames = all.frames().toFloatArray();
            int at = 0;
            ExtractOptions unpadded = ExtractOptions.DEFAULT.withPadToMultipleOf(null);
            for (int i = 0; i < lengths.length; i++) {
              int end = at + (int) lengths[i] * width;
              try (Features one = extractor.extract(clips.subList(i, i + 1), unpadded)) {
                assertArrayEquals(
                    one.inputFeatures().toFloatArray(), Arrays.copyOfRange(frames, at, end));
              }
              at = end;
            }
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> streamedFramesHaveTheBitsOfTheWholeClip() {
    int[] sizes = {7, 1, 997, 160, 399, 0, 401, 3, 2_011};
    return tests(
        folder -> {
          try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder)) {
            for (Audio clip : clips(folder)) {
              float[] samples = clip.samples();
              List<float[]> pieces = new ArrayList<>();
              long left;
              try (FbankStream stream = extractor.stream()) {
                int from = 0;
                for (int i = 0; from < samples.length; i++) {
                  int count = Math.min(sizes[i % sizes.length], samples.length - from);
                  pieces.add(stream.push(samples, from, count));
                  from += count;
                }
                left = stream.finish();
              }
              try (Tensor whole = extractor.fbank(clip)) {
                int frames = (int) whole.size(0);
                assertArrayEquals(whole.toFloatArray(), joined(pieces));
                int covered = frames == 0 ? 0 : (frames - 1) * HOP + FRAME;
                assertEquals(samples.length - covered, left);
              }
            }
          }
        });
  }

  private static float[] joined(List<float[]> pieces) {
    float[] all = new float[pieces.stream().mapToInt(piece -> piece.length).sum()];
    int at = 0;
    for (float[] piece : pieces) {
      System.arraycopy(piece, 0, all, at, piece.length);
      at += piece.length;
    }
    return all;
  }

  private static float[] noise(int length) {
    Random random = new Random(1);
    float[] samples = new float[length];
    for (int i = 0; i < length; i++) {
      samples[i] = 0.1f * (float) random.nextGaussian();
    }
    return samples;
  }

  private static Audio noiseClip(int length) {
    return Audio.of(noise(length), RATE);
  }

  private static Audio noiseWith(float sample) {
    float[] samples = noise(8000);
    samples[100] = sample;
    return Audio.of(samples, RATE);
  }

  private static float[] scaled(float factor, int length) {
    float[] samples = noise(length);
    for (int i = 0; i < length; i++) {
      samples[i] = Math.round(samples[i] * factor);
    }
    return samples;
  }

  private static String common(String option) {
    return COMMON.replace("}", ", " + option + "}");
  }

  /** What one recorded error becomes in Java. */
  @TestFactory
  Stream<DynamicTest> badInputIsRefusedAsRecorded() {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode row : json(Golden.dir().resolve("features/errors")).get("rows")) {
      String name = row.get("name").textValue();
      tests.add(dynamicTest(name + ": " + row.get("what").textValue(), () -> assertRow(name, row)));
    }
    assertFalse(tests.isEmpty());
    return tests.stream();
  }

  private static void assertRow(String name, JsonNode row) {
    ExtractOptions options = ExtractOptions.DEFAULT;
    ExtractOptions unpadded = options.withPadding(ExtractOptions.Padding.DO_NOT_PAD);
    Audio good = noiseClip(8000);
    switch (name) {
      case "wrong_sampling_rate" ->
          assertRefused(
              row,
              "clip 0 has 8000 samples per second; expected 16000",
              COMMON,
              options,
              () -> List.of(Audio.of(noise(8000), 8000)));
      case "too_short_399" -> assertAccepted(row, COMMON, noiseClip(399));
      case "too_short_1", "too_short_100", "empty_array" -> {
        int length = name.equals("too_short_1") ? 1 : name.equals("empty_array") ? 0 : 100;
        String expected = "clip 0 has " + length + " samples; expected at least";
        assertRefused(row, expected, COMMON, options, () -> List.of(noiseClip(length)));
        assertRefusedRagged(expected, List.of(noiseClip(length)));
      }
      case "empty_list" -> {
        assertRefused(row, "there are 0 clips", COMMON, options, List::of);
        assertRefusedRagged("there are 0 clips", List.of());
      }
      case "too_short_in_batch" ->
          assertRefused(
              row,
              "clip 1 has 100 samples; expected at least",
              COMMON,
              options,
              () -> List.of(good, noiseClip(100)));
      // The reference returns 3840 times NaN; here a clip has no such samples to begin with.
      case "nan_input" -> {
        assertTrue(row.get("raises").isNull());
        assertThrows(IllegalArgumentException.class, () -> noiseWith(Float.NaN));
      }
      case "inf_input" -> {
        assertTrue(row.get("raises").isNull());
        assertThrows(IllegalArgumentException.class, () -> noiseWith(Float.POSITIVE_INFINITY));
      }
      case "array_3d_ok" -> assertAccepted(row, COMMON, noiseClip(4000));
      case "ragged_no_pad" ->
          assertRefused(
              row,
              "clip 1 has 11 frames after padding; expected 23 as in clip 0",
              COMMON,
              unpadded.withPadToMultipleOf(null),
              () -> List.of(noiseClip(4000), noiseClip(2000)));
      case "truncation_without_max_length" ->
          assertRefused(
              row,
              "max_length is not given",
              COMMON,
              options.withTruncation(true),
              () -> List.of(good));
      case "max_length_missing" ->
          assertRefused(
              row,
              "max_length is not given",
              COMMON,
              options.withPadding(ExtractOptions.Padding.MAX_LENGTH),
              () -> List.of(good));
      // Samples of 16 bits are scaled by Audio.of(short[]); floats are taken as they are.
      case "int16_array" -> assertAccepted(row, COMMON, Audio.of(scaled(32_768, 4000), RATE));
      case "too_short_left_pad_side_bad" ->
          assertRefused(
              row,
              "padding_side is \"top\"; expected \"right\" or \"left\"",
              common("\"padding_side\": \"top\""),
              options,
              () -> List.of(good));
      case "stride_zero" ->
          assertRefused(row, "stride is 0", common("\"stride\": 0"), options, () -> List.of(good));
      case "no_padding_value" ->
          assertRefused(
              row,
              "padding_value is null",
              COMMON.replace("1", "null").replace("SeamlessMnullT", "SeamlessM4T"),
              options,
              () -> List.of(good, noiseClip(4000)));
      case "feature_size_mismatch" -> assertAccepted(row, common("\"num_mel_bins\": 40"), good);
      case "feature_size_one" ->
          assertRefused(
              row,
              "feature_size is 1",
              common("\"feature_size\": 1"),
              options,
              () -> List.of(good, noiseClip(4000)));
      // An Audio always has a sampling rate: it cannot be left out.
      case "no_sampling_rate" -> assertAccepted(row, COMMON, good);
      // An Audio is one clip of one or more channels: arrays of more axes have no type.
      case "array_4d", "list_of_3d" -> assertTakesOnly(row);
      // No texts, single numbers or complex numbers; the way of padding is an enum.
      case "scalar", "string", "complex", "bad_padding_name" -> assertTakesOnly(row);
      case "none" -> {
        assertFalse(row.get("raises").isNull());
        try (FeatureExtractor extractor = FeatureExtractor.parse(COMMON)) {
          assertThrows(NullPointerException.class, () -> extractor.extract(null));
          assertThrows(
              NullPointerException.class, () -> extractor.extract(Arrays.asList(good, null)));
          assertThrows(NullPointerException.class, () -> extractor.extractRagged(null));
          assertThrows(NullPointerException.class, () -> extractor.fbank(null));
        }
      }
      default -> throw new AssertionError("a row without a test");
    }
  }

  private static void assertRefused(
      JsonNode row,
      String expected,
      String config,
      ExtractOptions options,
      Supplier<List<Audio>> clips) {
    assertFalse(row.get("raises").isNull(), "the reference accepts this");
    Exception error =
        assertThrows(
            IllegalArgumentException.class,
            () -> {
              try (FeatureExtractor extractor = FeatureExtractor.parse(config)) {
                extractor.extract(clips.get(), options).close();
              }
            });
    assertTrue(error.getMessage().contains(expected), error.getMessage());
  }

  private static void assertRefusedRagged(String expected, List<Audio> clips) {
    try (FeatureExtractor extractor = FeatureExtractor.parse(COMMON)) {
      Exception error =
          assertThrows(IllegalArgumentException.class, () -> extractor.extractRagged(clips));
      assertTrue(error.getMessage().contains(expected), error.getMessage());
    }
  }

  private static void assertAccepted(JsonNode row, String config, Audio clip) {
    JsonNode result = row.get("result");
    try (FeatureExtractor extractor = FeatureExtractor.parse(config);
        Features features = extractor.extract(List.of(clip))) {
      JsonNode shape = new ObjectMapper().valueToTree(features.inputFeatures().shape());
      // A small and a large integer are different nodes of equal text.
      assertEquals(result.get("input_features_shape").toString(), shape.toString());
      int nans = 0;
      for (float value : features.inputFeatures().toFloatArray()) {
        nans += Float.isNaN(value) ? 1 : 0;
      }
      assertEquals(result.get("nan_count").intValue(), nans);
      assertEquals(
          result.get("attention_mask").get(0).toString(),
          new ObjectMapper().valueToTree(features.attentionMask().toLongArray()).toString());
    }
  }

  /** What the reference refuses at run time is refused by the compiler. */
  private static void assertTakesOnly(JsonNode row) {
    assertFalse(row.get("raises").isNull());
    for (var method : FeatureExtractor.class.getMethods()) {
      if (method.getName().startsWith("extract")) {
        List<Class<?>> types = List.of(method.getParameterTypes());
        assertTrue(List.<Class<?>>of(List.class, ExtractOptions.class).containsAll(types));
      }
    }
  }

  @Test
  void savedExtractorsAreLoadedAgain(@TempDir Path folder) throws IOException {
    Path recorded = Golden.dir().resolve("features/batch_left");
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(recorded)) {
      extractor.savePretrained(folder);
      assertEquals(
          Golden.json(recorded.resolve("preprocessor_config.json")),
          Golden.json(folder.resolve("preprocessor_config.json")));
      try (Stream<Path> files = Files.list(folder)) {
        assertEquals(1, files.count(), "no other file is left behind");
      }
    }
  }
}
