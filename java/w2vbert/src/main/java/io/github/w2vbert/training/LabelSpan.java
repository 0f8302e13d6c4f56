package io.github.w2vbert.training;

import java.util.Objects;

/**
 * A label of a part of a recording, for models that classify frames.
 *
 * @param label its name
 * @param start in seconds from the beginning of the recording
 * @param end in seconds from the beginning of the recording
 */
public record LabelSpan(String label, double start, double end) {
  /**
   * @throws IllegalArgumentException unless {@code 0 <= start < end} and both are finite
   */
  public LabelSpan {
    Objects.requireNonNull(label, "label");
    if (!(start >= 0 && start < end && Double.isFinite(end))) {
      throw new IllegalArgumentException(
          "the label '"
              + label
              + "' is from "
              + start
              + " to "
              + end
              + " s; expected 0 <= start < end");
    }
  }
}
