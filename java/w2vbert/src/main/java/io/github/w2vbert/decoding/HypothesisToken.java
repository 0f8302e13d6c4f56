package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.TimedToken;
import java.util.Objects;

/**
 * A token of a hypothesis and the frames that emit it.
 *
 * @param id in the vocabulary
 * @param text as it appears in the hypothesis: a space for the token between words, nothing for a
 *     special token
 * @param start first frame
 * @param end one past the last frame; blanks after the token are not counted
 * @param confidence between 0 and 1: the geometric mean of its probability in these frames
 */
public record HypothesisToken(int id, String text, int start, int end, double confidence) {
  /** Requires a text. */
  public HypothesisToken {
    Objects.requireNonNull(text, "text");
  }

  TimedToken inSeconds(FrameTimes times) {
    return times.token(text, start, end, confidence);
  }
}
