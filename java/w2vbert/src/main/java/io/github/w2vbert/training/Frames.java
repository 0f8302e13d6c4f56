package io.github.w2vbert.training;

/** Mel frames of 400 samples every 160, whatever the sampling rate. */
final class Frames {
  private static final int LENGTH = 400;
  private static final int HOP = 160;

  /** The fewest samples whose features are numbers: two frames, as one has no variance. */
  static final int FEWEST_SAMPLES = LENGTH + HOP;

  private Frames() {}

  /** Frames of so many samples. */
  static int of(int samples) {
    return samples < LENGTH ? 0 : (samples - LENGTH) / HOP + 1;
  }

  /** The most frames of so many seconds. */
  static long of(double seconds, int rate) {
    return (long) Math.ceil(seconds * rate / HOP);
  }

  /** The middle, in samples, of a group of neighbouring frames. */
  static double middle(int group, int size) {
    return (double) HOP * size * group + (HOP * (size - 1) + LENGTH) / 2.0;
  }
}
