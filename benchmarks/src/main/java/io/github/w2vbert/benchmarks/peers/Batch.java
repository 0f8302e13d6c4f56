package io.github.w2vbert.benchmarks.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Utterances to encode.
 *
 * @param frames {@code [total_time, width]}, one utterance after the other
 * @param lengths frames of each utterance
 */
record Batch(float[] frames, long[] lengths) {
  Batch {
    long total = Arrays.stream(lengths).sum();
    if (total <= 0 || frames.length % total != 0) {
      throw new IllegalArgumentException(
          frames.length
              + " values are given for lengths "
              + Arrays.toString(lengths)
              + "; expected a whole number for each of "
              + total
              + " frames");
    }
  }

  static Batch read(Path file, long[] lengths) throws IOException {
    return new Batch(readFloats(file), lengths);
  }

  int width() {
    return Math.toIntExact(frames.length / Arrays.stream(lengths).sum());
  }

  int longest() {
    return Math.toIntExact(Arrays.stream(lengths).max().getAsLong());
  }

  /** Zeros behind shorter utterances: {@code [utterances, longest, width]}. */
  float[] padded() {
    int row = longest() * width();
    float[] padded = new float[lengths.length * row];
    int from = 0;
    for (int i = 0; i < lengths.length; i++) {
      int count = (int) lengths[i] * width();
      System.arraycopy(frames, from, padded, i * row, count);
      from += count;
    }
    return padded;
  }

  /** 1 where {@link #padded} has a frame, 0 elsewhere: {@code [utterances, longest]}. */
  long[] mask() {
    long[] mask = new long[lengths.length * longest()];
    for (int i = 0; i < lengths.length; i++) {
      Arrays.fill(mask, i * longest(), i * longest() + (int) lengths[i], 1);
    }
    return mask;
  }

  /** Rows of a padded result that belong to frames: {@code [total_time, columns]}. */
  float[] unpadded(float[] result) {
    int columns = result.length / (lengths.length * longest());
    float[] rows = new float[(int) Arrays.stream(lengths).sum() * columns];
    int to = 0;
    for (int i = 0; i < lengths.length; i++) {
      int count = (int) lengths[i] * columns;
      System.arraycopy(result, i * longest() * columns, rows, to, count);
      to += count;
    }
    return rows;
  }

  static float[] readFloats(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  static void writeFloats(Path file, float[] values) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer floats = bytes.asFloatBuffer();
    floats.put(values);
    Files.write(file, bytes.array());
  }
}
