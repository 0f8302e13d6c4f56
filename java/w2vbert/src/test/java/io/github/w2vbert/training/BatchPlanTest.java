package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BatchPlanTest {
  private static int[] lengths(int count) {
    return new Random(5).ints(count, 20, 1500).toArray();
  }

  @Property(tries = 200)
  void everyUtteranceIsInOneBatchWithinItsBounds(
      @ForAll @Size(max = 300) List<@IntRange(min = 1, max = 100) Integer> lengths,
      @ForAll @IntRange(min = 100, max = 700) int maxFrames,
      @ForAll @IntRange(min = 1, max = 9) int maxUtterances,
      @ForAll long seed) {
    int[] frames = lengths.stream().mapToInt(Integer::intValue).toArray();

    List<int[]> batches = BatchPlan.of(frames, maxFrames, maxUtterances, seed, 3);

    assertArrayEquals(
        IntStream.range(0, frames.length).toArray(),
        batches.stream().flatMapToInt(Arrays::stream).sorted().toArray());
    for (int[] batch : batches) {
      assertTrue(batch.length >= 1 && batch.length <= maxUtterances);
      assertTrue(BatchPlan.paddedFrames(batch, frames) <= maxFrames);
    }
  }

  @Test
  void anEpochCanBeRepeatedAndDiffersFromOthers() {
    int[] frames = lengths(500);
    List<int[]> batches = BatchPlan.of(frames, 6000, 16, 1, 0);
    assertTrue(same(batches, BatchPlan.of(frames, 6000, 16, 1, 0)));
    assertFalse(same(batches, BatchPlan.of(frames, 6000, 16, 1, 1)));
    assertFalse(same(batches, BatchPlan.of(frames, 6000, 16, 2, 0)));
  }

  private static boolean same(List<int[]> one, List<int[]> other) {
    return Arrays.deepEquals(one.toArray(), other.toArray());
  }

  @Test
  void littleIsPadding() {
    int[] frames = lengths(3000);
    long padded =
        BatchPlan.of(frames, 6000, 1000, 1, 0).stream()
            .mapToLong(batch -> BatchPlan.paddedFrames(batch, frames))
            .sum();
    assertTrue(padded < 1.05 * Arrays.stream(frames).asLongStream().sum(), "padded " + padded);
  }

  @Test
  void longAndShortBatchesAlternateByChance() {
    int[] frames = lengths(3000);
    List<int[]> batches = BatchPlan.of(frames, 6000, 1000, 1, 0);
    int rises = 0;
    for (int i = 1; i < batches.size(); i++) {
      rises += frames[batches.get(i)[0]] > frames[batches.get(i - 1)[0]] ? 1 : 0;
    }
    assertTrue(rises > batches.size() / 3 && rises < batches.size() * 2 / 3, "rises " + rises);
  }
}
