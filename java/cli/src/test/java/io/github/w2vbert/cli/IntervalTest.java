package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.w2vbert.cli.Interval.Options;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IntervalTest {
  private static final double ACTIVE = 0.75;
  private static final double QUIET = 0.25;

  /** One label that is active where the pattern has a #. */
  private static double[] frames(String pattern) {
    return pattern.chars().mapToDouble(c -> c == '#' ? ACTIVE : QUIET).toArray();
  }

  /** The same notation for intervals of one label. */
  private static String pattern(List<Interval> intervals, int frames) {
    StringBuilder pattern = new StringBuilder("-".repeat(frames));
    for (Interval interval : intervals) {
      for (int t = interval.begin(); t < interval.end(); t++) {
        pattern.setCharAt(t, '#');
      }
    }
    return pattern.toString();
  }

  @ParameterizedTest
  @CsvSource({
    "'', 0, 0, ''",
    "-, 0, 0, -",
    "#, 0, 0, #",
    "####, 0, 0, ####",
    "##-#--#---#, 0, 0, ##-#--#---#",
    "##-#--#---#, 1, 1, ##-#--#---#",
    "##-#--#---#, 2, 0, ####--#---#",
    "##-#--#---#, 3, 0, #######---#",
    "##-#--#---#, 4, 0, ###########",
    "##-#--#---#, 0, 2, ##---------",
    "##-#--#---#, 0, 3, -----------",
    // Gaps are closed before short intervals are dropped.
    "##-#--#---#, 2, 2, ####-------",
    "-#-#-#-----#--, 2, 5, -#####--------",
    // What is quiet at the ends is no gap.
    "--##--, 9, 0, --##--",
  })
  void gapsAreClosedAndThenShortOnesDropped(
      String frames, int minGap, int minLength, String expected) {
    Options options = new Options(0.5, minGap, minLength);

    assertEquals(expected, pattern(Interval.find(frames(frames), 1, options), frames.length()));
  }

  @Test
  void intervalsThatMeetStayOne() {
    assertEquals(1, Interval.find(frames("###"), 1, new Options(0.5, 0, 0)).size());
    assertEquals(2, Interval.find(frames("#-#"), 1, new Options(0.5, 0, 0)).size());
  }

  @Test
  void aFrameOnTheThresholdIsQuiet() {
    double[] frames = {0.5, Math.nextUp(0.5), Double.NaN};

    assertEquals(
        List.of(new Interval(0, 1, 2, Math.nextUp(0.5))),
        Interval.find(frames, 1, new Options(0.5, 0, 0)));
  }

  @Test
  void labelsAreIndependentAndOrderedByTime() {
    double[] frames = {
      0.1, 0.9, 0.6,
      0.7, 0.8, 0.1,
      0.9, 0.1, 0.2,
    };

    List<Interval> found = Interval.find(frames, 3, new Options(0.5, 0, 0));

    assertEquals(
        List.of(
            new Interval(1, 0, 2, (0.9 + 0.8) / 2),
            new Interval(2, 0, 1, 0.6),
            new Interval(0, 1, 3, (0.7 + 0.9) / 2)),
        found);
  }

  @Test
  void theProbabilityCountsClosedGaps() {
    assertEquals(
        List.of(new Interval(0, 1, 4, (ACTIVE + QUIET + ACTIVE) / 3)),
        Interval.find(frames("-#-#-"), 1, new Options(0.5, 2, 0)));
  }

  /** Without minimal lengths the intervals say of every frame what the threshold says. */
  @Test
  void randomFramesAreCoveredExactly() {
    Random random = new Random(17);
    int labels = 4;
    double[] frames = random.doubles(labels * 999L).toArray();
    boolean[] covered = new boolean[frames.length];
    for (Interval interval : Interval.find(frames, labels, new Options(0.3, 0, 0))) {
      for (int t = interval.begin(); t < interval.end(); t++) {
        covered[t * labels + interval.label()] = true;
      }
    }
    for (int i = 0; i < frames.length; i++) {
      assertEquals(frames[i] > 0.3, covered[i], "number " + i);
    }
  }
}
