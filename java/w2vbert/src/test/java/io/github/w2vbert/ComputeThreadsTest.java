package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests run with one call at a time, the default. */
@Timeout(60)
class ComputeThreadsTest {
  /** A caller on a thread of its own, with what became of its call. */
  private static final class Caller extends Thread {
    final AtomicReference<Object> outcome = new AtomicReference<>();
    final AtomicBoolean interruptKept = new AtomicBoolean();

    Caller(Supplier<Object> task) {
      super(
          () -> {
            Caller self = (Caller) Thread.currentThread();
            try {
              self.outcome.set(ComputeThreads.run(task));
            } catch (RuntimeException e) {
              self.outcome.set(e);
            }
            self.interruptKept.set(Thread.currentThread().isInterrupted());
          });
      start();
    }

    void awaitWaiting() {
      while (getState() != State.WAITING) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void anInterruptWithdrawsACallInLineAndLetsARunningOneEnd() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    Caller first =
        new Caller(
            () -> {
              running.countDown();
              try {
                release.await();
              } catch (InterruptedException e) {
                return e; // a caller's interrupt is not the compute thread's
              }
              return "done";
            });
    running.await();
    AtomicBoolean ran = new AtomicBoolean();
    Caller second =
        new Caller(
            () -> {
              ran.set(true);
              return "late";
            });
    second.awaitWaiting();
    second.interrupt();
    second.join();
    assertInstanceOf(CancellationException.class, second.outcome.get());
    assertTrue(second.interruptKept.get());

    first.awaitWaiting();
    first.interrupt();
    release.countDown();
    first.join();
    assertEquals("done", first.outcome.get());
    assertTrue(first.interruptKept.get());
    assertEquals("next", ComputeThreads.run(() -> "next"));
    assertFalse(ran.get());
  }

  @Test
  void failuresReachTheCallerWithBothTraces() {
    IllegalArgumentException thrown = new IllegalArgumentException("task");
    IllegalArgumentException caught =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                ComputeThreads.run(
                    () -> {
                      throw thrown;
                    }));
    assertSame(thrown, caught);
    assertEquals(1, caught.getSuppressed().length);
    assertThrows(
        StackOverflowError.class,
        () ->
            ComputeThreads.run(
                () -> {
                  throw new StackOverflowError();
                }));
  }

  @Test
  void computeThreadsKeepNothingOfTheirCallers() throws Exception {
    ClassLoader foreign = new ClassLoader(null) {};
    Thread.currentThread().setContextClassLoader(foreign);
    try {
      Thread thread = ComputeThreads.run(Thread::currentThread);
      assertNotSame(foreign, thread.getContextClassLoader());
      assertTrue(thread.isDaemon());
    } finally {
      Thread.currentThread().setContextClassLoader(getClass().getClassLoader());
    }
  }
}
