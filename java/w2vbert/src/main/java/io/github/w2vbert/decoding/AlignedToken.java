package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.TimedToken;
import java.util.Objects;

/**
 * A label of an aligned text and the frames in which it is said.
 *
 * @param id in the vocabulary, or -1 for characters that it lacks: they match any speech
 * @param text as the caller spelt it, without punctuation; may be empty where one character became
 *     several tokens
 * @param start its first frame
 * @param end the frame after its last
 * @param logProbability the sum over its frames
 */
public record AlignedToken(int id, String text, int start, int end, double logProbability) {
  /** Requires a text. */
  public AlignedToken {
    Objects.requireNonNull(text, "text");
  }

  /** The geometric mean over its frames, between 0 and 1. */
  public double confidence() {
    return Math.min(1, Math.exp(logProbability / (end - start)));
  }

  TimedToken inSeconds(FrameTimes times) {
    return times.token(text, start, end, confidence());
  }
}
