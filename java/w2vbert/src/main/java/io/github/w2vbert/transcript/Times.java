package io.github.w2vbert.transcript;

/** Checks of what transcripts are made of. */
final class Times {
  private Times() {}

  /**
   * @throws IllegalArgumentException unless the times are finite and in order, and the confidence
   *     lies between 0 and 1
   */
  static void require(String what, double start, double end, double confidence) {
    if (!(start >= 0 && start <= end && end < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          what
              + " is from "
              + start
              + " to "
              + end
              + " seconds; expected finite times from 0 on, the end not before the start");
    }
    if (!(confidence >= 0 && confidence <= 1)) {
      throw new IllegalArgumentException(
          what + " has the confidence " + confidence + "; expected 0 to 1");
    }
  }
}
