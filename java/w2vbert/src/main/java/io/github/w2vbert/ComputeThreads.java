package io.github.w2vbert;

import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.NativeLibrary;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/**
 * Lets models and front ends compute: on their callers' threads, a few at a time, each with its
 * share of the processors. Threads beside the callers' come from the native library's one pool.
 * Calls of a model on a CUDA device, which need hardly more than their callers' threads, wait in a
 * line of that model's own.
 *
 * <p>A waiting caller holds no native frame: a virtual thread does not pin its carrier.
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

  /** What a call may take of its thread's stack: see jni/bindings.cpp; and 32 KiB for Java. */
  private static final long STACK_BYTES = 192 << 10;

  /** Null before the first call. */
  private static volatile Semaphore turns;

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
      return Math.min(fallback, MOST);
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

  private static synchronized Semaphore start() {
    if (turns == null) {
      NativeLibrary.load();
      int concurrency = concurrency();
      int threads = Math.max(concurrency, threads());
      NativeHandle.create(
          () -> {
            Native.set_threads(threads, threads / concurrency);
            return null;
          });
      turns = new Semaphore(concurrency, true);
    }
    return turns;
  }

  /**
   * Runs a task when it is its turn. An interrupt withdraws a task that still waits in line; one
   * that runs is not disturbed, and the interrupt is kept for the caller to see. Tasks must not run
   * others.
   *
   * @throws CancellationException if the caller was interrupted before the task began
   * @throws IllegalStateException if the thread has too little stack left
   */
  static <R> R run(Supplier<R> task) {
    return run(processors(), task);
  }

  private static Semaphore processors() {
    Semaphore line = turns;
    return line == null ? start() : line;
  }

  /** The same in another line than that for the processors. */
  static <R> R run(Semaphore line, Supplier<R> task) {
    processors(); // the native library knows its threads
    long stack = Native.stack_left();
    if (stack < STACK_BYTES) { // a turn must not be lost to a stack overflow
      throw new IllegalStateException(
          "this thread has "
              + stack
              + " bytes of stack left; expected at least "
              + STACK_BYTES
              + ": call from a thread with a larger stack (-Xss, or the constructor of Thread), or"
              + " less deep in other calls");
    }
    try {
      line.acquire();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (CancellationException)
          new CancellationException("interrupted while waiting for its turn to compute")
              .initCause(e);
    }
    try {
      return task.get();
    } finally {
      line.release();
    }
  }
}
