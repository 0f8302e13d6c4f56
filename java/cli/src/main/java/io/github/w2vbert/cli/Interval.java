package io.github.w2vbert.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Frames during which a label is active.
 *
 * @param label its number
 * @param begin the first frame
 * @param end behind the last frame
 * @param probability the mean over the frames
 */
record Interval(int label, int begin, int end, double probability) {
  /**
   * What makes an interval.
   *
   * @param threshold a frame is active if its probability is larger
   * @param minGap shorter gaps between active frames are closed, in frames
   * @param minLength shorter intervals are dropped once gaps are closed, in frames
   */
  record Options(double threshold, int minGap, int minLength) {}

  /**
   * The intervals of all labels, by begin and then label.
   *
   * @param probabilities {@code [frames, labels]} in C order
   */
  static List<Interval> find(double[] probabilities, int labels, Options options) {
    List<Interval> found = new ArrayList<>();
    for (int label = 0; label < labels; label++) {
      int begin = -1; // of the interval that is being built; -1: none
      int end = 0;
      for (int t = 0; t * labels < probabilities.length; t++) {
        if (probabilities[t * labels + label] > options.threshold) {
          int gap = t - end;
          if (begin >= 0 && gap > 0 && gap >= options.minGap) {
            add(found, probabilities, labels, label, begin, end, options);
            begin = -1;
          }
          begin = begin < 0 ? t : begin;
          end = t + 1;
        }
      }
      if (begin >= 0) {
        add(found, probabilities, labels, label, begin, end, options);
      }
    }
    found.sort(Comparator.comparingInt(Interval::begin).thenComparingInt(Interval::label));
    return found;
  }

  private static void add(
      List<Interval> found,
      double[] probabilities,
      int labels,
      int label,
      int begin,
      int end,
      Options options) {
    if (end - begin < options.minLength) {
      return;
    }
    double sum = 0;
    for (int t = begin; t < end; t++) {
      sum += probabilities[t * labels + label];
    }
    found.add(new Interval(label, begin, end, sum / (end - begin)));
  }
}
