package io.github.w2vbert.training;

import java.util.Random;

/** Random numbers that depend on nothing but what they are for, so that a run can be repeated. */
final class Seeds {
  private Seeds() {}

  /** The numbers of one purpose. */
  static Random random(long seed, long... purpose) {
    return new Random(number(seed, purpose));
  }

  /** A seed for one purpose. */
  static long number(long seed, long... purpose) {
    long state = mix(seed);
    for (long number : purpose) {
      state = mix(state + number);
    }
    return state;
  }

  /** The finaliser of SplitMix64 (Steele et al. 2014), after its increment. */
  private static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
