package io.github.w2vbert;

/**
 * How ids become text.
 *
 * @param groupTokens whether equal neighbours are one token, as CTC demands
 * @param skipSpecialTokens whether special tokens are left out. Blanks are special and leave before
 *     grouping, so that doubled letters melt: "hello" becomes "helo"
 * @param spacesBetweenSpecialTokens whether all tokens are joined by spaces
 * @param cleanUpTokenizationSpaces whether "do n't ." becomes "don't."; null: as the tokenizer is
 *     configured
 */
public record DecodeOptions(
    boolean groupTokens,
    boolean skipSpecialTokens,
    boolean spacesBetweenSpecialTokens,
    Boolean cleanUpTokenizationSpaces) {

  /** Grouped, nothing skipped, clean-up as the tokenizer is configured. */
  public static final DecodeOptions DEFAULT = new DecodeOptions(true, false, false, null);

  public DecodeOptions withGroupTokens(boolean value) {
    return new DecodeOptions(
        value, skipSpecialTokens, spacesBetweenSpecialTokens, cleanUpTokenizationSpaces);
  }

  public DecodeOptions withSkipSpecialTokens(boolean value) {
    return new DecodeOptions(
        groupTokens, value, spacesBetweenSpecialTokens, cleanUpTokenizationSpaces);
  }

  public DecodeOptions withSpacesBetweenSpecialTokens(boolean value) {
    return new DecodeOptions(groupTokens, skipSpecialTokens, value, cleanUpTokenizationSpaces);
  }

  public DecodeOptions withCleanUpTokenizationSpaces(boolean value) {
    return new DecodeOptions(groupTokens, skipSpecialTokens, spacesBetweenSpecialTokens, value);
  }
}
