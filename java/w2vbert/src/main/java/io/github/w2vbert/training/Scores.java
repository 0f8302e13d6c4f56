package io.github.w2vbert.training;

import io.github.w2vbert.Tensor;
import io.github.w2vbert.decoding.LogProbabilities;

/**
 * What a model says of one utterance: a matrix in rows.
 *
 * @param values logits of frames, of the utterance (one row), or an embedding (one row)
 * @param rows frames, or 1
 * @param columns tokens, labels, or the size of the embedding
 */
record Scores(float[] values, int rows, int columns) {
  static Scores of(Tensor tensor) {
    int columns = Math.toIntExact(tensor.size(-1));
    return new Scores(
        tensor.toFloatArray(),
        tensor.dimensions() == 1 ? 1 : Math.toIntExact(tensor.size(0)),
        columns);
  }

  /** The column of the highest score of each row. */
  int[] best() {
    int[] best = new int[rows];
    for (int row = 0; row < rows; row++) {
      for (int column = 1; column < columns; column++) {
        if (values[row * columns + column] > values[row * columns + best[row]]) {
          best[row] = column;
        }
      }
    }
    return best;
  }

  /** Those of all tokens, as decoders take them. */
  LogProbabilities logProbabilities() {
    return LogProbabilities.ofLogits(values, rows, columns);
  }

  /** The logarithm of the softmax of a row. */
  private double[] logProbabilities(int row) {
    double[] scores = new double[columns];
    double highest = Double.NEGATIVE_INFINITY;
    for (int column = 0; column < columns; column++) {
      scores[column] = values[row * columns + column];
      highest = Math.max(highest, scores[column]);
    }
    double sum = 0;
    for (double score : scores) {
      sum += Math.exp(score - highest);
    }
    for (int column = 0; column < columns; column++) {
      scores[column] -= highest + Math.log(sum);
    }
    return scores;
  }

  /** The mean over all rows of the cross entropy with their classes. */
  double crossEntropy(int[] classes) {
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      sum -= logProbabilities(row)[classes[row]];
    }
    return sum / rows;
  }

  /**
   * The negative logarithm of the probability of all paths that spell the tokens (Graves et al.
   * 2006, section 4.1), per token.
   */
  double ctc(int[] tokens, int blank) {
    int states = 2 * tokens.length + 1; // blanks between the tokens and around them
    double[] alpha = new double[states];
    for (int row = 0; row < rows; row++) {
      double[] scores = logProbabilities(row);
      double[] next = new double[states];
      for (int s = 0; s < states; s++) {
        int token = s % 2 == 0 ? blank : tokens[s / 2];
        double before;
        if (row == 0) {
          before = s < 2 ? 0 : Double.NEGATIVE_INFINITY;
        } else {
          before = s == 0 ? alpha[0] : sum(alpha[s], alpha[s - 1]);
          if (s % 2 == 1 && s > 1 && token != tokens[s / 2 - 1]) {
            before = sum(before, alpha[s - 2]);
          }
        }
        next[s] = before + scores[token];
      }
      alpha = next;
    }
    double all = states == 1 ? alpha[0] : sum(alpha[states - 1], alpha[states - 2]);
    return -all / Math.max(1, tokens.length);
  }

  /** The logarithm of the sum of two numbers that are given as logarithms. */
  private static double sum(double a, double b) {
    double high = Math.max(a, b);
    return high == Double.NEGATIVE_INFINITY
        ? high
        : high + Math.log1p(Math.exp(Math.min(a, b) - high));
  }
}
