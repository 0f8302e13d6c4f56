package io.github.w2vbert;

/**
 * How rows of ids are cut and padded.
 *
 * @param padding to which length shorter rows are padded
 * @param truncation whether rows longer than {@code maxLength} are cut
 * @param maxLength length for truncation and for {@link Padding#MAX_LENGTH}; null: the tokenizer's
 *     {@code model_max_length}, and where it has none, neither happens
 * @param padToMultipleOf rounds the padded length up; null: no rounding
 */
public record EncodeOptions(
    Padding padding, boolean truncation, Integer maxLength, Integer padToMultipleOf) {

  /** To which length the rows of a batch are padded. */
  public enum Padding {
    /** Rows keep their lengths. */
    NONE,
    /** To the longest row of the batch. */
    LONGEST,
    /** To {@code maxLength}. */
    MAX_LENGTH
  }

  /** Neither padding nor truncation. */
  public static final EncodeOptions DEFAULT = new EncodeOptions(Padding.NONE, false, null, null);

  /**
   * @throws IllegalArgumentException if a value is out of range, or rows were to be cut to a length
   *     that padding would round up again
   */
  public EncodeOptions {
    if (padding == null) {
      throw new IllegalArgumentException("padding is null, expected NONE, LONGEST or MAX_LENGTH");
    }
    if (maxLength != null && maxLength < 0) {
      throw new IllegalArgumentException("maxLength is " + maxLength + ", expected at least 0");
    }
    if (padToMultipleOf != null && padToMultipleOf < 1) {
      throw new IllegalArgumentException(
          "padToMultipleOf is " + padToMultipleOf + ", expected at least 1");
    }
    if (truncation
        && padding != Padding.NONE
        && maxLength != null
        && padToMultipleOf != null
        && maxLength % padToMultipleOf != 0) {
      throw new IllegalArgumentException(
          "maxLength is "
              + maxLength
              + ", expected a multiple of padToMultipleOf ("
              + padToMultipleOf
              + ") where rows are both cut and padded");
    }
  }

  public EncodeOptions withPadding(Padding value) {
    return new EncodeOptions(value, truncation, maxLength, padToMultipleOf);
  }

  public EncodeOptions withTruncation(boolean value) {
    return new EncodeOptions(padding, value, maxLength, padToMultipleOf);
  }

  public EncodeOptions withMaxLength(int value) {
    return new EncodeOptions(padding, truncation, value, padToMultipleOf);
  }

  public EncodeOptions withPadToMultipleOf(int value) {
    return new EncodeOptions(padding, truncation, maxLength, value);
  }
}
