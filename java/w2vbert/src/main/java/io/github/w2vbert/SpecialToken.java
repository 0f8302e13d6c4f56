package io.github.w2vbert;

/**
 * A special token in its role, as plain text or with attributes; saving keeps the difference.
 *
 * @param attributes null for plain text
 */
record SpecialToken(String content, AddedToken attributes) {
  static SpecialToken text(String content) {
    return new SpecialToken(content, null);
  }

  static SpecialToken of(AddedToken token) {
    return new SpecialToken(token.content(), token);
  }

  AddedToken toAddedToken() {
    return attributes == null ? AddedToken.special(content) : attributes.asSpecial();
  }
}
