package io.github.w2vbert.training;

import io.github.w2vbert.Tokenizer;
import java.util.Locale;

/** What happens to the case of texts before a model learns them or is judged by them. */
public enum Casing {
  /** That of the vocabulary; {@link #LOWER} for a new one. */
  AUTO,
  /** All lower case. */
  LOWER,
  /** All upper case. */
  UPPER,
  /** As they are. */
  KEEP;

  String apply(String text) {
    return switch (this) {
      case LOWER -> text.toLowerCase(Locale.ROOT);
      case UPPER -> text.toUpperCase(Locale.ROOT);
      case AUTO, KEEP -> text;
    };
  }

  /** The case of all letters that are tokens of their own; {@link #KEEP} if there are both. */
  public static Casing of(Tokenizer tokenizer) {
    if (tokenizer.doLowerCase()) {
      return LOWER; // texts are lower case, whatever the vocabulary is
    }
    boolean lower = false;
    boolean upper = false;
    for (String token : tokenizer.vocabulary().keySet()) {
      if (token.codePointCount(0, token.length()) == 1) {
        lower |= !token.equals(UPPER.apply(token));
        upper |= !token.equals(LOWER.apply(token));
      }
    }
    return lower == upper ? KEEP : lower ? LOWER : UPPER;
  }
}
