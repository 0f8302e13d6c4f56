package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorCountsTest {
  @ParameterizedTest
  @CsvSource({
    "'', '', 0, 0, 0, 0",
    "'', a b, 0, 0, 2, 0",
    "a b, '', 0, 2, 0, 2",
    "a b c, a b c, 0, 0, 0, 3",
    "a b c, a x c, 1, 0, 0, 3",
    "a b c, a c, 0, 1, 0, 3",
    "a b c, a b x c, 0, 0, 1, 3",
    "a b, b a, 2, 0, 0, 2",
    "the cat sat on, a the cat on mat, 2, 0, 1, 4",
  })
  void countsWords(String reference, String hypothesis, long s, long d, long i, long n) {
    assertEquals(new ErrorCounts(s, d, i, n), ErrorCounts.ofWords(reference, hypothesis));
  }

  @Test
  void charactersAreCodePointsAndSpacesCount() {
    assertEquals(
        new ErrorCounts(0, 1, 0, 3), ErrorCounts.ofCharacters("\uD83D\uDE00 a", "\uD83D\uDE00a"));
  }

  @Test
  void ratesAreErrorsPerItemOfTheReference() {
    ErrorCounts sum = new ErrorCounts(1, 1, 0, 3).plus(new ErrorCounts(0, 0, 4, 1));
    assertEquals(6 / 4.0, sum.rate());
    assertEquals(0, ErrorCounts.NONE.rate());
    assertEquals(Double.POSITIVE_INFINITY, new ErrorCounts(0, 0, 1, 0).rate());
  }

  /** Compared with a twin that keeps the whole table of alignments as counts. */
  @Test
  void randomSequencesHaveTheErrorsOfTheNaiveTable() {
    Random random = new Random(7);
    for (int trial = 0; trial < 300; trial++) {
      List<Integer> reference = sequence(random);
      List<Integer> hypothesis = sequence(random);
      assertEquals(
          naive(reference, hypothesis),
          ErrorCounts.of(reference, hypothesis),
          reference + " " + hypothesis);
    }
  }

  private static List<Integer> sequence(Random random) {
    List<Integer> items = new ArrayList<>();
    for (int i = random.nextInt(9); i > 0; i--) {
      items.add(random.nextInt(3));
    }
    return items;
  }

  private static ErrorCounts naive(List<Integer> reference, List<Integer> hypothesis) {
    long[][][] table = new long[reference.size() + 1][hypothesis.size() + 1][];
    for (int i = 0; i <= reference.size(); i++) {
      for (int j = 0; j <= hypothesis.size(); j++) {
        List<long[]> ways = new ArrayList<>();
        if (i == 0 && j == 0) {
          ways.add(new long[3]);
        }
        if (i > 0 && j > 0) {
          boolean equal = reference.get(i - 1).equals(hypothesis.get(j - 1));
          ways.add(more(table[i - 1][j - 1], equal ? -1 : 0));
        }
        if (i > 0) {
          ways.add(more(table[i - 1][j], 1));
        }
        if (j > 0) {
          ways.add(more(table[i][j - 1], 2));
        }
        table[i][j] =
            ways.stream()
                .min(
                    (a, b) -> {
                      long difference = Arrays.stream(a).sum() - Arrays.stream(b).sum();
                      return Long.signum(difference != 0 ? difference : b[0] - a[0]);
                    })
                .orElseThrow();
      }
    }
    long[] best = table[reference.size()][hypothesis.size()];
    return new ErrorCounts(best[0], best[1], best[2], reference.size());
  }

  private static long[] more(long[] counts, int which) {
    long[] result = counts.clone();
    if (which >= 0) {
      result[which]++;
    }
    return result;
  }
}
