package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import java.util.Arrays;

/** A telephone line: 300 to 3400 Hz, sampled at 8 kHz, in 8 bits by the mu-law of ITU-T G.711. */
final class Telephone {
  private static final int LINE_RATE = 8000;
  private static final int LOWEST_HZ = 300;
  private static final int BIAS = 33; // of the 14-bit magnitude
  private static final int LARGEST = 8191;

  private Telephone() {}

  /** What arrives of a recording, again at its rate and of its length. */
  static Audio apply(float[] samples, int rate) {
    float[] line = Audio.of(samples, rate).resample(LINE_RATE).samples();
    highPass(line);
    float peak = 0;
    for (float sample : line) {
      peak = Math.max(peak, Math.abs(sample));
    }
    float gain = peak > 1 ? 1 / peak : 1; // a line clips: leave that to other augmentations
    for (int i = 0; i < line.length; i++) {
      line[i] = decode(encode(line[i] * gain));
    }
    float[] back = Audio.of(line, LINE_RATE).resample(rate).samples();
    return Audio.of(Arrays.copyOf(back, samples.length), rate);
  }

  /** A Butterworth filter of second order: the bilinear transform with its corner kept. */
  private static void highPass(float[] samples) {
    double k = Math.tan(Math.PI * LOWEST_HZ / LINE_RATE);
    double norm = 1 / (1 + Math.sqrt(2) * k + k * k);
    double a1 = 2 * (k * k - 1) * norm;
    double a2 = (1 - Math.sqrt(2) * k + k * k) * norm;
    double state1 = 0;
    double state2 = 0;
    for (int i = 0; i < samples.length; i++) {
      double in = samples[i];
      double out = norm * in + state1;
      state1 = -2 * norm * in - a1 * out + state2;
      state2 = norm * in - a2 * out;
      samples[i] = (float) out;
    }
  }

  /** The code of a sample within full scale: sign, three bits of exponent, four of mantissa. */
  static int encode(float sample) {
    int magnitude = Math.min(LARGEST - BIAS, Math.round(Math.abs(sample) * (LARGEST + 1))) + BIAS;
    int exponent = 31 - Integer.numberOfLeadingZeros(magnitude) - 5; // 33 to 63 have exponent 0
    int mantissa = (magnitude >> (exponent + 1)) & 15;
    return (sample < 0 ? 128 : 0) | (exponent << 4) | mantissa;
  }

  /** The sample of a code: the middle of all that have it. */
  static float decode(int code) {
    int exponent = (code >> 4) & 7;
    int magnitude = (((code & 15) * 2 + BIAS) << exponent) - BIAS;
    return (code < 128 ? magnitude : -magnitude) / (float) (LARGEST + 1);
  }
}
