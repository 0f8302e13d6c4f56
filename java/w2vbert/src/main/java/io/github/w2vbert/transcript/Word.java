package io.github.w2vbert.transcript;

import java.util.List;
import java.util.Objects;

/**
 * A word of a transcript.
 *
 * @param text without spaces around it
 * @param start of its first token, in seconds
 * @param end of its last token, in seconds
 * @param confidence between 0 and 1: the geometric mean of its tokens'
 * @param tokens in order
 */
public record Word(
    String text, double start, double end, double confidence, List<TimedToken> tokens) {
  /**
   * @throws IllegalArgumentException if a time is not finite, the end lies before the start, or the
   *     confidence is not between 0 and 1
   */
  public Word {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(tokens, "tokens");
    Times.require("the word '" + text + "'", start, end, confidence);
    tokens = List.copyOf(tokens);
  }

  /**
   * This word, with its tokens, at another time.
   *
   * @param seconds what is added to all times; may be below 0
   * @throws IllegalArgumentException if a time is then below 0 or not finite
   */
  public Word shifted(double seconds) {
    return new Word(
        text,
        start + seconds,
        end + seconds,
        confidence,
        tokens.stream().map(token -> token.shifted(seconds)).toList());
  }

  /** This word without what lies behind a time in seconds: frames may reach beyond a recording. */
  public Word until(double latest) {
    if (end <= latest && tokens.stream().allMatch(token -> token.end() <= latest)) {
      return this;
    }
    return new Word(
        text,
        Math.min(start, latest),
        Math.min(end, latest),
        confidence,
        tokens.stream()
            .map(
                token ->
                    new TimedToken(
                        token.text(),
                        Math.min(token.start(), latest),
                        Math.min(token.end(), latest),
                        token.confidence()))
            .toList());
  }
}
