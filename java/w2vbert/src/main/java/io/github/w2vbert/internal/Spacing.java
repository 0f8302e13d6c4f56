package io.github.w2vbert.internal;

import java.util.List;

/**
 * Where words end that are written without spaces: in Chinese, Japanese, Thai, Lao, Khmer and
 * Burmese. Only a dictionary could tell them, so every character counts as one, together with its
 * marks and the punctuation beside it.
 */
public final class Spacing {
  private Spacing() {}

  /** Whether a word ends between two texts that follow each other without a space. */
  public static boolean wordEnds(CharSequence before, String after) {
    return before.length() > 0
        && !after.isEmpty()
        && !opens(last(before))
        && !stacks(last(before))
        && !continues(after)
        && (endsUnspaced(before) || beginsUnspaced(after));
  }

  /** Whether a text begins with a mark or with punctuation that belongs to what is before it. */
  public static boolean continues(String text) {
    return !text.isEmpty() && closes(text.codePointAt(0));
  }

  /** Whether a character is punctuation that belongs to what is after it. */
  public static boolean opens(int character) {
    int type = Character.getType(character);
    return type == Character.START_PUNCTUATION || type == Character.INITIAL_QUOTE_PUNCTUATION;
  }

  /** What is written between two words or texts: a space or nothing. */
  public static String separator(String before, String after) {
    return endsUnspaced(before) && beginsUnspaced(after) ? "" : " ";
  }

  /** Joins words or texts, with spaces where there are any. */
  public static String join(List<String> texts) {
    StringBuilder joined = new StringBuilder();
    for (int i = 0; i < texts.size(); i++) {
      joined.append(i == 0 ? "" : separator(texts.get(i - 1), texts.get(i))).append(texts.get(i));
    }
    return joined.toString();
  }

  private static int last(CharSequence text) {
    return Character.codePointBefore(text, text.length());
  }

  /** Whether the next consonant is written below, in Khmer and Burmese. */
  private static boolean stacks(int character) {
    return character == 0x17D2 || character == 0x1039;
  }

  private static boolean endsUnspaced(CharSequence text) {
    if (text.length() == 0) {
      return false;
    }
    int last = last(text);
    int base = last;
    for (int i = text.length(); i > 0 && closes(base); i -= Character.charCount(base)) {
      base = Character.codePointBefore(text, i);
    }
    return isUnspaced(last) || isUnspaced(base);
  }

  private static boolean beginsUnspaced(String text) {
    if (text.isEmpty()) {
      return false;
    }
    int first = text.codePointAt(0);
    int base = first;
    for (int i = 0; i < text.length() && opens(base); i += Character.charCount(base)) {
      base = text.codePointAt(i);
    }
    return isUnspaced(first) || isUnspaced(base);
  }

  private static boolean closes(int character) {
    return switch (Character.getType(character)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.COMBINING_SPACING_MARK,
          Character.FORMAT,
          Character.END_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      // The marks of Japanese that are letters or symbols to Unicode: of long vowels and of voice.
      default ->
          character == 0x30FC
              || character == 0xFF70
              || character == 0x309B
              || character == 0x309C
              || character == 0xFF9E
              || character == 0xFF9F;
    };
  }

  private static boolean isUnspaced(int character) {
    return switch (Character.UnicodeScript.of(character)) {
      case HAN, HIRAGANA, KATAKANA, THAI, LAO, KHMER, MYANMAR -> true;
      // What these scripts share has none, such as the ideographic full stop.
      default ->
          Character.isIdeographic(character)
              || (character >= 0x3000 && character <= 0x30FF)
              || (character >= 0xFF61 && character <= 0xFF9F)
              || (character >= 0xFF00
                  && character <= 0xFF60
                  && !Character.isLetterOrDigit(character));
    };
  }
}
