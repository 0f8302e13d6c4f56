package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EqualErrorRateTest {
  @Test
  void separatedScoresHaveNoErrors() {
    EqualErrorRate result =
        EqualErrorRate.of(new double[] {0.9, 0.7}, new double[] {0.1, 0.5, -0.2});
    assertEquals(0, result.rate());
    assertEquals(0.7, result.threshold());
  }

  @Test
  void reversedScoresAreAllWrong() {
    assertEquals(1, EqualErrorRate.of(new double[] {0}, new double[] {1}).rate());
  }

  @Test
  void equalScoresAreAGuess() {
    assertEquals(0.5, EqualErrorRate.of(new double[] {1, 1}, new double[] {1, 1, 1}).rate());
  }

  @Test
  void oneOfFourIsWrongOnEitherSide() {
    EqualErrorRate result =
        EqualErrorRate.of(new double[] {1, 5, 6, 7}, new double[] {0, 2, 3, 5.5});
    assertEquals(0.25, result.rate());
    assertEquals(5, result.threshold());
  }

  /** Every score is tried as a threshold. */
  @Test
  void randomScoresHaveTheRateOfTheNaiveSearch() {
    Random random = new Random(3);
    for (int trial = 0; trial < 200; trial++) {
      double[] same = random.ints(1 + random.nextInt(9), 0, 8).asDoubleStream().toArray();
      double[] different = random.ints(1 + random.nextInt(9), -4, 5).asDoubleStream().toArray();
      EqualErrorRate result = EqualErrorRate.of(same, different);
      double smallest = Double.POSITIVE_INFINITY;
      for (double threshold = -5; threshold <= 9; threshold++) {
        smallest = Math.min(smallest, Math.abs(distance(same, different, threshold)));
      }
      assertEquals(smallest, Math.abs(distance(same, different, result.threshold())), 1e-12);
      assertTrue(result.rate() >= 0 && result.rate() <= 1);
    }
  }

  private static double distance(double[] same, double[] different, double threshold) {
    return Arrays.stream(same).filter(s -> s < threshold).count() / (double) same.length
        - Arrays.stream(different).filter(s -> s >= threshold).count() / (double) different.length;
  }

  @Test
  void nothingToCompareIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> EqualErrorRate.of(new double[0], new double[] {1}));
    assertThrows(
        IllegalArgumentException.class,
        () -> EqualErrorRate.of(new double[] {1}, new double[] {Double.NaN, 0}));
  }
}
