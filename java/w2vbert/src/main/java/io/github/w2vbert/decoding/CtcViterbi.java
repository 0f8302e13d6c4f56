package io.github.w2vbert.decoding;

import java.util.Arrays;

/**
 * The most probable way of a label sequence through the frames of one utterance (Graves et al.
 * 2006, section 4.1, with the maximum in the place of the sum).
 *
 * <p>L labels make S = 2L + 1 states: state 2i + 1 is label i, the even states are the gaps around
 * labels. A path begins in the first gap or label and ends in the last; from one frame to the next
 * it stays, takes one step, or leaves out the gap between two labels unless these are equal.
 *
 * <p>Time is O(T S). Only every B-th row of scores is kept, so that the way back computes B frames
 * anew at a time; as a path takes at most two steps per frame, that touches no more than 2B states
 * per frame. With B near the cube root of T S this costs little time, and O((T S)^(2/3)) memory: 83
 * MB for an hour (180 000 frames) and 50 000 labels. Scores are added in float64 in the same order
 * both times, so the result is that of a full table. Not for several threads.
 */
final class CtcViterbi {
  /** In the place of a token: any token but the blank and the word delimiter. */
  static final int ANY_TEXT = -1;

  /** In the place of a token: any token. */
  static final int ANY = -2;

  static final int NO_BAND = Integer.MAX_VALUE;

  // Two states before the first, never reachable, save the recursion its special cases.
  private static final int PADDING = 2;
  private static final int MAX_INTERVAL = 8192; // 512 MiB of scores; 10^12 frames times states

  private final LogProbabilities frames;
  private final int blank;
  private final int delimiter;
  private final int band;
  private final int time;
  private final int states;
  private final int interval;
  private final int[] columns; // what a state matches, an index of `row`
  private final float[] skip; // 0 if the gap before a state may be left out, else -infinity
  private final float[] row; // one frame: all tokens, then ANY_TEXT, then ANY
  private final double[] score; // of the best path to each state, behind the padding

  /**
   * @param tokens what each state matches: a token, {@link #ANY_TEXT} or {@link #ANY}; an odd
   *     number of states
   * @param delimiter the token between words, or -1
   * @param band how many frames a path may be away from the diagonal, or {@link #NO_BAND}
   */
  CtcViterbi(LogProbabilities frames, int[] tokens, int blank, int delimiter, int band) {
    this.frames = frames;
    this.blank = blank;
    this.delimiter = delimiter;
    this.band = band;
    time = frames.time();
    states = tokens.length;
    int vocabulary = frames.vocabulary();
    row = new float[vocabulary + 2];
    columns = new int[states];
    skip = new float[states];
    for (int s = 0; s < states; s++) {
      columns[s] =
          switch (tokens[s]) {
            case ANY_TEXT -> vocabulary;
            case ANY -> vocabulary + 1;
            default -> tokens[s];
          };
      boolean skips = s % 2 == 1 && s > 1 && (tokens[s] < 0 || tokens[s] != tokens[s - 2]);
      skip[s] = skips ? 0 : Float.NEGATIVE_INFINITY;
    }
    score = new double[states + PADDING];
    interval = (int) Math.max(1, Math.min(MAX_INTERVAL, Math.cbrt(0.5 * time * (double) states)));
  }

  /**
   * A path.
   *
   * @param states of every frame
   * @param emissions the log-probability of what the state matches, in every frame
   * @param logProbability their sum
   */
  record Path(int[] states, float[] emissions, double logProbability) {}

  /** A stretch of scores after one frame, beginning with that of state {@code from}. */
  private record Checkpoint(int from, double[] scores) {}

  /**
   * Of equally probable paths the one that, seen from the end, leaves gaps as soon and labels as
   * late as it can; it ends in the last label rather than the gap behind it. So a label keeps its
   * frames where the gap matches them as well.
   *
   * @throws IllegalArgumentException if every path has probability 0
   */
  Path bestPath() {
    Checkpoint[] checkpoints = new Checkpoint[(time - 1) / interval + 1];
    Arrays.fill(score, Double.NEGATIVE_INFINITY);
    readRow(0);
    int low = lowest(0);
    int high = highest(0);
    for (int s = low; s <= high; s++) {
      score[s + PADDING] = row[columns[s]];
    }
    for (int t = 0; ; t++) {
      while (low <= high && score[low + PADDING] == Double.NEGATIVE_INFINITY) {
        low++; // nothing comes from here any more
      }
      if (low > high) {
        throw noPath(t);
      }
      if (t == time - 1) {
        break;
      }
      if (t % interval == 0) {
        checkpoints[t / interval] =
            new Checkpoint(low, Arrays.copyOfRange(score, low + PADDING, high + 1 + PADDING));
      }
      int nextLow = Math.max(low, lowest(t + 1));
      high = highest(t + 1);
      advance(t + 1, low, nextLow, high);
      low = nextLow;
    }
    double gap = score[states - 1 + PADDING];
    double label = score[states - 2 + PADDING];
    int[] path = new int[time];
    path[time - 1] = gap > label ? states - 1 : states - 2;
    traceBack(checkpoints, path);
    return new Path(path, emissions(path), Math.max(gap, label));
  }

