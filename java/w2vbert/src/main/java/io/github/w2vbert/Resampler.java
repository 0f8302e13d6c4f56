package io.github.w2vbert;

import java.util.Arrays;

/**
 * Changes the sample rate of one channel with a Kaiser-windowed sinc, evaluated at the exact
 * rational positions {@code m * down / up} and centred on them, so that the result has no delay.
 *
 * <p>The pass band ends at {@value #PASS_BAND} of the lower of the two Nyquist frequencies, the
 * stop band begins at that Nyquist frequency, and ripple and stop band are below -100 dB. The taps
 * of every output sum to one, sums run in double precision, samples outside the clip count as zero.
 * Large reductions halve the rate first with short filters that only guard the final band. Work and
 * memory are linear in the length of the clip for every pair of rates.
 *
 * <p>It is our own because the resamplers found on Maven Central are LGPL ports of libresample or
 * wrap native libraries.
 */
final class Resampler {
  /** End of the pass band, as a part of the lower Nyquist frequency; the stop band begins at 1. */
  private static final double PASS_BAND = 0.91;

  /** Designed stop-band attenuation in dB, a few above the promised 100. */
  private static final double ATTENUATION = 106;

  /** That of the filters that halve the rate: their ripples add up. */
  private static final double HALVING_ATTENUATION = 130;

  /** Reductions from 5 / 2 on are halved first: the two filters cost less than the one. */
  private static final int HALVING_DOWN = 5;

  private static final int HALVING_UP = 2;

  // Output m + k * (up * n) reads the input of output m moved by k * (down * n) and has the same
  // taps.
  // Such outputs are computed side by side, one in each column, so that the inner loop runs over
  // columns with all operands at the same index: the form the JIT compiler vectorises.
  private static final int COLUMNS = 64; // one row is 512 bytes; the rows of one output fit in L2
  private static final int MIN_PERIOD = 256; // input samples between columns: bounds the copying
  private static final int MAX_PANEL_SPAN = 512; // input samples under the outputs of one panel
  private static final int MAX_PANEL_TAPS = 1 << 18; // 2 MiB of taps at a time
  private static final int TILE = 16; // rows written together: one cache line of input

  /** Terms of the window series; the next one is below 1e-18 of the sum up to 130 dB. */
  private static final int WINDOW_TERMS = 32;

  private final int up;
  private final int down;
  private final double scale; // lower rate over input rate
  private final double reach; // of the filter to each side, in samples at the lower rate
  private final double omega; // cut-off in radians per sample at the lower rate
  private final int half; // input samples read before and after each position
  private final int width; // taps of two neighbouring outputs over their common input, even
  private final double[] cos; // of omega * scale * k
  private final double[] sin;
  private final double[] y; // argument of the window series of each tap, of one output
  private final double[] window;
  private final double[] windowSeries; // I0(beta * sqrt(y)) in powers of y; the scale is arbitrary

  /** Band edges are parts of the lower Nyquist frequency, the attenuation is in dB. */
  private Resampler(int up, int down, double passBand, double stopBand, double attenuation) {
    this.up = up;
    this.down = down;
    scale = Math.min(1, (double) up / down);
    // Length and beta after Kaiser 1974.
    reach = (attenuation - 7.95) / (2.285 * Math.PI * (stopBand - passBand)) / 2;
    double beta = 0.1102 * (attenuation - 8.7);
    windowSeries = new double[WINDOW_TERMS];
    windowSeries[0] = 1;
    for (int k = 1; k < WINDOW_TERMS; k++) {
      windowSeries[k] = windowSeries[k - 1] * (beta / (2 * k)) * (beta / (2 * k));
    }
    omega = Math.PI * (passBand + stopBand) / 2;
    half = (int) Math.ceil(reach / scale);
    width = (2 * half + ceilDiv(down, up) + 1) & ~1;
    cos = new double[2 * half];
    sin = new double[2 * half];
    y = new double[2 * half];
    window = new double[2 * half];
    for (int k = 0; k < 2 * half; k++) {
      cos[k] = Math.cos(omega * scale * k);
      sin[k] = Math.sin(omega * scale * k);
    }
  }

  /** Number of samples after resampling: {@code ceil(length * to / from)}. */
  static long outputLength(int length, int from, int to) {
    return ceilDiv((long) length * to, from);
  }

  /** Resamples {@code x} from one rate to another; the output length must fit an array. */
  static float[] resample(float[] x, int from, int to) {
    int gcd = gcd(from, to);
    int up = to / gcd;
    int down = from / gcd;
    int length = Math.toIntExact(outputLength(x.length, from, to));
    float[] reduced = x;
    int lead = 0; // index of time zero in reduced
    while ((long) HALVING_UP * down >= (long) HALVING_DOWN * up) {
      // What folds onto the final band must be gone; the rest is stopped by the steps that follow.
      double finalBand = 2.0 * up / down;
      Resampler halving = new Resampler(1, 2, finalBand, 2 - finalBand, HALVING_ATTENUATION);
      // Kept on both sides as far as the filter spreads the clip: the next step reads it.
      int nextLead = (lead + halving.half + 1) / 2;
      int tail = (int) ceilDiv((long) reduced.length - lead + halving.half, 2);
      reduced = halving.apply(reduced, lead - 2 * nextLead, nextLead + tail);
      lead = nextLead;
      if (down % 2 == 0) {
        down /= 2;
      } else {
        up *= 2;
      }
    }
    return new Resampler(up, down, PASS_BAND, 1, ATTENUATION).apply(reduced, lead, length);
  }

