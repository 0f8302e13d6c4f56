package io.github.w2vbert.decoding;

import java.util.Objects;

/**
 * The natural logarithm of the probability of every token in every frame of one utterance, {@code
 * [time, vocabulary]}. Immutable.
 */
public final class LogProbabilities {
  private final float[] values;
  private final int time;
  private final int vocabulary;

  private LogProbabilities(float[] values, int time, int vocabulary) {
    this.values = values;
    this.time = time;
    this.vocabulary = vocabulary;
  }

  /**
   * Normalises every row of unnormalised scores (a softmax, computed in float64).
   *
   * @param logits {@code [time, vocabulary]} in C order; copied
   * @throws IllegalArgumentException if the sizes do not fit or a score is not finite
   */
  public static LogProbabilities ofLogits(float[] logits, int time, int vocabulary) {
    Objects.requireNonNull(logits, "logits");
    requireSizes(logits, time, vocabulary);
    float[] values = new float[logits.length];
    for (int t = 0; t < time; t++) {
      int row = t * vocabulary;
      double largest = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < vocabulary; v++) {
        if (!Float.isFinite(logits[row + v])) {
          throw new IllegalArgumentException(
              "the score of token "
                  + v
                  + " in frame "
                  + t
                  + " is "
                  + logits[row + v]
                  + "; expected a finite number");
        }
        largest = Math.max(largest, logits[row + v]);
      }
      double sum = 0;
      for (int v = 0; v < vocabulary; v++) {
        sum += Math.exp(logits[row + v] - largest);
      }
      double logSum = largest + Math.log(sum);
      for (int v = 0; v < vocabulary; v++) {
        values[row + v] = (float) (logits[row + v] - logSum);
      }
    }
    return new LogProbabilities(values, time, vocabulary);
  }

  /**
   * Takes log-probabilities as they are.
   *
   * @param values {@code [time, vocabulary]} in C order; copied
   * @throws IllegalArgumentException if the sizes do not fit, or a value is above zero (by more
   *     than rounding) or not a number
   */
  public static LogProbabilities of(float[] values, int time, int vocabulary) {
    Objects.requireNonNull(values, "values");
    requireSizes(values, time, vocabulary);
    for (int i = 0; i < values.length; i++) {
      if (!(values[i] <= 1e-4f)) {
        throw new IllegalArgumentException(
            "the log-probability of token "
                + i % vocabulary
                + " in frame "
                + i / vocabulary
                + " is "
                + values[i]
                + "; expected at most 0");
      }
    }
    return new LogProbabilities(values.clone(), time, vocabulary);
  }

  private static void requireSizes(float[] values, int time, int vocabulary) {
    if (time < 0 || vocabulary < 1 || (long) time * vocabulary != values.length) {
      throw new IllegalArgumentException(
          values.length + " values are given for " + time + " frames of " + vocabulary + " tokens");
    }
  }

  /** Frames. */
  public int time() {
    return time;
  }

  /** Tokens. */
  public int vocabulary() {
    return vocabulary;
  }

  /**
   * The log-probability of one token in one frame.
   *
   * @throws IndexOutOfBoundsException if there is no such frame or token
   */
  public float get(int frame, int token) {
    if (frame < 0 || frame >= time) { // the place in the array could wrap to one that exists
      throw new IndexOutOfBoundsException("frame is " + frame + " of " + time);
    }
    if (token < 0 || token >= vocabulary) {
      throw new IndexOutOfBoundsException("token is " + token + " of " + vocabulary);
    }
    return values[frame * vocabulary + token];
  }

  /** All of them in C order: not a copy, and never to be written. */
  float[] values() {
    return values;
  }

  /** The most probable token of every frame; of equal ones the first. */
  public int[] bestPath() {
    int[] path = new int[time];
    for (int t = 0; t < time; t++) {
      int row = t * vocabulary;
      for (int v = 1; v < vocabulary; v++) {
        if (values[row + v] > values[row + path[t]]) {
          path[t] = v;
        }
      }
    }
    return path;
  }
}
