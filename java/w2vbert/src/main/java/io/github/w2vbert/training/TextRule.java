package io.github.w2vbert.training;

import io.github.w2vbert.Tokenizer;
import java.util.Objects;

/**
 * How texts of a manifest become texts that a model can write: characters that it should not write
 * go, the case becomes one, and white space becomes single spaces.
 *
 * @param casing what happens to the case
 * @param ignored the characters that go
 */
public record TextRule(Casing casing, String ignored) {
  /** The case of the vocabulary; nothing goes. */
  public static final TextRule DEFAULT = new TextRule(Casing.AUTO, "");

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

  /**
   * This rule with a definite case.
   *
   * @param tokenizer null for one that is yet to be made
   */
  TextRule resolve(Tokenizer tokenizer) {
    return casing != Casing.AUTO
        ? this
        : withCasing(tokenizer == null ? Casing.LOWER : Casing.of(tokenizer));
  }

  /** A text by this rule; its case is definite. */
  public String apply(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    text.codePoints()
        .filter(character -> ignored.indexOf(character) < 0)
        .forEach(kept::appendCodePoint);
    return casing.apply(kept.toString()).replaceAll("\\p{IsWhite_Space}+", " ").strip();
  }
}
