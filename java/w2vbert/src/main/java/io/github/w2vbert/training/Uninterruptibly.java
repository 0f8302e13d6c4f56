package io.github.w2vbert.training;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for tasks whose native memory somebody must free. */
final class Uninterruptibly {
  private Uninterruptibly() {}

  /** The result of a task; an interrupt meanwhile is kept for the caller to see afterwards. */
  static <T> T get(Future<T> task) throws ExecutionException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
