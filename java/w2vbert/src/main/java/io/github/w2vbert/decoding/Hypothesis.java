package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.Word;
import java.util.List;
import java.util.Objects;

/**
 * What may have been said in one utterance. Scores are natural logarithms; {@code score} is {@code
 * acousticScore + modelWeight * languageScore + wordBonus * words + unknownWordScore * unknown
 * words + hotWordWeight * hotWordScore}, with the weights of {@link BeamOptions}.
 *
 * @param text of all tokens
 * @param score what hypotheses are ranked by
 * @param acousticScore log-probability of the tokens: of all paths that the search kept, or of the
 *     best path
 * @param languageScore log-probability of the words and of the end of the sentence; 0 without a
 *     language model
 * @param hotWordScore sum of the weights of the hot phrases that occur
 * @param tokens in order, with those between words and special ones; on the most probable path
 * @param words in order. Every token is one where the vocabulary has none between words, and in
 *     scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese); marks and punctuation
 *     belong to the token beside them
 */
public record Hypothesis(
    String text,
    double score,
    double acousticScore,
    double languageScore,
    double hotWordScore,
    List<HypothesisToken> tokens,
    List<HypothesisWord> words) {
  /** Copies the lists. */
  public Hypothesis {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(words, "words");
    tokens = List.copyOf(tokens);
    words = List.copyOf(words);
  }

  /** The ids of the tokens. */
  public int[] ids() {
    return tokens.stream().mapToInt(HypothesisToken::id).toArray();
  }

  /**
   * The words in seconds.
   *
   * @param secondsPerFrame 0.02 for the encoder's frames, more with an adapter
   * @throws IllegalArgumentException if {@code secondsPerFrame} is not a finite number above 0
   */
  public List<Word> toWords(double secondsPerFrame) {
    FrameTimes times = new FrameTimes(secondsPerFrame);
    return words.stream().map(word -> word.inSeconds(times)).toList();
  }
}
