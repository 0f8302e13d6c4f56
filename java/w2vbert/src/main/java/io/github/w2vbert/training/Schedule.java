package io.github.w2vbert.training;

import java.util.Objects;

/**
 * The learning rate of every step: a pure function of the number of steps made so far. Begins with
 * a linear warm-up from 0, as the reference's schedules do.
 *
 * @param shape what follows the warm-up
 * @param peak the highest rate
 * @param warmup steps of the warm-up
 * @param total steps in all; the rate stays what it is then
 */
public record Schedule(Shape shape, double peak, long warmup, long total) {
  /** What follows the warm-up. */
  public enum Shape {
    /** The peak. */
    CONSTANT,
    /** Linearly to 0 (the reference's default). */
    LINEAR,
    /** Along half a cosine to 0 (Loshchilov and Hutter 2017, without restarts). */
    COSINE,
    /**
     * The peak for 40 % of all steps (as Baevski et al. 2020), then exponentially to a hundredth of
     * it (Park et al. 2019).
     */
    TRI_STAGE
  }

  private static final double HELD = 0.4;
  private static final double FINAL = 0.01;

  /**
   * @throws IllegalArgumentException if the peak is not a number from 0, or not {@code 0 <= warmup
   *     <= total} and {@code total >= 1}
   */
  public Schedule {
    Objects.requireNonNull(shape, "shape");
    if (!(peak >= 0 && Double.isFinite(peak))) {
      throw new IllegalArgumentException("peak is " + peak + "; expected a number from 0");
    }
    if (warmup < 0 || total < 1 || warmup > total) {
      throw new IllegalArgumentException(
          "warmup is " + warmup + " of " + total + " steps; expected 0 <= warmup <= total >= 1");
    }
  }

  /**
   * The learning rate of the step after so many.
   *
   * @throws IllegalArgumentException if the number is negative
   */
  public double rate(long step) {
    if (step < 0) {
      throw new IllegalArgumentException("step is " + step + "; expected at least 0");
    }
    if (step < warmup) {
      return peak * step / warmup;
    }
    double done = total == warmup ? 1 : Math.min(1, (double) (step - warmup) / (total - warmup));
    return switch (shape) {
      case CONSTANT -> peak;
      case LINEAR -> peak * (1 - done);
      case COSINE -> peak * (1 + Math.cos(Math.PI * done)) / 2;
      case TRI_STAGE -> peak * Math.pow(FINAL, decayed(step));
    };
  }

  /** The part of the third stage that is over. */
  private double decayed(long step) {
    double begin = Math.min(total, warmup + HELD * total);
    return begin >= total ? 0 : Math.min(1, Math.max(0, (step - begin) / (total - begin)));
  }
}
