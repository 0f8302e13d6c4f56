package io.github.w2vbert;

import java.util.Objects;

/**
 * A padded batch of features: the input of {@code forward}. Closing it closes its tensors.
 *
 * @param inputFeatures {@link DType#FLOAT32} {@code [batch, time, width]}
 * @param attentionMask numbers of any type or truth values {@code [batch, time]}, not 0 where a
 *     frame is valid; null if every frame is
 */
public record Features(Tensor inputFeatures, Tensor attentionMask) implements AutoCloseable {
  /** Checks that there are features. */
  public Features {
    Objects.requireNonNull(inputFeatures, "inputFeatures");
  }

  @Override
  public void close() {
    Closing.all(inputFeatures, attentionMask);
  }
}
