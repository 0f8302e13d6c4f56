package io.github.w2vbert.training;

import java.util.Objects;

/**
 * How texts of a manifest become texts that a model can write: characters that it should not write
 * go, the case becomes one, and white space becomes single spaces.
 *
 * @param casing what happens to the case
 * @param ignored the characters that go
 */
public record TextRule(Casing casing, String ignored) {
  /** Lower case; nothing goes. */
  public static final TextRule DEFAULT = new TextRule(Casing.LOWER, "");

  /** Checks that nothing is null. */
  public TextRule {
    Objects.requireNonNull(casing, "casing");
    Objects.requireNonNull(ignored, "ignored");
  }

  /** This rule with another case. */
  public TextRule withCasing(Casing value) {
    return new TextRule(value, ignored);
  }

  /** This rule, but each of these characters goes. */
  public TextRule withIgnored(String characters) {
    return new TextRule(casing, characters);
  }

  /** A text by this rule. */
  public String apply(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    text.codePoints()
        .filter(character -> ignored.indexOf(character) < 0)
        .forEach(kept::appendCodePoint);
    return casing.apply(kept.toString()).replaceAll("\\p{IsWhite_Space}+", " ").strip();
  }
}
