package io.github.w2vbert;

/**
 * A token that is matched in the text before it is split into code points.
 *
 * @param lstrip whether it takes the white space before it
 * @param rstrip whether it takes the white space after it
 * @param normalized if it is not special, whether lower-casing of the text leaves it alone
 * @param singleWord whether it is only matched between spaces
 * @param special whether it is a special token
 */
record AddedToken(
    String content,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean singleWord,
    boolean special) {

  /** A special token given as plain text. */
  static AddedToken special(String content) {
    return new AddedToken(content, false, false, false, false, true);
  }

  /** A vocabulary entry of more than one character. */
  static AddedToken vocabularyEntry(String content) {
    return new AddedToken(content, true, true, false, false, false);
  }

  AddedToken asSpecial() {
    return new AddedToken(content, lstrip, rstrip, normalized, singleWord, true);
  }
}
