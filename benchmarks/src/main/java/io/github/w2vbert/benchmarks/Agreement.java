package io.github.w2vbert.benchmarks;

/** Whether two ways to compute something agree: checked before either is timed. */
final class Agreement {
  private Agreement() {}

  /**
   * Refuses results that differ.
   *
   * @throws IllegalStateException with the first place where they differ by more than {@code
   *     tolerance} or are not finite
   */
  static void require(String what, float[] ours, float[] theirs, double tolerance) {
    if (ours.length != theirs.length) {
      throw new IllegalStateException(
          what + ": " + ours.length + " values against " + theirs.length + " of the peer");
    }
    for (int i = 0; i < ours.length; i++) {
      if (!(Math.abs(ours[i] - theirs[i]) <= tolerance)) {
        throw new IllegalStateException(
            what
                + "["
                + i
                + "] is "
                + ours[i]
                + " against "
                + theirs[i]
                + " of the peer; expected at most "
                + tolerance
                + " between them");
      }
    }
  }
}
