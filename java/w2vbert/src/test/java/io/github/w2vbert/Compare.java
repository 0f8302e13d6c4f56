package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Comparison of numbers with recorded ones. */
final class Compare {
  private Compare() {}

  /**
   * Fails unless all numbers are within {@code tolerance}; what is recorded as infinite or NaN must
   * be just that.
   *
   * @return the largest difference
   */
  static double assertClose(String what, double[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what + ": number of elements");
    double largest = 0;
    int at = 0;
    for (int i = 0; i < expected.length; i++) {
      boolean finite = Double.isFinite(expected[i]);
      double difference =
          finite
              ? Math.abs(expected[i] - actual[i])
              : Float.compare((float) expected[i], actual[i]) == 0 ? 0 : Double.POSITIVE_INFINITY;
      if (!(difference <= largest)) { // NaN included
        largest = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
        at = i;
      }
    }
    String worst =
        expected.length == 0
            ? "empty"
            : "largest difference "
                + largest
                + " at element "
                + at
                + ": expected "
                + expected[at]
                + ", got "
                + actual[at];
    assertTrue(largest <= tolerance, what + ": " + worst + ", tolerance " + tolerance);
    return largest;
  }

  static double assertClose(String what, float[] expected, float[] actual, double tolerance) {
    double[] wide = new double[expected.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = expected[i];
    }
    return assertClose(what, wide, actual, tolerance);
  }
}
