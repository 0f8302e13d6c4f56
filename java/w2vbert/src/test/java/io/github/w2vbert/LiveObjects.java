package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Counts native objects. */
final class LiveObjects {
  private static final int ATTEMPTS = 200;

  private LiveObjects() {}

  /** The count after all garbage, that of other tests included, is gone. */
  static long settled() throws InterruptedException {
    long count = W2vBert.liveObjects();
    for (int quiet = 0, i = 0; quiet < 3 && i < ATTEMPTS; i++) {
      System.gc();
      Thread.sleep(10);
      long now = W2vBert.liveObjects();
      quiet = now == count ? quiet + 1 : 0;
      count = now;
    }
    return count;
  }

  /**
   * Waits until the garbage collector has freed what makes the count larger than {@code expected}.
   */
  static void awaitAtMost(long expected) throws InterruptedException {
    for (int i = 0; i < ATTEMPTS && W2vBert.liveObjects() > expected; i++) {
      System.gc();
      Thread.sleep(10);
    }
    assertTrue(
        W2vBert.liveObjects() <= expected,
        W2vBert.liveObjects() + " live objects, expected " + expected);
  }
}
