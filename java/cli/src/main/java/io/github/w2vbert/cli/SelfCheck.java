package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.Audio;
import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.DeviceOptions;
import io.github.w2vbert.DeviceState;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * A recorded run of the reference, computed again from the audio to the text.
 *
 * @param device where it was computed
 * @param weights how the matrices were stored; on a CUDA device, the type of all numbers
 * @param error of the logits, from the recorded ones, which were computed in float64: the largest
 *     for float32, else the root mean square, relative to that of the recorded ones
 * @param tolerance the most that is right
 * @param graphProblem why there was no CUDA graph for it, see {@link DeviceState}; or empty
 * @param text what was read
 * @param expectedText what the reference read; null if that does not matter
 */
record SelfCheck(
    String device,
    WeightType weights,
    double error,
    double tolerance,
    String graphProblem,
    String text,
    String expectedText) {
  static final String CPU = DeviceOptions.CPU.name();

  private static final ObjectMapper MAPPER = new ObjectMapper();

  static SelfCheck run(Path folder, String device, WeightType weights) throws IOException {
    LoadOptions options = LoadOptions.DEFAULT.withWeights(weights).withDevice(device);
    JsonNode recorded = MAPPER.readTree(folder.resolve(GoldenCase.CASE).toFile());
    double[] expected = logits(folder.resolve(GoldenCase.OUTPUTS));
    Tokenizer tokenizer = Tokenizer.fromPretrained(folder);
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
        Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder, options);
        RaggedFeatures features =
            extractor.extractRagged(List.of(Audio.read(folder.resolve(GoldenCase.CLIP))));
        OutputList<CtcOutput> outputs = model.encode(features)) {
      CtcOutput output = outputs.get(0);
      float[] logits = output.logits().toFloatArray();
      boolean exact = weights == WeightType.FLOAT32;
      return new SelfCheck(
          device,
          weights,
          exact ? maxAbsDifference(logits, expected) : relativeDifference(logits, expected),
          exact
              ? recorded.at("/suggested_atol/logits").asDouble()
              : relativeTolerance(device, weights),
          model.deviceState().graphProblem(),
          tokenizer.decode(output.bestPath(0)),
          // The recorded model's best tokens often have a rival that is nearer than this type's
          // error.
          weights == WeightType.FLOAT8 ? null : recorded.at("/text/0").asText());
    }
  }

  /**
   * Above what the rounding of the weights makes of the recorded models, or, on a CUDA device, the
   * rounding of all that is computed.
   */
  private static double relativeTolerance(String device, WeightType weights) {
    boolean onCpu = device.equals(CPU);
    return switch (weights) {
      case FLOAT32 -> throw new IllegalArgumentException("float32 is not rounded");
      case FLOAT16 -> onCpu ? 1e-3 : 4e-3;
      case BFLOAT16 -> onCpu ? 1e-2 : 3e-2;
      case INT8 -> 2e-2;
      case FLOAT8 -> 0.15;
    };
  }

  /** Infinite if the counts differ, NaN if any number is. */
  private static double relativeDifference(float[] actual, double[] expected) {
    if (actual.length != expected.length) {
      return Double.POSITIVE_INFINITY;
    }
    double difference = 0;
    double magnitude = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      magnitude += expected[i] * expected[i];
    }
    return Math.sqrt(difference / magnitude);
  }

  /** Infinite if the counts differ, NaN if any number is. */
  private static double maxAbsDifference(float[] actual, double[] expected) {
    if (actual.length != expected.length) {
      return Double.POSITIVE_INFINITY;
    }
    double largest = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(actual[i] - expected[i]));
    }
    return largest;
  }

  /** Reads the tensor `logits_f64` of a safetensors file. */
  private static double[] logits(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(bytes.getLong())];
    bytes.get(header);
    JsonNode offsets =
        MAPPER.readTree(new String(header, StandardCharsets.UTF_8)).at("/logits_f64/data_offsets");
    int begin = offsets.get(0).intValue();
    int end = offsets.get(1).intValue();
    double[] values = new double[(end - begin) / Double.BYTES];
    bytes
        .position(bytes.position() + begin)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asDoubleBuffer()
        .get(values);
    return values;
  }

  boolean passed() {
    return error <= tolerance && (expectedText == null || text.equals(expectedText));
  }

  private String describeText() {
    if (expectedText == null) {
      return "";
    }
    return ", text is "
        + (text.equals(expectedText)
            ? "the same"
            : "'" + text + "', expected '" + expectedText + "'");
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s in %s%s: logits differ from the reference in float64 by %s %.2g (allowed: %.2g)%s%s",
        passed() ? "PASS" : "FAIL",
        weights,
        device.equals(CPU) ? "" : " on " + device,
        weights == WeightType.FLOAT32 ? "at most" : "a relative RMS of",
        error,
        tolerance,
        describeText(),
        graphProblem.isEmpty() ? "" : "; without CUDA graphs: " + graphProblem);
  }
}
