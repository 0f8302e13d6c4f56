package io.github.w2vbert.training;

import java.util.Arrays;
import java.util.Random;

/** Convolution and coloured noise by a fast Fourier transform (Cooley and Tukey 1965). */
final class Spectrum {
  private Spectrum() {}

  /** The convolution of a signal with a kernel, as long as the signal. */
  static float[] convolve(float[] signal, float[] kernel) {
    int size = powerOfTwo((long) signal.length + kernel.length);
    // Both are real: one transform of signal + i * kernel has the spectra of both.
    double[] re = new double[size];
    double[] im = new double[size];
    for (int i = 0; i < signal.length; i++) {
      re[i] = signal[i];
    }
    for (int i = 0; i < kernel.length; i++) {
      im[i] = kernel[i];
    }
    transform(re, im);
    double[] productRe = new double[size];
    double[] productIm = new double[size];
    for (int k = 0; k < size; k++) {
      int mirrored = (size - k) & (size - 1);
      double signalRe = (re[k] + re[mirrored]) / 2;
      double signalIm = (im[k] - im[mirrored]) / 2;
      double kernelRe = (im[k] + im[mirrored]) / 2;
      double kernelIm = (re[mirrored] - re[k]) / 2;
      productRe[k] = signalRe * kernelRe - signalIm * kernelIm;
      productIm[k] = -(signalRe * kernelIm + signalIm * kernelRe); // conjugate: the inverse follows
    }
    transform(productRe, productIm);
    float[] result = new float[signal.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) (productRe[i] / size);
    }
    return result;
  }

  /**
   * Gaussian noise whose power falls with the frequency to the power of {@code exponent}: 0 is
   * white, 1 pink, 2 brown. Below {@code 1 / 1024} of the sampling rate it falls no further.
   */
  static float[] noise(int length, double exponent, Random random) {
    int size = powerOfTwo(length);
    double[] re = new double[size];
    double[] im = new double[size];
    Arrays.setAll(re, i -> random.nextGaussian());
    if (exponent != 0) {
      transform(re, im);
      for (int k = 0; k < size; k++) {
        double frequency = Math.max(Math.min(k, size - k) / (double) size, 1.0 / 1024);
        double gain = k == 0 ? 0 : Math.pow(frequency, -exponent / 2);
        re[k] *= gain;
        im[k] *= -gain; // conjugate: the inverse follows
      }
      transform(re, im);
    }
    float[] noise = new float[length];
    for (int i = 0; i < length; i++) {
      noise[i] = (float) re[i];
    }
    return noise;
  }

  private static int powerOfTwo(long atLeast) {
    int size = 1;
    while (size < atLeast) {
      size = Math.multiplyExact(size, 2);
    }
    return size;
  }

  /** The discrete Fourier transform, in place; the length is a power of two. */
  private static void transform(double[] re, double[] im) {
    int size = re.length;
    for (int i = 1, j = 0; i < size; i++) { // in the order of mirrored bits
      int bit = size >> 1;
      for (; (j & bit) != 0; bit >>= 1) {
        j ^= bit;
      }
      j ^= bit;
      if (i < j) {
        swap(re, i, j);
        swap(im, i, j);
      }
    }
    double[] cos = new double[size / 2];
    double[] sin = new double[size / 2];
    for (int k = 0; k < size / 2; k++) {
      cos[k] = Math.cos(2 * Math.PI * k / size);
      sin[k] = -Math.sin(2 * Math.PI * k / size);
    }
    for (int half = 1; half < size; half *= 2) {
      int stride = size / (2 * half);
      for (int begin = 0; begin < size; begin += 2 * half) {
        for (int k = 0; k < half; k++) {
          int a = begin + k;
          int b = a + half;
          double c = cos[k * stride];
          double s = sin[k * stride];
          double turnedRe = re[b] * c - im[b] * s;
          double turnedIm = re[b] * s + im[b] * c;
          re[b] = re[a] - turnedRe;
          im[b] = im[a] - turnedIm;
          re[a] += turnedRe;
          im[a] += turnedIm;
        }
      }
    }
  }

  private static void swap(double[] values, int i, int j) {
    double value = values[i];
    values[i] = values[j];
    values[j] = value;
  }
}
