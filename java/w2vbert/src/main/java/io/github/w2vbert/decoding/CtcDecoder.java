package io.github.w2vbert.decoding;

/** Turns the scores of an utterance into text. Implementations may be shared between threads. */
public interface CtcDecoder {
  /**
   * The best hypothesis for one utterance.
   *
   * @throws IllegalArgumentException if the scores are of another number of tokens than the decoder
   */
  Hypothesis best(LogProbabilities scores);
}