  /** The first state in frame {@code t} from which the end is in reach. */
  private int lowest(int t) {
    long low = Math.max(0, states - 2 - 2L * (time - 1 - t));
    if (band != NO_BAND && time > 1) {
      low = Math.max(low, -Math.floorDiv(((long) band - t) * (states - 1), time - 1L));
    }
    return (int) low;
  }

  /** The last state that can be reached in frame {@code t}. */
  private int highest(int t) {
    long high = Math.min(states - 1, 2L * t + 1);
    if (band != NO_BAND && time > 1) {
      high = Math.min(high, ((long) band + t) * (states - 1) / (time - 1));
    }
    return (int) high;
  }

  /**
   * Turns the scores after frame {@code t - 1} into those after frame {@code t}, for states from
   * {@code low} to {@code high}; states before {@code low} become unreachable.
   *
   * @param previousLow the state before which all are unreachable already
   */
  private void advance(int t, int previousLow, int low, int high) {
    readRow(t);
    // Downwards, as a state needs those before it as they were. Without branches, as their outcome
    // cannot be foreseen: that takes less than half the time.
    for (int s = high; s >= low; s--) {
      int at = s + PADDING;
      double near = Math.max(score[at], score[at - 1]);
      score[at] = Math.max(near, score[at - 2] + skip[s]) + row[columns[s]];
    }
    if (previousLow < low) {
      Arrays.fill(score, previousLow + PADDING, low + PADDING, Double.NEGATIVE_INFINITY);
    }
  }

  private void readRow(int t) {
    int vocabulary = frames.vocabulary();
    float text = Float.NEGATIVE_INFINITY;
    float any = Float.NEGATIVE_INFINITY;
    for (int v = 0; v < vocabulary; v++) {
      float value = frames.get(t, v);
      row[v] = value;
      any = Math.max(any, value);
      if (v != blank && v != delimiter) {
        text = Math.max(text, value);
      }
    }
    row[vocabulary] = text;
    row[vocabulary + 1] = any;
  }

  /** Fills the path from its last state to its first, one stretch between checkpoints at a time. */
  private void traceBack(Checkpoint[] checkpoints, int[] path) {
    int longest = Math.min(interval, time - 1);
    double[] rows = new double[rowStart(longest + 1)];
    for (int last = time - 1; last > 0; ) {
      int index = (last - 1) / interval;
      traceBack(checkpoints[index], index * interval, last, path, rows);
      last = index * interval;
    }
  }

  /**
   * Fills the path from frame {@code last}, whose state e is known, to frame {@code first}, that of
   * the checkpoint. Frame {@code last - k} can only be in the 2k + 1 states from e - 2k to e.
   */
  private void traceBack(Checkpoint checkpoint, int first, int last, int[] path, double[] rows) {
    int end = path[last];
    int low = Math.max(0, end - 2 * (last - first));
    // From two states before the first that is copied, as these are read.
    Arrays.fill(score, low, end + PADDING + 1, Double.NEGATIVE_INFINITY);
    int from = Math.max(low, checkpoint.from);
    int to = Math.min(end + 1, checkpoint.from + checkpoint.scores.length);
    if (from < to) {
      System.arraycopy(checkpoint.scores, from - checkpoint.from, score, from + PADDING, to - from);
    }
    saveRow(end, last - first, rows);
    for (int t = first + 1; t < last; t++) {
      int nextLow = Math.max(low, Math.max(lowest(t), end - 2 * (last - t)));
      advance(t, low, nextLow, Math.min(end, highest(t)));
      low = nextLow;
      saveRow(end, last - t, rows);
    }
    for (int t = last; t > first; t--) {
      int state = path[t];
      int back = last - t + 1;
      int at = rowStart(back) + state - (end - 2 * back);
      double best = rows[at];
      int steps = 0;
      if (rows[at - 1] > best || (rows[at - 1] == best && state % 2 == 0)) {
        best = rows[at - 1];
        steps = 1;
      }
      if (rows[at - 2] + skip[state] > best) {
        steps = 2;
      }
      path[t - 1] = state - steps;
    }
  }

  /** Where the scores of the frame {@code back} before the last begin: after 3 + 5 + 7 + ... */
  private static int rowStart(int back) {
    return back * back - 1;
  }

  private void saveRow(int end, int back, double[] rows) {
    int from = end - 2 * back;
    int start = rowStart(back);
    int missing = Math.max(0, -PADDING - from);
    Arrays.fill(rows, start, start + missing, Double.NEGATIVE_INFINITY);
    System.arraycopy(
        score, from + missing + PADDING, rows, start + missing, 2 * back + 1 - missing);
  }

  private float[] emissions(int[] path) {
    float[] emissions = new float[time];
    for (int t = 0; t < time; t++) {
      readRow(t);
      emissions[t] = row[columns[path[t]]];
    }
    return emissions;
  }

  private IllegalArgumentException noPath(int t) {
    return new IllegalArgumentException(
        "every alignment of "
            + states / 2
            + " labels to "
            + time
            + " frames"
            + (band == NO_BAND ? "" : " within a band of " + band + " frames")
            + " has probability 0 from frame "
            + t
            + " on; expected a finite log-probability of the labels of the text"
            + (band == NO_BAND ? "" : ", or a wider band"));
  }
}
