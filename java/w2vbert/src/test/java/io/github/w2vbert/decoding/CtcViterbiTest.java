package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class CtcViterbiTest {
  private static final int BLANK = 0;
  private static final int DELIMITER = 1;
  private static final double NONE = Double.NEGATIVE_INFINITY;

  @Property(tries = 500, seed = "20240817")
  void equalsAFullTable(
      @ForAll Random random,
      @ForAll @IntRange(min = 1, max = 70) int time,
      @ForAll @IntRange(min = 1, max = 30) int labels,
      @ForAll boolean coarse,
      @ForAll @IntRange(min = 1, max = 140) int band) {
    int[] states = states(random, labels);
    LogProbabilities frames = frames(random, time, 5, coarse);
    for (int width : new int[] {CtcViterbi.NO_BAND, band}) {
      assertEqualsFullTable(frames, states, width);
    }
  }

  @Test
  void longInputEqualsAFullTable() {
    Random random = new Random(20240817);
    LogProbabilities frames = frames(random, 3000, 30, false);
    assertEqualsFullTable(frames, states(random, 400), CtcViterbi.NO_BAND);
    assertEqualsFullTable(frames, states(random, 400), 300);
  }

  @Property(tries = 300, seed = "20240817")
  void equalsTheBestOfAllPaths(
      @ForAll Random random,
      @ForAll @IntRange(min = 1, max = 6) int time,
      @ForAll @IntRange(min = 1, max = 3) int labels) {
    int[] states = states(random, labels);
    LogProbabilities frames = frames(random, time, 4, false);
    double best = NONE;
    for (int s = 0; s < 2; s++) {
      best = Math.max(best, bestFrom(frames, states, 0, s));
    }
    if (best == NONE) {
      assertThrows(IllegalArgumentException.class, () -> path(frames, states, CtcViterbi.NO_BAND));
    } else {
      assertEquals(best, path(frames, states, CtcViterbi.NO_BAND).logProbability(), 1e-9);
    }
  }

  @Property(tries = 300, seed = "20240817")
  void equalsTheBestOfAllTokenSequencesThatCollapseToTheLabels(
      @ForAll Random random,
      @ForAll @IntRange(min = 1, max = 6) int time,
      @ForAll @IntRange(min = 1, max = 3) int labels) {
    int vocabulary = 3;
    int[] tokens = random.ints(labels, 1, vocabulary).toArray();
    int[] states = new int[2 * labels + 1];
    for (int i = 0; i < labels; i++) {
      states[2 * i + 1] = tokens[i];
    }
    LogProbabilities frames = frames(random, time, vocabulary, false);
    double best = NONE;
    for (int code = 0; code < Math.pow(vocabulary, time); code++) {
      int[] sequence = new int[time];
      double sum = 0;
      for (int t = 0, rest = code; t < time; t++, rest /= vocabulary) {
        sequence[t] = rest % vocabulary;
        sum += frames.get(t, sequence[t]);
      }
      if (Arrays.equals(tokens, collapsed(sequence))) {
        best = Math.max(best, sum);
      }
    }
    if (best == NONE) {
      assertThrows(IllegalArgumentException.class, () -> path(frames, states, CtcViterbi.NO_BAND));
    } else {
      assertEquals(best, path(frames, states, CtcViterbi.NO_BAND).logProbability(), 1e-9);
    }
  }

  @Test
  void manyStatesAndFramesNeedLittleMemory() {
    // A full table of back pointers would have 2 * 10^8 entries.
    int time = 20_000;
    int[] states = states(new Random(1), 5_000);
    LogProbabilities frames = frames(new Random(2), time, 5, false);
    long before = allocated();
    CtcViterbi.Path path = path(frames, states, CtcViterbi.NO_BAND);
    long megabytes = (allocated() - before) >> 20;
    assertTrue(megabytes < 16, megabytes + " MB");
    assertEquals(sum(path.emissions()), path.logProbability(), 1e-6);
  }

  @Test
  void framesThatNothingMatchesAreNamed() {
    float[] values = new float[3 * 5];
    values[3 * 2] = values[3 * 2 + 1] = values[3 * 2 + 2] = Float.NEGATIVE_INFINITY;
    LogProbabilities frames = LogProbabilities.of(values, 5, 3);
    Exception error =
        assertThrows(
            IllegalArgumentException.class,
            () -> path(frames, new int[] {0, 2, 0}, CtcViterbi.NO_BAND));
    assertEquals(
        "every alignment of 1 labels to 5 frames has probability 0 from frame 2 on; expected a"
            + " finite log-probability of the labels of the text",
        error.getMessage());
  }

  @Test
  void aPathOutsideTheBandIsNotFound() {
    int time = 100;
    float[] values = new float[time * 3];
    Arrays.fill(values, -50);
    for (int t = 0; t < time; t++) {
      values[t * 3 + (t < 2 ? 2 : 0)] = 0; // the only label is said at once, then silence
    }
    LogProbabilities frames = LogProbabilities.of(values, time, 3);
    int[] states = {0, 2, 0};
    assertEquals(0, path(frames, states, CtcViterbi.NO_BAND).logProbability());
    assertEquals(0, path(frames, states, 97).logProbability()); // the last gap belongs to frame 99
    assertTrue(path(frames, states, 96).logProbability() < 0);
    float[] hard = values.clone();
    for (int i = 0; i < hard.length; i++) {
      hard[i] = hard[i] < 0 ? Float.NEGATIVE_INFINITY : 0;
    }
    Exception error =
        assertThrows(
            IllegalArgumentException.class,
            () -> path(LogProbabilities.of(hard, time, 3), states, 20));
    assertTrue(error.getMessage().contains("within a band of 20 frames"), error.getMessage());
    assertTrue(error.getMessage().endsWith("or a wider band"), error.getMessage());
  }

  private static CtcViterbi.Path path(LogProbabilities frames, int[] states, int band) {
    return new CtcViterbi(frames, states, BLANK, DELIMITER, band).bestPath();
  }

  private static void assertEqualsFullTable(LogProbabilities frames, int[] states, int band) {
    int[] expected = fullTable(frames, states, band);
    if (expected == null) {
      assertThrows(IllegalArgumentException.class, () -> path(frames, states, band));
      return;
    }
    CtcViterbi.Path path = path(frames, states, band);
    assertArrayEquals(expected, path.states());
    double sum = 0;
    for (int t = 0; t < expected.length; t++) {
      assertEquals(emission(frames, t, states[expected[t]]), path.emissions()[t]);
      sum += path.emissions()[t];
    }
    assertEquals(sum, path.logProbability());
  }

  /** The states of the best path, or null if its probability is 0. */
  private static int[] fullTable(LogProbabilities frames, int[] states, int band) {
    int time = frames.time();
    double[][] score = new double[time][states.length];
    int[][] steps = new int[time][states.length];
    for (int t = 0; t < time; t++) {
      for (int s = 0; s < states.length; s++) {
        score[t][s] = NONE;
        double distance =
            time == 1 ? 0 : t - (double) s * (time - 1) / (states.length - 1); // in frames
        if (band != CtcViterbi.NO_BAND && Math.abs(distance) > band + 1e-9) {
          continue;
        }
        double best = t > 0 ? score[t - 1][s] : s < 2 ? 0 : NONE;
        for (int step = 1; t > 0 && step <= Math.min(2, s); step++) {
          double before = score[t - 1][s - step];
          boolean tie = before == best && s % 2 == 0;
          if ((step == 1 ? before > best || tie : maySkip(states, s) && before > best)) {
            best = before;
            steps[t][s] = step;
          }
        }
        score[t][s] = best + emission(frames, t, states[s]);
      }
    }
    double[] last = score[time - 1];
    int state = last[states.length - 1] > last[states.length - 2] ? 1 : 2;
    state = states.length - state;
    if (last[state] == NONE) {
      return null;
    }
    int[] path = new int[time];
    for (int t = time - 1; t >= 0; t--) {
      path[t] = state;
      state -= steps[t][state];
    }
    return path;
  }

  private static double bestFrom(LogProbabilities frames, int[] states, int t, int s) {
    double here = emission(frames, t, states[s]);
    if (t == frames.time() - 1) {
      return s >= states.length - 2 ? here : NONE;
    }
    double best = NONE;
    for (int step = 0; step < 3 && s + step < states.length; step++) {
      if (step < 2 || maySkip(states, s + step)) {
        best = Math.max(best, bestFrom(frames, states, t + 1, s + step));
      }
    }
    return here + best;
  }

  private static boolean maySkip(int[] states, int s) {
    boolean label = s % 2 == 1;
    boolean repeated = label && s > 1 && states[s] >= 0 && states[s] == states[s - 2];
    return label && !repeated;
  }

  private static float emission(LogProbabilities frames, int t, int state) {
    if (state >= 0) {
      return frames.get(t, state);
    }
    float best = Float.NEGATIVE_INFINITY;
    for (int v = 0; v < frames.vocabulary(); v++) {
      if (state == CtcViterbi.ANY || (v != BLANK && v != DELIMITER)) {
        best = Math.max(best, frames.get(t, v));
      }
    }
    return best;
  }

  private static int[] collapsed(int[] sequence) {
    int[] tokens = new int[sequence.length];
    int count = 0;
    for (int t = 0; t < sequence.length; t++) {
      if (sequence[t] != BLANK && (t == 0 || sequence[t] != sequence[t - 1])) {
        tokens[count++] = sequence[t];
      }
    }
    return Arrays.copyOf(tokens, count);
  }

  /** Labels with wildcards and repetitions, some gaps free. */
  private static int[] states(Random random, int labels) {
    int[] states = new int[2 * labels + 1];
    for (int i = 0; i <= labels; i++) {
      states[2 * i] = random.nextInt(6) == 0 ? CtcViterbi.ANY : BLANK;
      if (i < labels) {
        states[2 * i + 1] = random.nextInt(8) == 0 ? CtcViterbi.ANY_TEXT : 1 + random.nextInt(3);
      }
    }
    return states;
  }

  /**
   * @param coarse whether values are few, so that many paths are equal, and some -infinity
   */
  private static LogProbabilities frames(Random random, int time, int vocabulary, boolean coarse) {
    float[] values = new float[time * vocabulary];
    for (int i = 0; i < values.length; i++) {
      values[i] = coarse ? -random.nextInt(3) : -5 * random.nextFloat();
      if (coarse && random.nextInt(30) == 0) {
        values[i] = Float.NEGATIVE_INFINITY;
      }
    }
    return LogProbabilities.of(values, time, vocabulary);
  }

  private static double sum(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }

  private static long allocated() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }
}
