package io.github.w2vbert;

import java.util.Objects;

/**
 * How a feature extractor makes a padded batch. Lengths count mel frames of 10 ms.
 *
 * <pre>{@code
 * ExtractOptions.DEFAULT.withPadding(ExtractOptions.Padding.MAX_LENGTH).withMaxLength(3000L)
 * }</pre>
 *
 * @param padding up to which length shorter clips are padded
 * @param truncation whether longer clips are cut to {@code maxLength}
 * @param maxLength null for none; rounded up to a multiple of {@code padToMultipleOf}
 * @param padToMultipleOf null for none
 * @param attentionMask whether the mask is returned; null for the extractor's own option
 * @param normalize whether every mel bin is normalised over the frames of its clip
 */
public record ExtractOptions(
    Padding padding,
    boolean truncation,
    Long maxLength,
    Long padToMultipleOf,
    Boolean attentionMask,
    boolean normalize) {

  /** Up to which length clips are padded. */
  public enum Padding {
    /** That of the longest clip of the batch. */
    LONGEST("longest"),
    /** {@code maxLength}. */
    MAX_LENGTH("max_length"),
    /** None: all clips must have the same length. */
    DO_NOT_PAD("do_not_pad");

    private final String reference;

    Padding(String reference) {
      this.reference = reference;
    }

    /** The name in the reference. */
    String reference() {
      return reference;
    }
  }

  /** Checks that there is a padding strategy. */
  public ExtractOptions {
    Objects.requireNonNull(padding, "padding");
  }

  /** The reference's defaults: padded to the longest clip and to an even number of frames. */
  public static final ExtractOptions DEFAULT =
      new ExtractOptions(Padding.LONGEST, false, null, 2L, null, true);

  /** These options with another padding strategy. */
  public ExtractOptions withPadding(Padding value) {
    return new ExtractOptions(
        value, truncation, maxLength, padToMultipleOf, attentionMask, normalize);
  }

  /** These options with or without truncation. */
  public ExtractOptions withTruncation(boolean value) {
    return new ExtractOptions(padding, value, maxLength, padToMultipleOf, attentionMask, normalize);
  }

  /** These options with another maximum, or null. */
  public ExtractOptions withMaxLength(Long value) {
    return new ExtractOptions(
        padding, truncation, value, padToMultipleOf, attentionMask, normalize);
  }

  /** These options with another multiple, or null. */
  public ExtractOptions withPadToMultipleOf(Long value) {
    return new ExtractOptions(padding, truncation, maxLength, value, attentionMask, normalize);
  }

  /** These options with or without a mask. */
  public ExtractOptions withAttentionMask(Boolean value) {
    return new ExtractOptions(padding, truncation, maxLength, padToMultipleOf, value, normalize);
  }

  /** These options with or without normalisation. */
  public ExtractOptions withNormalize(boolean value) {
    return new ExtractOptions(
        padding, truncation, maxLength, padToMultipleOf, attentionMask, value);
  }
}
