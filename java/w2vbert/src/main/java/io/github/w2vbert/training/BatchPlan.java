package io.github.w2vbert.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Divides utterances into batches of similar length, anew for every epoch. */
final class BatchPlan {
  /** Batches among whose utterances lengths are sorted: more means less padding, less chance. */
  private static final int POOL = 64;

  private BatchPlan() {}

  /**
   * Batches of indices, in the order of training; the same for the same arguments.
   *
   * @param frames of each utterance
   * @param maxFrames the longest utterance of a batch times their number is at most this
   * @param maxUtterances of a batch
   */
  static List<int[]> of(int[] frames, long maxFrames, int maxUtterances, long seed, int epoch) {
    Random random = Seeds.random(seed, epoch);
    List<Integer> order =
        IntStream.range(0, frames.length).boxed().collect(Collectors.toCollection(ArrayList::new));
    Collections.shuffle(order, random);
    List<int[]> batches = new ArrayList<>();
    for (int begin = 0; begin < order.size(); ) {
      int end = begin;
      long room = POOL * maxFrames;
      long seats = (long) POOL * maxUtterances;
      while (end < order.size() && room > 0 && seats > 0) {
        room -= frames[order.get(end++)];
        seats--;
      }
      List<Integer> pool = order.subList(begin, end);
      pool.sort(Comparator.comparingInt(i -> frames[i])); // stable: equal ones stay shuffled
      divide(pool, frames, maxFrames, maxUtterances, batches);
      begin = end;
    }
    Collections.shuffle(batches, random);
    return batches;
  }

  /** Cuts utterances of growing length into batches. */
  private static void divide(
      List<Integer> sorted, int[] frames, long maxFrames, int maxUtterances, List<int[]> batches) {
    int begin = 0;
    for (int end = 1; end <= sorted.size(); end++) {
      boolean isFull =
          end == sorted.size()
              || end - begin == maxUtterances
              || (long) (end - begin + 1) * frames[sorted.get(end)] > maxFrames;
      if (isFull) {
        batches.add(sorted.subList(begin, end).stream().mapToInt(Integer::intValue).toArray());
        begin = end;
      }
    }
  }

  /** Frames of a batch with its padding. */
  static long paddedFrames(int[] batch, int[] frames) {
    return batch.length * (long) Arrays.stream(batch).map(i -> frames[i]).max().orElse(0);
  }
}
