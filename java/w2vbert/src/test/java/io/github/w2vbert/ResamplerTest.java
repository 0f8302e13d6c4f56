package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResamplerTest {
  @ParameterizedTest
  @CsvSource({
    "44100, 16000", "48000, 16000", "8000, 16000", "22050, 16000", "11025, 16000", "32000, 16000",
    "16000, 44100", "16000, 8000", "96000, 16000", "192000, 8000", "48000, 16001", "16000, 16001",
    "16001, 16000", "768000, 767999", "7, 5", "5, 7", "1000, 1"
  })
  void passesSinesBelowTheEdgeAndStopsThoseAboveNyquist(int from, int to) {
    double nyquist = Math.min(from, to) / 2.0;
    int edge = 200 * Math.max(1, from / to); // input samples, more than the reach of the filter
    int length = 4 * edge + 3000;
    for (double part : new double[] {0.001, 0.11, 0.37, 0.64, 0.83, 0.9, 0.91}) {
      double frequency = part * nyquist;
      float[] out = Resampler.resample(sine(length, from, frequency), from, to);
      double error = 0;
      double power = 0;
      for (int m = firstInner(edge, from, to); m < lastInner(length - edge, from, to); m++) {
        double expected = Math.sin(2 * Math.PI * frequency * m / to + 0.3);
        error += (out[m] - expected) * (out[m] - expected);
        power += expected * expected;
      }
      double snr = 10 * Math.log10(power / error);
      assertTrue(snr > 100, from + " to " + to + " at " + frequency + " Hz: SNR " + snr + " dB");
    }
    for (double part : new double[] {1, 1.003, 1.1, 1.5, 1.97, 2, 2.5, 3.9, 4.1, 7.3, 9}) {
      double frequency = part * nyquist;
      if (frequency >= from / 2.0) {
        continue;
      }
      float[] out = Resampler.resample(sine(length, from, frequency), from, to);
      for (int m = firstInner(edge, from, to); m < lastInner(length - edge, from, to); m++) {
        double level = 20 * Math.log10(Math.abs(out[m]));
        assertTrue(level < -100, from + " to " + to + " at " + frequency + " Hz: " + level + " dB");
      }
    }
  }

  @Test
  void upsamplingLeavesNoImages() {
    // A 3 kHz tone at 8 kHz has its first image at 5 kHz; what is not the tone must be noise.
    float[] out = Resampler.resample(sine(8000, 8000, 3000), 8000, 48_000);
    double re = 0;
    double im = 0;
    int count = 0;
    for (int m = 6000; m < 42_000; m++, count++) {
      re += out[m] * Math.cos(2 * Math.PI * 5000 * m / 48_000);
      im += out[m] * Math.sin(2 * Math.PI * 5000 * m / 48_000);
    }
    assertTrue(20 * Math.log10(2 * Math.hypot(re, im) / count) < -100);
  }

  @ParameterizedTest
  @CsvSource({"44100, 16000", "16000, 48000", "48000, 16001", "768000, 11", "3, 2"})
  void constantStaysConstant(int from, int to) {
    int edge = 200 * Math.max(1, from / to);
    float[] x = new float[4 * edge + 3000];
    Arrays.fill(x, 0.7f);
    float[] out = Resampler.resample(x, from, to);
    for (int m = firstInner(edge, from, to); m < lastInner(x.length - edge, from, to); m++) {
      assertEquals(0.7f, out[m], 1e-7f);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "44100, 16000, 1, 1",
    "44100, 16000, 441, 160",
    "44100, 16000, 442, 161",
    "16000, 48000, 0, 0",
    "16000, 48000, 7, 21",
    "48000, 16000, 4, 2",
    "768000, 1, 5, 1",
    "768000, 1, 768001, 2",
    "1, 50000, 2, 100000",
    "768000, 767999, 3, 3",
    "9, 2, 9, 2"
  })
  void lengthIsTheDurationRoundedUp(int from, int to, int length, int expected) {
    assertEquals(expected, Resampler.outputLength(length, from, to));
    assertEquals(expected, Resampler.resample(new float[length], from, to).length);
  }

  @ParameterizedTest
  @CsvSource({
    "44100, 22050, 5000",
    "3, 2, 1",
    "3, 2, 63",
    "2, 3, 700",
    "160, 147, 40000",
    "147, 160, 40000",
    "12, 5, 333",
    "8000, 48001, 300",
    "48001, 47000, 3000",
    "1, 2000, 5",
    "1000, 999, 2048"
  })
  void matchesTheFormula(int from, int to, int length) {
    // Reductions below 5 / 2: one filter, so one formula.
    float[] x = noise(length, 17);
    float[] out = Resampler.resample(x, from, to);
    double[] expected = reference(x, from, to, 0.91, 1, 106, out.length);
    for (int m = 0; m < out.length; m++) {
      assertEquals(expected[m], out[m], 1e-7, "output " + m);
    }
  }

  @ParameterizedTest
  @CsvSource({"44100, 16000, 9000", "5, 2, 500", "9, 2, 501", "48000, 16001, 4000"})
  void largeReductionsHalveFirst(int from, int to, int length) {
    float[] x = noise(length, 19);
    float[] out = Resampler.resample(x, from, to);
    int lead = 1 << 12; // zeros on both sides that the filters may spread into
    float[] halved = new float[length + 2 * lead];
    System.arraycopy(x, 0, halved, lead, length);
    int goal = to; // doubled for each halving, so that from / goal is the ratio left
    for (; 2L * from >= 5L * goal; goal *= 2, lead /= 2) {
      double band = 2.0 * goal / from;
      double[] next = reference(halved, 2, 1, band, 2 - band, 130, (halved.length + 1) / 2);
      halved = new float[next.length];
      for (int i = 0; i < next.length; i++) {
        halved[i] = (float) next[i];
      }
    }
    double[] expected = reference(halved, lead, from, goal, 0.91, 1, 106, out.length);
    for (int m = 0; m < out.length; m++) {
      assertEquals(expected[m], out[m], 3e-7, "output " + m);
    }
  }

  @Test
  void silenceSurroundsTheClip() {
    float[] x = noise(2000, 3);
    float[] padded = new float[3764];
    System.arraycopy(
        x, 0, padded, 882, x.length); // two periods: the halved rate moves by a whole one
    float[] out = Resampler.resample(x, 44_100, 16_000);
    float[] shifted = Resampler.resample(padded, 44_100, 16_000);
    for (int m = 0; m < out.length; m++) {
      assertEquals(out[m], shifted[m + 320], 1e-6f, "output " + m);
    }
  }

  @Test
  void upAndBackReturnsABandLimitedSignal() {
    int length = 8000;
    float[] x = new float[length];
    for (int i = 0; i < length; i++) {
      double envelope = Math.sin(Math.PI * i / length);
      x[i] = (float) (envelope * envelope * Math.sin(0.3 * i + 1e-4 * i * i / 2)); // below 0.9 / 2
    }
    float[] back = Resampler.resample(Resampler.resample(x, 16_000, 44_100), 44_100, 16_000);
    assertEquals(length, back.length);
    for (int i = 500; i < length - 500; i++) {
      assertEquals(x[i], back[i], 2e-5f);
    }
  }

  @Test
  void followsAChirp() {
    int from = 44_100;
    float[] x = new float[from];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) chirp((double) i / from);
    }
    float[] out = Resampler.resample(x, from, 16_000);
    for (int m = 300; m < out.length - 300; m++) {
      assertEquals(chirp(m / 16_000.0), out[m], 5e-5);
    }
  }

  @Test
  void extremeRatiosStayLinearInTheClip() {
    float[] x = noise(400_000, 5);
    assertEquals(1, Resampler.resample(x, 768_000, 1).length);
    assertEquals(399_480, Resampler.resample(x, 768_000, 767_000).length);
    assertEquals(30_000, Resampler.resample(noise(1, 6), 1, 30_000).length);
  }

  @Test
  void doesNotChangeItsInput() {
    float[] x = noise(1000, 9);
    float[] copy = x.clone();
    Resampler.resample(x, 44_100, 16_000);
    assertArrayEquals(copy, x);
  }

  /** 100 Hz to 7100 Hz in one second. */
  private static double chirp(double t) {
    return Math.sin(2 * Math.PI * (100 * t + 3500 * t * t));
  }

  private static float[] sine(int length, int rate, double frequency) {
    float[] x = new float[length];
    for (int i = 0; i < length; i++) {
      x[i] = (float) Math.sin(2 * Math.PI * frequency * i / rate + 0.3);
    }
    return x;
  }

  private static float[] noise(int length, long seed) {
    Random random = new Random(seed);
    float[] x = new float[length];
    for (int i = 0; i < length; i++) {
      x[i] = random.nextFloat() * 2 - 1;
    }
    return x;
  }

  private static int firstInner(int edge, int from, int to) {
    return (int) ((long) edge * to / from) + 1;
  }

  private static int lastInner(int edge, int from, int to) {
    return (int) ((long) edge * to / from);
  }

  private static double[] reference(
      float[] x, int from, int to, double passBand, double stopBand, int attenuation, int length) {
    return reference(x, 0, from, to, passBand, stopBand, attenuation, length);
  }

  /** The windowed sinc at every position x[lead + m * from / to], straight from the formula. */
  private static double[] reference(
      float[] x,
      int lead,
      int from,
      int to,
      double passBand,
      double stopBand,
      int attenuation,
      int length) {
    double beta = 0.1102 * (attenuation - 8.7);
    double scale = Math.min(1, (double) to / from);
    double reach = (attenuation - 7.95) / (2.285 * Math.PI * (stopBand - passBand)) / 2;
    double[] out = new double[length];
    for (int m = 0; m < length; m++) {
      long whole = lead + (long) m * from / to;
      double fraction = (double) ((long) m * from % to) / to;
      double sum = 0;
      double gain = 0;
      for (int k = (int) -Math.ceil(reach / scale) - 1; k <= reach / scale + 1; k++) {
        double distance = (k - fraction) * scale;
        double u = distance / reach;
        if (Math.abs(u) > 1) {
          continue;
        }
        double angle = Math.PI * (passBand + stopBand) / 2 * distance;
        double tap = (angle == 0 ? 1 : Math.sin(angle) / angle) * i0(beta * Math.sqrt(1 - u * u));
        gain += tap;
        long i = whole + k;
        sum += i >= 0 && i < x.length ? tap * x[(int) i] : 0;
      }
      out[m] = sum / gain;
    }
    return out;
  }

  /** Modified Bessel function of order zero, by its power series. */
  private static double i0(double z) {
    double sum = 0;
    double term = 1;
    for (int k = 1; term > sum * 1e-18; k++) {
      sum += term;
      term *= z * z / 4 / ((double) k * k);
    }
    return sum;
  }
}
