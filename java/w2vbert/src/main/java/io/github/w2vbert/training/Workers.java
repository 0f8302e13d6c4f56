package io.github.w2vbert.training;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Computes the batches of a step, several at the same time: batch i by worker i modulo their
 * number, so that gradients are added in the same order whenever a run is repeated.
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

  /**
   * Adds the gradients of all batches, of equal weight.
   *
   * @param first the number of the first batch in its epoch
   * @return the losses
   */
  double[] accumulate(List<BatchLoader.Batch> batches, int epoch, int first) {
    double[] losses = new double[batches.size()];
    int workers = Math.min(learner.workers(), batches.size());
    List<Future<?>> others = new ArrayList<>();
    for (int i = 1; i < workers; i++) {
      int worker = i;
      others.add(threads.submit(() -> accumulate(worker, workers, batches, epoch, first, losses)));
    }
    RuntimeException failure = null;
    try {
      accumulate(0, workers, batches, epoch, first, losses);
    } catch (RuntimeException e) {
      failure = e;
    }
    for (Future<?> other : others) { // all must have ended before their batches are closed
      RuntimeException next = failureOf(other);
      failure = failure == null ? next : failure;
    }
    if (failure != null) {
      throw failure;
    }
    return losses;
  }

  private void accumulate(
      int worker,
      int workers,
      List<BatchLoader.Batch> batches,
      int epoch,
      int first,
      double[] losses) {
    for (int i = worker; i < batches.size(); i += workers) {
      BatchLoader.Batch batch = batches.get(i);
      long chance = Seeds.number(seed, PURPOSE, epoch, first + i);
      losses[i] =
          learner.accumulate(
              worker, chance, batch.features(), batch.labels(), 1.0 / batches.size());
    }
  }

  /** Waits for the end of a task; null if it succeeded. An interrupt is kept for later. */
  private static RuntimeException failureOf(Future<?> task) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          task.get();
          return null;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          return e.getCause() instanceof RuntimeException failure
              ? failure
              : new IllegalStateException("a batch could not be computed", e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
