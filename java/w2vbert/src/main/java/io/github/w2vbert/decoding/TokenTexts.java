package io.github.w2vbert.decoding;

import io.github.w2vbert.DecodeOptions;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.internal.Spacing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The tokens of a vocabulary as text, and as symbols: numbers of their characters (code points),
 * from 1; 0 stands between words. Immutable.
 */
final class TokenTexts {
  static final int WORD_END = 0;

  private static final int[] SILENT = {};
  private static final DecodeOptions AS_IS =
      DecodeOptions.DEFAULT.withGroupTokens(false).withCleanUpTokenizationSpaces(false);

  private final CtcVocabulary vocabulary;
  private final Tokenizer tokenizer; // null: the vocabulary alone
  private final String[] shown; // "" for the delimiter and for tokens that are no text
  private final int[][] symbols;
  private final Map<Integer, Integer> alphabet = new HashMap<>(); // from code point to symbol

  /**
   * @param tokenizer null: text is what the vocabulary says
   */
  TokenTexts(CtcVocabulary vocabulary, Tokenizer tokenizer) {
    this.vocabulary = Objects.requireNonNull(vocabulary, "vocabulary");
    this.tokenizer = tokenizer;
    shown = new String[size()];
    symbols = new int[size()][];
    for (int id = 0; id < size(); id++) {
      String token = vocabulary.tokens().get(id);
      boolean silent =
          token == null || vocabulary.special().contains(id) || id == vocabulary.wordDelimiter();
      if (silent) {
        shown[id] = "";
      } else {
        shown[id] = tokenizer == null ? token : tokenizer.decode(new int[] {id}, AS_IS);
      }
      symbols[id] =
          shown[id].isEmpty()
              ? SILENT
              : shown[id]
                  .codePoints()
                  .map(c -> alphabet.computeIfAbsent(c, key -> alphabet.size() + 1))
                  .toArray();
    }
  }

  int size() {
    return vocabulary.tokens().size();
  }

  int blank() {
    return vocabulary.blank();
  }

  /** The token between words, or -1: then every token is a word. */
  int delimiter() {
    return vocabulary.wordDelimiter();
  }

  boolean hasDelimiter() {
    return vocabulary.wordDelimiter() >= 0;
  }

  /** The text of a token, empty for the delimiter and for tokens that are no text. */
  String shown(int token) {
    return shown[token];
  }

  /** The symbols of a token's text; none for the delimiter and for tokens that are no text. */
  int[] symbols(int token) {
    return symbols[token];
  }

  /** The symbols of a word as it is shown, or null if the vocabulary cannot spell it. */
  int[] spell(String word) {
    int[] spelt = word.codePoints().map(c -> alphabet.getOrDefault(c, -1)).toArray();
    return Arrays.stream(spelt).anyMatch(symbol -> symbol < 0) ? null : spelt;
  }

  /** The symbol after the last: what a symbol is below. */
  int symbolCount() {
    return alphabet.size() + 1;
  }

  /**
   * The symbols of a phrase, with {@link #WORD_END} between words if the vocabulary has a token
   * there.
   *
   * @param ids of the tokenizer, or null if there is none
   * @throws IllegalArgumentException if the vocabulary does not have a character
   */
  int[] spellPhrase(String phrase, Map<String, Integer> ids) {
    int[] spelt = new int[16];
    int length = 0;
    for (String word : phrase.strip().split("(?U)\\s+")) {
      int[] symbolsOfWord =
          ids == null ? spellExactly(phrase, word) : spellTokenized(phrase, word, ids);
      int end = length + symbolsOfWord.length + 1;
      if (end > spelt.length) {
        spelt = Arrays.copyOf(spelt, Math.max(end, 2 * spelt.length));
      }
      if (length > 0 && hasDelimiter()) {
        spelt[length++] = WORD_END;
      }
      System.arraycopy(symbolsOfWord, 0, spelt, length, symbolsOfWord.length);
      length += symbolsOfWord.length;
    }
    return Arrays.copyOf(spelt, length);
  }

  private int[] spellExactly(String phrase, String word) {
    return word.codePoints()
        .map(
            c -> {
              if (!alphabet.containsKey(c)) {
                throw notInVocabulary(phrase, Character.toString(c));
              }
              return alphabet.get(c);
            })
        .toArray();
  }

  private int[] spellTokenized(String phrase, String word, Map<String, Integer> ids) {
    return tokenizer.tokenize(word).stream()
        .flatMapToInt(
            token -> {
              int id = ids.getOrDefault(token, size());
              if (id >= size() || symbols[id].length == 0) {
                throw notInVocabulary(phrase, token);
              }
              return Arrays.stream(symbols[id]);
            })
        .toArray();
  }

