package io.github.w2vbert.transcript;

import java.util.Objects;

/**
 * A token of a transcript (a character, or several that the vocabulary holds as one).
 *
 * @param text as it appears in the transcript
 * @param start in seconds
 * @param end in seconds, not before {@code start}
 * @param confidence between 0 and 1
 */
public record TimedToken(String text, double start, double end, double confidence) {
  /**
   * @throws IllegalArgumentException if a time is not finite, the end lies before the start, or the
   *     confidence is not between 0 and 1
   */
  public TimedToken {
    Objects.requireNonNull(text, "text");
    Times.require("the token '" + text + "'", start, end, confidence);
  }

  /** See {@link Word#shifted}. */
  TimedToken shifted(double seconds) {
    return new TimedToken(text, start + seconds, end + seconds, confidence);
  }
}
