package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import java.math.BigDecimal;
import java.math.MathContext;

/**
 * The smallest and the largest sample of every column of a waveform.
 *
 * @param scale the amplitude at the edges of the panel: at least the loudest sample
 */
record Envelope(float[] lowest, float[] highest, double scale) {
  private static final double QUIETEST = 1e-3; // what is softer is not enlarged further

  static Envelope of(Audio audio) {
    int columns = Math.min(audio.length(), Raster.MAX_COLUMNS);
    float[] lowest = new float[columns];
    float[] highest = new float[columns];
    double peak = 0;
    for (int c = 0; c < columns; c++) {
      int begin = Raster.begin(c, columns, audio.length());
      float[] samples = audio.slice(begin, Raster.begin(c + 1, columns, audio.length())).samples(0);
      lowest[c] = samples[0];
      highest[c] = samples[0];
      for (float sample : samples) {
        lowest[c] = Math.min(lowest[c], sample);
        highest[c] = Math.max(highest[c], sample);
      }
      peak = Math.max(peak, Math.max(-lowest[c], highest[c]));
    }
    return new Envelope(lowest, highest, roundUp(Math.max(peak, QUIETEST)));
  }

  /** The next of 1, 2 and 5 times a power of ten. */
  private static double roundUp(double value) {
    double power = Math.pow(10, Math.floor(Math.log10(value)));
    for (int factor : new int[] {1, 2, 5}) {
      if (factor * power >= value) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  /** The scale in words. */
  String label() {
    return new BigDecimal(scale, new MathContext(1)).stripTrailingZeros().toPlainString();
  }

  int columns() {
    return lowest.length;
  }
}
