package io.github.w2vbert;

import java.util.Arrays;
import java.util.Objects;

/**
 * Features of utterances of different lengths, one after the other without padding: the input of
 * {@code encode}. Closing it closes its tensor.
 *
 * @param frames {@link DType#FLOAT32} {@code [total_time, width]}
 * @param lengths the number of frames of each utterance, in order; their sum is {@code total_time}
 */
public record RaggedFeatures(Tensor frames, long[] lengths) implements AutoCloseable {
  /** Checks that nothing is null and copies the lengths. */
  public RaggedFeatures {
    Objects.requireNonNull(frames, "frames");
    lengths = lengths.clone();
  }

  /** The number of frames of each utterance: a copy. */
  @Override
  public long[] lengths() {
    return lengths.clone();
  }

  /** The number of utterances. */
  public int utterances() {
    return lengths.length;
  }

  @Override
  public void close() {
    frames.close();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RaggedFeatures that
        && frames.equals(that.frames)
        && Arrays.equals(lengths, that.lengths);
  }

  @Override
  public int hashCode() {
    return 31 * frames.hashCode() + Arrays.hashCode(lengths);
  }

  @Override
  public String toString() {
    return "RaggedFeatures[" + frames + ", lengths " + Arrays.toString(lengths) + "]";
  }
}
