package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.Word;
import java.util.List;
import java.util.Objects;

/**
 * A word of a hypothesis and the frames that emit it.
 *
 * @param text without spaces
 * @param start first frame of the first token
 * @param end one past the last frame of the last token
 * @param confidence between 0 and 1: the geometric mean of its tokens'
 * @param tokens those that have a text, in order
 */
public record HypothesisWord(
    String text, int start, int end, double confidence, List<HypothesisToken> tokens) {
  /** Copies the list. */
  public HypothesisWord {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(tokens, "tokens");
    tokens = List.copyOf(tokens);
  }

  Word inSeconds(FrameTimes times) {
    return times.word(
        text,
        start,
        end,
        confidence,
        tokens.stream().map(token -> token.inSeconds(times)).toList());
  }
}
