package io.github.w2vbert.training;

import java.util.Random;

/** Noise that is made, not recorded. */
public enum NoiseKind {
  /** Equal power at all frequencies. */
  WHITE {
    @Override
    float[] samples(int length, int rate, Random random) {
      return Spectrum.noise(length, 0, random);
    }
  },
  /** Equal power in all octaves, like much of nature. */
  PINK {
    @Override
    float[] samples(int length, int rate, Random random) {
      return Spectrum.noise(length, 1, random);
    }
  },
  /** Power that falls by 6 dB per octave, like engines and wind. */
  BROWN {
    @Override
    float[] samples(int length, int rate, Random random) {
      return Spectrum.noise(length, 2, random);
    }
  },
  /** Mains hum: 50 or 60 Hz and nine overtones of random strength and phase. */
  HUM {
    @Override
    float[] samples(int length, int rate, Random random) {
      double base = random.nextBoolean() ? 50 : 60;
      double[] wave = new double[length];
      for (int overtone = 1; overtone <= 10; overtone++) {
        double strength = random.nextDouble() / overtone;
        double phase = 2 * Math.PI * random.nextDouble();
        double step = 2 * Math.PI * base * overtone / rate;
        for (int i = 0; base * overtone < rate / 2.0 && i < length; i++) {
          wave[i] += strength * Math.sin(phase + step * i);
        }
      }
      float[] samples = new float[length];
      for (int i = 0; i < length; i++) {
        samples[i] = (float) wave[i];
      }
      return samples;
    }
  };

  /** Noise of any level. */
  abstract float[] samples(int length, int rate, Random random);
}
