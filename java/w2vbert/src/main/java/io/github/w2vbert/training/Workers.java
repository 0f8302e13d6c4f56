package io.github.w2vbert.training;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Computes batches at the same time, the first by worker 0 and so on, so that gradients are added
 * in the same order whenever a run is repeated.
 */
final class Workers implements AutoCloseable {
  private static final long PURPOSE = 0x647261776eL; // of the draws

  private final Learner learner;
  private final long seed;
  private final ExecutorService threads; // of all but worker 0, which is the caller's

  Workers(Learner learner, long seed) {
    this.learner = learner;
    this.seed = seed;
    threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "w2vbert-worker");
              thread.setDaemon(true);
              return thread;
            });
  }

  int count() {
    return learner.workers();
  }

  /**
   * Adds the gradients of batches that follow each other, at most {@link #count}.
   *
   * @param first the number of the first batch in its epoch
   * @param weight of each loss
   * @return the losses
   */
  double[] accumulate(List<BatchLoader.Batch> batches, int epoch, int first, double weight) {
    double[] losses = new double[batches.size()];
    List<Future<?>> others = new ArrayList<>();
    Throwable failure = null;
    try {
      for (int i = 1; i < losses.length; i++) {
        int worker = i;
        others.add(
            threads.submit(
                () -> {
                  losses[worker] =
                      accumulate(worker, batches.get(worker), epoch, first + worker, weight);
                }));
      }
      losses[0] = accumulate(0, batches.get(0), epoch, first, weight);
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    for (Future<?> other : others) { // all must have ended before their batches are closed
      Throwable next = failureOf(other);
      if (failure == null) {
        failure = next;
      } else if (next != null) {
        failure.addSuppressed(next);
      }
    }
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure != null) {
      throw (RuntimeException) failure;
    }
    return losses;
  }

  private double accumulate(
      int worker, BatchLoader.Batch batch, int epoch, int number, double weight) {
    long chance = Seeds.number(seed, PURPOSE, epoch, number);
    return learner.accumulate(worker, chance, batch.features(), batch.labels(), weight);
  }

  /** Waits for the end of a task; null if it succeeded. An interrupt is kept for later. */
  private static Throwable failureOf(Future<?> task) {
    try {
      Uninterruptibly.get(task);
      return null;
    } catch (ExecutionException e) {
      return e.getCause(); // unchecked: the task can throw nothing else
    }
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
