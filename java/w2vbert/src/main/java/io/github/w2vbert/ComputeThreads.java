package io.github.w2vbert;

import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.NativeLibrary;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * The threads on which models and front ends compute.
 *
 * <p>Every thread that enters LibTorch's OpenMP code gets a team of worker threads of its own, so
 * calls do not run on the callers' threads, of which a server has many, but on a fixed few. The
 * processors are divided among them. A waiting caller holds no native frame: a virtual thread does
 * not pin its carrier.
 */
final class ComputeThreads {
  /** Processors to use; by default all that the JVM sees, which in a container is its share. */
  static final String THREADS_PROPERTY = "w2vbert.threads";

  /**
   * Calls that run at the same time; further ones wait in line. By default 1: each uses all
   * threads.
   */
  static final String CONCURRENCY_PROPERTY = "w2vbert.concurrency";

  private static final int MOST = 1024;
  private static final AtomicInteger NUMBER = new AtomicInteger();

  /** Whether this compute thread has told the native library its number of threads. */
  private static final ThreadLocal<Boolean> READY = ThreadLocal.withInitial(() -> false);

  private static ExecutorService executor;

  private ComputeThreads() {}

  /**
   * Processors that computation uses.
   *
   * @throws IllegalArgumentException if the property is not a number between 1 and 1024
   */
  static int threads() {
    return count(THREADS_PROPERTY, Runtime.getRuntime().availableProcessors());
  }

  /**
   * Calls that run at the same time.
   *
   * @throws IllegalArgumentException if the property is not a number between 1 and 1024
   */
  static int concurrency() {
    return count(CONCURRENCY_PROPERTY, 1);
  }

  private static int count(String property, int fallback) {
    String text = System.getProperty(property);
    if (text == null) {
      return fallback;
    }
    try {
      int value = Integer.parseInt(text.trim());
      if (value >= 1 && value <= MOST) {
        return value;
      }
    } catch (NumberFormatException e) {
      // the message below says it
    }
    throw new IllegalArgumentException(
        property + " is '" + text + "'; expected a whole number from 1 to " + MOST);
  }

  private static synchronized ExecutorService executor() {
    if (executor == null) {
      int concurrency = concurrency();
      int share = Math.max(1, threads() / concurrency);
      ThreadPoolExecutor pool =
          new ThreadPoolExecutor(
              concurrency,
              concurrency,
              1,
              TimeUnit.MINUTES,
              new LinkedBlockingQueue<>(),
              task -> newThread(task, share));
      pool.allowCoreThreadTimeOut(true);
      executor = pool;
    }
    return executor;
  }

  /** A thread that holds nothing of the caller that happens to need it first. */
  private static Thread newThread(Runnable task, int share) {
    String name = "w2vbert-" + NUMBER.getAndIncrement() + "-of-" + share;
    Thread thread = new Thread(null, task, name, 0, false);
    thread.setContextClassLoader(ComputeThreads.class.getClassLoader());
    thread.setPriority(Thread.NORM_PRIORITY);
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Runs a task on a compute thread and waits for it. An interrupt withdraws a task that still
   * waits in line; one that runs is waited for, since it uses the caller's buffers, and the
   * interrupt is kept for the caller to see.
   *
   * @throws CancellationException if the caller was interrupted before the task began
   */
  static <R> R run(Supplier<R> task) {
    NativeLibrary.load();
    int share = Math.max(1, threads() / concurrency());
    AtomicBoolean claimed = new AtomicBoolean();
    Future<R> result =
        executor()
            .submit(
                () -> {
                  if (!claimed.compareAndSet(false, true)) {
                    return null; // withdrawn
                  }
                  if (!READY.get()) {
                    NativeHandle.create(
                        () -> {
                          Native.set_thread_count(share);
                          return null;
                        });
                    READY.set(true);
                  }
                  return task.get();
                });
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return result.get();
        } catch (InterruptedException e) {
          interrupted = true;
          if (claimed.compareAndSet(false, true)) {
            throw new CancellationException("interrupted while waiting for a compute thread");
          }
        } catch (ExecutionException e) {
          throw rethrow(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static RuntimeException rethrow(Throwable cause) {
    // The trace tells of the compute thread; the caller's own frames are added as suppressed.
    cause.addSuppressed(new Throwable("called from here"));
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof RuntimeException e ? e : new W2vBertException(cause.toString(), cause);
  }
}
