package io.github.w2vbert.cli;

import java.math.BigDecimal;
import java.util.Locale;

/**
 * Seconds during which a label is active.
 *
 * @param probability the mean over the frames
 */
record Span(String label, double start, double end, double probability) {
  /** In seconds, to the millisecond. */
  String startText() {
    return seconds(start);
  }

  /** In seconds, to the millisecond. */
  String endText() {
    return seconds(end);
  }

  /** The difference of the other two texts. */
  String lengthText() {
    return new BigDecimal(endText()).subtract(new BigDecimal(startText())).toString();
  }

  String probabilityText() {
    return String.format(Locale.ROOT, "%.4f", probability);
  }

  private static String seconds(double seconds) {
    return String.format(Locale.ROOT, "%.3f", seconds);
  }
}
