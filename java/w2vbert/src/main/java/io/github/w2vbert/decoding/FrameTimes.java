package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.TimedToken;
import io.github.w2vbert.transcript.Word;
import java.util.List;

/** Turns frames into seconds. */
record FrameTimes(double secondsPerFrame) {
  /**
   * @throws IllegalArgumentException if {@code secondsPerFrame} is not a finite number above 0
   */
  FrameTimes {
    if (!(secondsPerFrame > 0 && secondsPerFrame < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "secondsPerFrame is " + secondsPerFrame + "; expected a finite number above 0");
    }
  }

  TimedToken token(String text, int start, int end, double confidence) {
    return new TimedToken(text, start * secondsPerFrame, end * secondsPerFrame, confidence);
  }

  Word word(String text, int start, int end, double confidence, List<TimedToken> tokens) {
    return new Word(text, start * secondsPerFrame, end * secondsPerFrame, confidence, tokens);
  }
}
