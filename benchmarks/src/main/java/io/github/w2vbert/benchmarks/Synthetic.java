package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Audio;
import java.util.Random;

/** Inputs that are the same in every run. */
public final class Synthetic {
  public static final int SAMPLE_RATE = 16_000;

  private Synthetic() {}

  /** A voice-like sum of harmonics that comes and goes, in noise. */
  public static Audio audio(int seconds) {
    Random random = new Random(1);
    float[] samples = new float[seconds * SAMPLE_RATE];
    for (int i = 0; i < samples.length; i++) {
      double t = (double) i / SAMPLE_RATE;
      double tone = 0;
      for (int harmonic = 1; harmonic <= 8; harmonic++) {
        tone += Math.sin(2 * Math.PI * 120 * harmonic * t) / harmonic;
      }
      double loudness = 0.5 - 0.5 * Math.cos(2 * Math.PI * 3 * t);
      samples[i] = (float) (0.1 * loudness * tone + 0.01 * random.nextGaussian());
    }
    return Audio.of(samples, SAMPLE_RATE);
  }

  /** Normal numbers, as normalised features are. */
  static float[] normal(int count) {
    Random random = new Random(2);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
