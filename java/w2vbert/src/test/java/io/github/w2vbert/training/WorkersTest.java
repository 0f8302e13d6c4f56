package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.w2vbert.Features;
import io.github.w2vbert.Tensor;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WorkersTest {
  /** What a learner was asked to do with the batch whose label this is. */
  private record Asked(int worker, long chance, double weight, Thread thread) {}

  private interface Accumulate {
    double of(int worker, long chance, long label, double weight);
  }

  private static Learner learner(int workers, Accumulate accumulate) {
    return (Learner)
        Proxy.newProxyInstance(
            Learner.class.getClassLoader(),
            new Class<?>[] {Learner.class},
            (proxy, method, arguments) ->
                method.getName().equals("workers")
                    ? (Object) workers
                    : accumulate.of(
                        (int) arguments[0],
                        (long) arguments[1],
                        ((Tensor) arguments[3]).toLongArray()[0],
                        (double) arguments[4]));
  }

  private static List<BatchLoader.Batch> batches(int count) {
    List<BatchLoader.Batch> batches = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Features features = new Features(Tensor.of(new float[] {0}, 1, 1, 1), null);
      batches.add(new BatchLoader.Batch(List.of(), features, Tensor.of(new long[] {i}, 1), 1));
    }
    return batches;
  }

  private static Map<Long, Asked> ask(int workers, int count, int epoch, int first) {
    Map<Long, Asked> asked = new ConcurrentHashMap<>();
    Learner learner =
        learner(
            workers,
            (worker, chance, label, weight) -> {
              asked.put(label, new Asked(worker, chance, weight, Thread.currentThread()));
              return 10 + label;
            });
    List<BatchLoader.Batch> batches = batches(count);
    try (Workers threads = new Workers(learner, 5)) {
      assertEquals(workers, threads.count());
      double[] losses = threads.accumulate(batches, epoch, first, 0.2);
      for (int i = 0; i < count; i++) {
        assertEquals(10 + i, losses[i]);
      }
    } finally {
      batches.forEach(BatchLoader.Batch::close);
    }
    assertEquals(count, asked.size());
    return asked;
  }

  @Test
  void eachBatchHasAWorker() {
    Map<Long, Asked> asked = ask(4, 3, 0, 0);
    for (long i = 0; i < 3; i++) {
      assertEquals(i, asked.get(i).worker());
      assertEquals(0.2, asked.get(i).weight());
    }
    assertSame(Thread.currentThread(), asked.get(0L).thread());
    assertNotEquals(asked.get(0L).thread(), asked.get(1L).thread());
  }

  @Test
  void drawsFollowTheBatchAndNotTheWorker() {
    Map<Long, Asked> asked = ask(2, 2, 2, 8);
    assertEquals(asked.get(1L).chance(), ask(1, 1, 2, 9).get(0L).chance());
    assertNotEquals(asked.get(0L).chance(), asked.get(1L).chance());
    assertNotEquals(asked.get(0L).chance(), ask(1, 1, 3, 8).get(0L).chance());
  }

  @Test
  void workersComputeAtTheSameTime() {
    CyclicBarrier both = new CyclicBarrier(2);
    Learner learner =
        learner(
            2,
            (worker, chance, label, weight) -> {
              try {
                both.await(1, TimeUnit.MINUTES);
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
              return label;
            });
    List<BatchLoader.Batch> batches = batches(2);
    try (Workers threads = new Workers(learner, 5)) {
      assertArrayEquals(new double[] {0, 1}, threads.accumulate(batches, 0, 0, 1));
    } finally {
      batches.forEach(BatchLoader.Batch::close);
    }
  }

  @Test
  void aFailureComesWhenAllHaveEnded() {
    Map<Long, Boolean> ended = new ConcurrentHashMap<>();
    Learner learner =
        learner(
            3,
            (worker, chance, label, weight) -> {
              if (label == 1) {
                throw new IllegalArgumentException("batch 1");
              }
              try {
                Thread.sleep(50 * label);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              ended.put(label, true);
              return label;
            });
    List<BatchLoader.Batch> batches = batches(3);
    try (Workers threads = new Workers(learner, 5)) {
      Exception failure =
          assertThrows(IllegalArgumentException.class, () -> threads.accumulate(batches, 0, 0, 1));
      assertEquals("batch 1", failure.getMessage());
      assertEquals(Map.of(0L, true, 2L, true), ended);
    } finally {
      batches.forEach(BatchLoader.Batch::close);
    }
  }
}
