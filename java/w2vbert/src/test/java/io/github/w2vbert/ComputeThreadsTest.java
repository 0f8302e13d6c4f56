package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
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
              while (release.getCount() > 0) {
                LockSupport.park(); // whether interrupted or not, like native code
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

    first.interrupt();
    release.countDown();
    LockSupport.unpark(first);
    first.join();
    assertEquals("done", first.outcome.get());
    assertTrue(first.interruptKept.get());
    assertEquals("next", ComputeThreads.run(() -> "next"));
    assertFalse(ran.get());
  }

  @Test
  void anInterruptedThreadDoesNotCompute() {
    Thread.currentThread().interrupt();
    assertThrows(CancellationException.class, () -> ComputeThreads.run(() -> "never"));
    assertTrue(Thread.interrupted());
  }

  @Test
  void callersTakeTurnsInOrder() throws Exception {
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    List<Caller> callers = new ArrayList<>();
    ComputeThreads.run(
        () -> {
          for (int i = 0; i < 5; i++) {
            int number = i;
            Caller caller = new Caller(() -> order.add(number));
            caller.awaitWaiting();
            callers.add(caller);
          }
          return null;
        });
    for (Caller caller : callers) {
      caller.join();
    }
    assertEquals(List.of(0, 1, 2, 3, 4), order);
  }

  @Test
  void callsRunOnTheirCallersThreadAndAFailedOneLetsTheNextCompute() {
    assertSame(Thread.currentThread(), ComputeThreads.run(Thread::currentThread));
    for (Throwable thrown : List.of(new IllegalArgumentException(), new StackOverflowError())) {
      assertSame(
          thrown,
          assertThrows(
              Throwable.class,
              () ->
                  ComputeThreads.run(
                      () -> {
                        throw CheckedThrow.of(thrown);
                      })));
    }
    assertEquals("next", ComputeThreads.run(() -> "next"));
  }

  private static final class CheckedThrow {
    static RuntimeException of(Throwable thrown) {
      if (thrown instanceof Error error) {
        throw error;
      }
      return (RuntimeException) thrown;
    }
  }

  private static long extract() {
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}");
        RaggedFeatures features =
            extractor.extractRagged(List.of(Audio.of(new float[16_000], 16_000)))) {
      return features.frames().elements();
    }
  }

  /**
   * What a call says on a thread with that much stack. The system may give the stack of a thread
   * that has ended, up to four times as large.
   */
  private static Object onStackOf(long bytes, Supplier<Object> call) throws InterruptedException {
    AtomicReference<Object> outcome = new AtomicReference<>();
    Thread thread =
        new Thread(
            null,
            () -> {
              try {
                outcome.set(call.get());
              } catch (IllegalStateException | StackOverflowError e) {
                outcome.set(e);
              }
            },
            "small",
            bytes);
    thread.start();
    thread.join();
    return outcome.get();
  }

  @Test
  void aThreadWithTooSmallAStackIsRefused() throws Exception {
    extract(); // class loading takes stack, too
    assertEquals(49L * 160, onStackOf(1 << 20, ComputeThreadsTest::extract));
    IllegalStateException refusal =
        assertInstanceOf(
            IllegalStateException.class, onStackOf(160 << 10, ComputeThreadsTest::extract));
    assertTrue(
        refusal.getMessage().matches("this thread has \\d+ bytes of stack left; expected .*"),
        refusal.getMessage());
  }

  /** Whatever is left of the stack, a call ends or says that it cannot. */
  private static long descend(FeatureExtractor extractor, Audio clip, int[] refusals) {
    try (RaggedFeatures features = extractor.extractRagged(List.of(clip))) {
      assertEquals(49L * 160, features.frames().elements());
    } catch (IllegalStateException e) {
      refusals[0]++;
    }
    return 1 + descend(extractor, clip, refusals);
  }

  @Test
  void deepRecursionEndsInAnExceptionNotInACrash() throws Exception {
    int[] refusals = new int[1];
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}")) {
      Audio clip = Audio.of(new float[16_000], 16_000);
      assertInstanceOf(
          StackOverflowError.class, onStackOf(1 << 20, () -> descend(extractor, clip, refusals)));
    }
    assertTrue(refusals[0] > 0);
    assertEquals(49L * 160, extract()); // no turn was lost
  }
}
