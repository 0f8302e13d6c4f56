package io.github.w2vbert;

import java.util.Locale;

/** The reference's string methods where Java's differ: white space, and case without a locale. */
final class PythonText {
  private static final int CAPITAL_SIGMA = 0x3A3;
  private static final int SMALL_SIGMA = 0x3C3;
  private static final int FINAL_SIGMA = 0x3C2;
  private static final int CAPITAL_I_WITH_DOT = 0x130;

  // Case-ignorable punctuation: Word_Break MidLetter, MidNumLet and Single_Quote (Unicode, D136).
  private static final String IGNORABLE_PUNCTUATION =
      "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";

  private PythonText() {}

  static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  /**
   * Full lower-casing with the final sigma of the Unicode standard (table 3-17). Java's own rule
   * for it asks a word iterator instead, which gives other results around punctuation.
   */
  static String lower(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      int end = i + Character.charCount(c);
      if (c == CAPITAL_I_WITH_DOT) {
        lower.append("i\u0307");
      } else if (c == CAPITAL_SIGMA) {
        boolean last = casedBefore(text, i) && !casedAfter(text, end);
        lower.appendCodePoint(last ? FINAL_SIGMA : SMALL_SIGMA);
      } else {
        lower.appendCodePoint(Character.toLowerCase(c));
      }
      i = end;
    }
    return lower.toString();
  }

  static String strip(String text) {
    return stripLeft(stripRight(text));
  }

  // Every white space of Python is one UTF-16 unit.
  static String stripLeft(String text) {
    int start = 0;
    while (start < text.length() && isSpace(text.charAt(start))) {
      start++;
    }
    return text.substring(start);
  }

  static String stripRight(String text) {
    int end = text.length();
    while (end > 0 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }

  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  private static boolean casedBefore(String text, int end) {
    while (end > 0) {
      int c = text.codePointBefore(end);
      if (!isCaseIgnorable(c)) {
        return isCased(c);
      }
      end -= Character.charCount(c);
    }
    return false;
  }

  private static boolean casedAfter(String text, int start) {
    while (start < text.length()) {
      int c = text.codePointAt(start);
      if (!isCaseIgnorable(c)) {
        return isCased(c);
      }
      start += Character.charCount(c);
    }
    return false;
  }

  private static boolean isCased(int c) {
    return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
  }

  private static boolean isCaseIgnorable(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.FORMAT,
          Character.MODIFIER_LETTER,
          Character.MODIFIER_SYMBOL ->
          true;
      default -> IGNORABLE_PUNCTUATION.indexOf(c) >= 0;
    };
  }
}
