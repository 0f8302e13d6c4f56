package io.github.w2vbert.training;

import java.util.Arrays;

/**
 * Where a verification errs as often in one direction as in the other.
 *
 * @param rate the mean of both error rates at the threshold, where they differ least
 * @param threshold pairs with this score and above are taken for the same speaker
 */
public record EqualErrorRate(double rate, double threshold) {
  /**
   * The equal error rate of scores of pairs.
   *
   * @param same scores of pairs of one speaker
   * @param different scores of pairs of two speakers
   * @throws IllegalArgumentException if one of them is empty or has a NaN
   */
  public static EqualErrorRate of(double[] same, double[] different) {
    double[] accepted = sorted("same", same);
    double[] refused = sorted("different", different);
    EqualErrorRate best = null;
    double smallest = Double.POSITIVE_INFINITY;
    int rejections = 0; // of `same`: scores below the threshold
    int below = 0; // of `different`
    for (int i = 0; i <= accepted.length + refused.length; i++) {
      // Every score is a threshold once; the last one is above all.
      double threshold =
          rejections == accepted.length && below == refused.length
              ? Math.nextUp(Math.max(accepted[accepted.length - 1], refused[refused.length - 1]))
              : below == refused.length
                      || (rejections < accepted.length && accepted[rejections] <= refused[below])
                  ? accepted[rejections]
                  : refused[below];
      double falseRejections = (double) rejections / accepted.length;
      double falseAcceptances = 1 - (double) below / refused.length;
      double distance = Math.abs(falseRejections - falseAcceptances);
      if (distance < smallest) {
        smallest = distance;
        best = new EqualErrorRate((falseRejections + falseAcceptances) / 2, threshold);
      }
      while (rejections < accepted.length && accepted[rejections] <= threshold) {
        rejections++;
      }
      while (below < refused.length && refused[below] <= threshold) {
        below++;
      }
    }
    return best;
  }

  private static double[] sorted(String name, double[] scores) {
    double[] copy = scores.clone();
    Arrays.sort(copy);
    if (copy.length == 0 || Double.isNaN(copy[copy.length - 1])) {
      throw new IllegalArgumentException(
          name
              + (copy.length == 0 ? " is empty" : " has a NaN")
              + "; expected scores of at least one pair");
    }
    return copy;
  }
}
