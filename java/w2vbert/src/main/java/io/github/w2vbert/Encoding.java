package io.github.w2vbert;

import java.util.Arrays;

/**
 * One row of token ids. Arrays are copied in and out, so an instance never changes.
 *
 * @param inputIds token ids, with the padding token where the mask is 0
 * @param attentionMask 1 for tokens, 0 for padding
 */
public record Encoding(int[] inputIds, int[] attentionMask) {
  /** The label that CTC losses ignore. */
  public static final int IGNORED_LABEL = -100;

  /**
   * @throws IllegalArgumentException if an array is null or the lengths differ
   */
  public Encoding {
    if (inputIds == null || attentionMask == null) {
      throw new IllegalArgumentException(
          (inputIds == null ? "inputIds" : "attentionMask") + " is null, expected an array");
    }
    if (inputIds.length != attentionMask.length) {
      throw new IllegalArgumentException(
          "inputIds has length "
              + inputIds.length
              + " and attentionMask "
              + attentionMask.length
              + ", expected the same");
    }
    inputIds = inputIds.clone();
    attentionMask = attentionMask.clone();
  }

  @Override
  public int[] inputIds() {
    return inputIds.clone();
  }

  @Override
  public int[] attentionMask() {
    return attentionMask.clone();
  }

  /** Returns the ids as labels for training: padding is {@link #IGNORED_LABEL}. */
  public int[] labels() {
    int[] labels = inputIds.clone();
    for (int i = 0; i < labels.length; i++) {
      if (attentionMask[i] == 0) {
        labels[i] = IGNORED_LABEL;
      }
    }
    return labels;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Encoding that
        && Arrays.equals(inputIds, that.inputIds)
        && Arrays.equals(attentionMask, that.attentionMask);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(inputIds) + Arrays.hashCode(attentionMask);
  }

  @Override
  public String toString() {
    return "Encoding[inputIds="
        + Arrays.toString(inputIds)
        + ", attentionMask="
        + Arrays.toString(attentionMask)
        + "]";
  }
}
