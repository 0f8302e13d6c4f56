package io.github.w2vbert.decoding;

import io.github.w2vbert.internal.Spacing;
import java.nio.CharBuffer;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The labels of a text, each with the characters and the word that it stands for.
 *
 * @param words as they are spelt
 */
record AlignmentText(List<Label> labels, List<String> words) {
  /**
   * One label.
   *
   * @param token its id, or {@link CtcViterbi#ANY_TEXT}
   * @param text the characters that it stands for
   * @param word the place of its word, or -1 for a delimiter
   */
  record Label(int token, String text, int word) {}

  /** Turns texts into labels; never changes. */
  static final class Encoder {
    private static final Pattern SPACES = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final String APOSTROPHES = "\u2018\u2019\u02BC\u00B4`"; // used for "'"
    private static final String SPOKEN_PUNCTUATION = "%&@#\u2030";

    private final CtcVocabulary vocabulary;
    private final Set<Integer> joinedLeft;
    private final Set<Integer> joinedRight;
    private final Map<String, Integer> ids = new HashMap<>();
    private final int longest;

    /**
     * @param joinedLeft tokens that no delimiter precedes
     * @param joinedRight tokens that no delimiter follows
     */
    Encoder(CtcVocabulary vocabulary, Set<Integer> joinedLeft, Set<Integer> joinedRight) {
      this.vocabulary = vocabulary;
      this.joinedLeft = joinedLeft;
      this.joinedRight = joinedRight;
      int length = 0;
      for (int id = 0; id < vocabulary.tokens().size(); id++) {
        String token = vocabulary.tokens().get(id);
        if (token != null
            && !token.isEmpty()
            && !vocabulary.special().contains(id)
            && id != vocabulary.wordDelimiter()) {
          ids.putIfAbsent(token, id);
          length = Math.max(length, token.length());
        }
      }
      longest = length;
    }

    /**
     * Words lie between white space, and end as {@link Spacing} says; what has no sound is written
     * to the one before.
     */
    AlignmentText encode(String text) {
      int delimiter = vocabulary.wordDelimiter();
      String delimiterText = delimiter < 0 ? "" : vocabulary.tokens().get(delimiter);
      if (delimiterText != null && !delimiterText.isEmpty()) {
        text = text.replace(delimiterText, " ");
      }
      List<Label> labels = new ArrayList<>();
      List<StringBuilder> words = new ArrayList<>();
      StringBuilder silent = new StringBuilder(); // words before the first that has a sound
      for (String piece : SPACES.split(text)) {
        List<Spelt> spelt = spell(piece);
        if (!spelt.isEmpty()) {
          if (delimiter >= 0
              && !words.isEmpty()
              && !joinedRight.contains(labels.get(labels.size() - 1).token())
              && !joinedLeft.contains(spelt.get(0).token())) {
            labels.add(new Label(delimiter, " ", -1));
          }
          words.add(words.isEmpty() ? silent : new StringBuilder());
          addWords(piece, spelt, labels, words);
        } else if (!words.isEmpty()) {
          words.get(words.size() - 1).append(' ').append(piece);
        } else if (!piece.isEmpty()) {
          silent.append(piece).append(' ');
        }
      }
      return new AlignmentText(labels, words.stream().map(StringBuilder::toString).toList());
    }

    /** Adds the labels of a text, and the text to the last word and, where that ends, others. */
    private static void addWords(
        String text, List<Spelt> spelt, List<Label> labels, List<StringBuilder> words) {
      Spelt before = null;
      int written = 0;
      for (Spelt next : spelt) {
        boolean more = before != null && before.start == next.start; // of the same character
        String shown = more ? "" : text.substring(next.start, next.end);
        if (before != null && Spacing.wordEnds(CharBuffer.wrap(text, written, before.end), shown)) {
          int end = next.start;
          while (end > before.end && Spacing.opens(text.codePointBefore(end))) {
            end -= Character.charCount(text.codePointBefore(end));
          }
          words.get(words.size() - 1).append(text, written, end);
          words.add(new StringBuilder());
          written = end;
        }
        labels.add(new Label(next.token, shown, words.size() - 1));
        before = next;
      }
      words.get(words.size() - 1).append(text, written, text.length());
    }