  /** Output m lies at the input index {@code origin + m * down / up}. */
  private float[] apply(float[] x, int origin, int length) {
    float[] out = new float[length];
    int periods = ceilDiv(MIN_PERIOD, down);
    int period = Math.min(up * periods, length);
    int panel = Math.min(MAX_PANEL_TAPS / width, (int) ((long) MAX_PANEL_SPAN * up / down)) & ~1;
    for (int first = 0; first < period; first += panel) {
      resamplePanel(x, origin, out, first, Math.min(panel, period - first), periods);
    }
    return out;
  }

  /** Computes outputs first .. first + count - 1 and those one or more whole periods later. */
  private void resamplePanel(
      float[] x, int origin, float[] out, int first, int count, int periods) {
    int periodIn = down * periods;
    int periodOut = up * periods;
    double[][] taps = new double[(count + 1) & ~1][];
    int[] start = new int[taps.length];
    long panelStart = inputIndex(first);
    for (int i = 0; i < count; i++) {
      start[i] = (int) (inputIndex(first + i) - panelStart);
      if (i >= 2L * up) {
        taps[i] = taps[i - 2 * up]; // the same phase at the same place in its pair
      } else {
        taps[i] = new double[width];
        fillTaps(taps[i], i % 2 == 0 ? 0 : start[i] - start[i - 1], first + i);
      }
    }
    if (count % 2 == 1) {
      taps[count] = new double[width]; // no output: its sums are not stored
    }
    int rowCount = start[(count - 1) & ~1] + width;
    int columnCount = ceilDiv(out.length - first, periodOut);
    double[][] rows = new double[rowCount][Math.min(COLUMNS, columnCount)];
    double[] even = new double[COLUMNS];
    double[] odd = new double[COLUMNS];
    for (int column = 0; column < columnCount; column += COLUMNS) {
      int n = Math.min(COLUMNS, columnCount - column);
      long begin = origin + panelStart - half + 1 + (long) column * periodIn;
      gather(x, begin, periodIn, rows, n);
      for (int i = 0; i < count; i += 2) {
        Arrays.fill(even, 0);
        Arrays.fill(odd, 0);
        double[] e = taps[i];
        double[] o = taps[i + 1];
        int row = start[i];
        for (int k = 0; k < width; k += 2) {
          accumulate(
              even, odd, rows[row + k], rows[row + k + 1], e[k], e[k + 1], o[k], o[k + 1], n);
        }
        long m = first + i + (long) column * periodOut;
        scatter(even, n, out, m, periodOut);
        if (i + 1 < count) {
          scatter(odd, n, out, m + 1, periodOut);
        }
      }
    }
  }

  /** Two outputs share each load; more rows or outputs here and C2 stops unrolling into vectors. */
  private static void accumulate(
      double[] even,
      double[] odd,
      double[] row0,
      double[] row1,
      double even0,
      double even1,
      double odd0,
      double odd1,
      int n) {
    for (int q = 0; q < n; q++) {
      double x0 = row0[q];
      double x1 = row1[q];
      even[q] += even0 * x0 + even1 * x1;
      odd[q] += odd0 * x0 + odd1 * x1;
    }
  }

  /** Sets rows[r][q] to x[begin + r + q * period], 0 outside the clip. */
  private static void gather(float[] x, long begin, int period, double[][] rows, int columns) {
    for (int tile = 0; tile < rows.length; tile += TILE) {
      int end = Math.min(tile + TILE, rows.length);
      for (int q = 0; q < columns; q++) {
        long index = begin + tile + (long) q * period;
        for (int r = tile; r < end; r++, index++) {
          rows[r][q] = index >= 0 && index < x.length ? x[(int) index] : 0;
        }
      }
    }
  }

  private static void scatter(double[] sums, int n, float[] out, long index, int period) {
    for (int q = 0; q < n && index < out.length; q++, index += period) {
      out[(int) index] = (float) sums[q];
    }
  }

  /** The last input sample not after output {@code m}, counted from the origin. */
  private long inputIndex(int m) {
    return (long) m * down / up;
  }

  /**
   * Writes the taps of output {@code m} for inputs from origin + inputIndex(m) - half + 1, sum one.
   */
  private void fillTaps(double[] taps, int offset, int m) {
    double first = (1 - half - (double) ((long) m * down % up) / up) * scale;
    fillWindow(first);
    double cosFirst = Math.cos(omega * first);
    double sinFirst = Math.sin(omega * first);
    double sum = 0;
    for (int k = 0; k < 2 * half; k++) {
      double angle = omega * (first + k * scale);
      // Close to zero the quotient would lose the digits that the sine of a sum has lost.
      double sinc =
          Math.abs(angle) < 1e-4
              ? 1 - angle * angle / 6
              : (sinFirst * cos[k] + cosFirst * sin[k]) / angle;
      double tap = y[k] < 0 ? 0 : sinc * window[k];
      taps[offset + k] = tap;
      sum += tap;
    }
    for (int k = offset; k < offset + 2 * half; k++) {
      taps[k] /= sum;
    }
  }

  /** Sets window[k] for the distances first + k * scale where y[k] >= 0; y is negative beyond. */
  private void fillWindow(double first) {
    for (int k = 0; k < y.length; k++) {
      double u = (first + k * scale) / reach;
      y[k] = 1 - u * u;
      window[k] = 0;
    }
    for (int term = WINDOW_TERMS - 1; term >= 0; term--) {
      double coefficient = windowSeries[term];
      for (int k = 0; k < y.length; k++) {
        window[k] = window[k] * y[k] + coefficient;
      }
    }
  }

  private static int gcd(int a, int b) {
    return b == 0 ? a : gcd(b, a % b);
  }

  private static int ceilDiv(int a, int b) {
    return (int) ceilDiv((long) a, b);
  }

  private static long ceilDiv(long a, long b) {
    return (a + b - 1) / b;
  }
}