  /** The ids of the tokenizer, or null if there is none. */
  Map<String, Integer> tokenizerIds() {
    return tokenizer == null ? null : tokenizer.vocabulary();
  }

  private IllegalArgumentException notInVocabulary(String phrase, String character) {
    StringBuilder points = new StringBuilder();
    character.codePoints().forEach(c -> points.append(String.format(" U+%04X", c)));
    return new IllegalArgumentException(
        "the hot word \""
            + phrase
            + "\" has the character \""
            + character
            + "\" ("
            + points.substring(1)
            + "), expected those of the vocabulary of "
            + size()
            + " tokens only");
  }

  /**
   * The most probable token of every frame.
   *
   * @throws IllegalArgumentException if the scores are of another vocabulary, or nothing is
   *     possible in a frame
   */
  int[] bestPath(LogProbabilities scores) {
    Objects.requireNonNull(scores, "scores");
    if (scores.vocabulary() != size()) {
      throw new IllegalArgumentException(
          "the scores are of " + scores.vocabulary() + " tokens, expected " + size());
    }
    int[] best = scores.bestPath();
    for (int t = 0; t < best.length; t++) {
      if (scores.get(t, best[t]) == Float.NEGATIVE_INFINITY) {
        throw new IllegalArgumentException(
            "every token of frame " + t + " has the probability 0, expected one above it");
      }
    }
    return best;
  }

  /**
   * A hypothesis with the texts, confidences and words of its tokens.
   *
   * @param starts the first frame of every token
   * @param ends one past its last frame
   */
  Hypothesis hypothesis(
      double score,
      double acousticScore,
      double languageScore,
      double hotWordScore,
      int[] ids,
      int[] starts,
      int[] ends,
      LogProbabilities scores) {
    List<HypothesisToken> tokens = new ArrayList<>(ids.length);
    List<HypothesisWord> words = new ArrayList<>();
    List<HypothesisToken> word = new ArrayList<>();
    StringBuilder spelt = new StringBuilder(); // its text
    for (int i = 0; i < ids.length; i++) {
      boolean between = ids[i] == delimiter();
      HypothesisToken token =
          new HypothesisToken(
              ids[i],
              between ? " " : shown[ids[i]],
              starts[i],
              ends[i],
              confidence(scores, ids[i], starts[i], ends[i]));
      tokens.add(token);
      boolean shows = symbols[ids[i]].length > 0;
      if (!word.isEmpty() && (between || (shows && wordEnds(spelt, token.text())))) {
        words.add(word(word));
        word.clear();
        spelt.setLength(0);
      }
      if (shows) {
        word.add(token);
        spelt.append(token.text());
      }
    }
    if (!word.isEmpty()) {
      words.add(word(word));
    }
    String text = tokenizer == null ? joined(tokens) : tokenizer.decode(path(tokens));
    return new Hypothesis(text, score, acousticScore, languageScore, hotWordScore, tokens, words);
  }

  private boolean wordEnds(CharSequence before, String after) {
    return hasDelimiter() ? Spacing.wordEnds(before, after) : !Spacing.continues(after);
  }

  private static double confidence(LogProbabilities scores, int id, int start, int end) {
    double sum = 0;
    for (int t = start; t < end; t++) {
      sum += scores.get(t, id);
    }
    return Math.min(1, Math.exp(sum / (end - start)));
  }

  private HypothesisWord word(List<HypothesisToken> tokens) {
    double sum = 0;
    for (HypothesisToken token : tokens) {
      sum += Math.log(token.confidence());
    }
    int[] ids = tokens.stream().mapToInt(HypothesisToken::id).toArray();
    return new HypothesisWord(
        tokenizer == null ? joined(tokens) : tokenizer.decode(ids, AS_IS),
        tokens.get(0).start(),
        tokens.get(tokens.size() - 1).end(),
        Math.exp(sum / tokens.size()),
        tokens);
  }

  private static String joined(List<HypothesisToken> tokens) {
    StringBuilder text = new StringBuilder();
    tokens.forEach(token -> text.append(token.text()));
    return text.toString().strip();
  }

  /** The shortest path that a tokenizer decodes as it would the frames. */
  private int[] path(List<HypothesisToken> tokens) {
    int[] path = new int[2 * tokens.size()];
    int length = 0;
    int end = 0;
    for (HypothesisToken token : tokens) {
      if (token.start() > end) {
        path[length++] = blank();
      }
      path[length++] = token.id();
      end = token.end();
    }
    return Arrays.copyOf(path, length);
  }
}