    /**
     * Words lie between delimiters, and end as {@link Spacing} says; special tokens stand for any
     * speech.
     *
     * @throws IllegalArgumentException if an id is the blank or no id of the vocabulary
     */
    AlignmentText encode(int[] tokens) {
      List<Label> labels = new ArrayList<>();
      List<String> words = new ArrayList<>();
      StringBuilder word = new StringBuilder();
      boolean inWord = false;
      for (int i = 0; i < tokens.length; i++) {
        int id = tokens[i];
        if (id < 0 || id >= vocabulary.tokens().size() || id == vocabulary.blank()) {
          throw new IllegalArgumentException(
              "tokens["
                  + i
                  + "] is "
                  + id
                  + "; expected an id from 0 to "
                  + (vocabulary.tokens().size() - 1)
                  + " other than the blank, "
                  + vocabulary.blank());
        }
        if (id == vocabulary.wordDelimiter()) {
          if (inWord) {
            words.add(word.toString());
            word.setLength(0);
          }
          inWord = false;
          labels.add(new Label(id, " ", -1));
          continue;
        }
        inWord = true;
        String text = vocabulary.tokens().get(id);
        text = text == null ? "" : text;
        if (Spacing.wordEnds(word, text)) {
          words.add(word.toString());
          word.setLength(0);
        }
        word.append(text);
        int token = vocabulary.special().contains(id) ? CtcViterbi.ANY_TEXT : id;
        labels.add(new Label(token, text, words.size()));
      }
      if (inWord) {
        words.add(word.toString());
      }
      return new AlignmentText(labels, words);
    }

    /** A token, or {@link CtcViterbi#ANY_TEXT}, and where its characters are. */
    private record Spelt(int token, int start, int end) {}

    private List<Spelt> spell(String text) {
      List<Spelt> spelt = new ArrayList<>();
      int unknown =
          -1; // where characters begin that the vocabulary lacks: neighbours are one label
      int unknownEnd = -1;
      for (int i = 0; i < text.length(); ) {
        int end = matchEnd(text, i);
        List<Integer> tokens;
        if (end > i) {
          tokens = List.of(ids.get(text.substring(i, end)));
        } else {
          end = i + Character.charCount(text.codePointAt(i));
          tokens = respelt(text.substring(i, end));
        }
        if (tokens == null) {
          unknown = unknown < 0 ? i : unknown;
          unknownEnd = end;
        } else if (!tokens.isEmpty()) {
          if (unknown >= 0) {
            spelt.add(new Spelt(CtcViterbi.ANY_TEXT, unknown, unknownEnd));
            unknown = -1;
          }
          for (int token : tokens) {
            spelt.add(new Spelt(token, i, end));
          }
        }
        i = end;
      }
      if (unknown >= 0) {
        spelt.add(new Spelt(CtcViterbi.ANY_TEXT, unknown, unknownEnd));
      }
      return spelt;
    }

    /** The end of the longest token that begins at {@code start}, or {@code start}. */
    private int matchEnd(String text, int start) {
      int end = Math.min(text.length(), start + longest);
      while (end > start && !ids.containsKey(text.substring(start, end))) {
        end--;
      }
      return end;
    }

    /**
     * The tokens of a character that is none itself: in another case, decomposed, or as an
     * apostrophe. Empty if it has no sound, null if the vocabulary lacks it.
     */
    private List<Integer> respelt(String character) {
      if (APOSTROPHES.contains(character) && ids.containsKey("'")) {
        return List.of(ids.get("'"));
      }
      String decomposed = Normalizer.normalize(character, Normalizer.Form.NFKD);
      for (String same : List.of(character, decomposed)) {
        String lower = same.toLowerCase(Locale.ROOT);
        String upper = same.toUpperCase(Locale.ROOT);
        for (String candidate : List.of(same, lower, upper, upper.toLowerCase(Locale.ROOT))) {
          List<Integer> tokens = tokens(candidate);
          if (tokens != null) {
            return tokens;
          }
        }
      }
      return null;
    }

    private List<Integer> tokens(String text) {
      List<Integer> tokens = new ArrayList<>();
      for (int c : text.codePoints().toArray()) {
        Integer id = ids.get(Character.toString(c));
        if (id != null) {
          tokens.add(id);
        } else if (!isSilent(c)) {
          return null;
        }
      }
      return tokens;
    }

    /** Punctuation, marks and symbols that nobody reads aloud. */
    private static boolean isSilent(int c) {
      return switch (Character.getType(c)) {
        case Character.CONNECTOR_PUNCTUATION,
            Character.DASH_PUNCTUATION,
            Character.START_PUNCTUATION,
            Character.END_PUNCTUATION,
            Character.INITIAL_QUOTE_PUNCTUATION,
            Character.FINAL_QUOTE_PUNCTUATION,
            Character.OTHER_SYMBOL,
            Character.MODIFIER_SYMBOL,
            Character.NON_SPACING_MARK,
            Character.ENCLOSING_MARK,
            Character.COMBINING_SPACING_MARK,
            Character.FORMAT,
            Character.CONTROL ->
            true;
        case Character.OTHER_PUNCTUATION -> SPOKEN_PUNCTUATION.indexOf(c) < 0;
        default -> false;
      };
    }
  }
}
