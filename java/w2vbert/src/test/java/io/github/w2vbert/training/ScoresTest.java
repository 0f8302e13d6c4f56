package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScoresTest {
  private static Scores random(int rows, int columns, long seed) {
    Random random = new Random(seed);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Scores(values, rows, columns);
  }

  private static double[][] probabilities(Scores scores) {
    double[][] all = new double[scores.rows()][scores.columns()];
    for (int t = 0; t < scores.rows(); t++) {
      double sum = 0;
      for (int c = 0; c < scores.columns(); c++) {
        all[t][c] = Math.exp(scores.values()[t * scores.columns() + c]);
        sum += all[t][c];
      }
      for (int c = 0; c < scores.columns(); c++) {
        all[t][c] /= sum;
      }
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "01", "00", "010", "0011"})
  void ctcSumsOverAllPaths(String text) {
    int blank = 2;
    Scores scores = random(6, 3, 4);
    double[][] p = probabilities(scores);
    double sum = 0;
    for (int path = 0; path < Math.pow(3, 6); path++) {
      double product = 1;
      List<Integer> tokens = new ArrayList<>();
      int previous = -1;
      for (int t = 0, rest = path; t < 6; t++, rest /= 3) {
        int token = rest % 3;
        product *= p[t][token];
        if (token != blank && token != previous) {
          tokens.add(token);
        }
        previous = token;
      }
      sum += tokens.equals(text.chars().map(c -> c - '0').boxed().toList()) ? product : 0;
    }
    assertEquals(
        -Math.log(sum) / Math.max(1, text.length()),
        scores.ctc(text.chars().map(c -> c - '0').toArray(), blank),
        1e-9);
  }

  @Test
  void textsThatDoNotFitAreImpossible() {
    assertEquals(Double.POSITIVE_INFINITY, random(2, 3, 1).ctc(new int[] {0, 1, 0}, 2));
  }

  @Test
  void crossEntropyIsTheMeanOverRows() {
    Scores scores = random(3, 4, 9);
    double[][] p = probabilities(scores);
    assertEquals(
        -(Math.log(p[0][1]) + Math.log(p[1][3]) + Math.log(p[2][0])) / 3,
        scores.crossEntropy(new int[] {1, 3, 0}),
        1e-9);
  }

  @Test
  void theBestColumnIsTheFirstOfEquals() {
    assertArrayEquals(new int[] {1, 0}, new Scores(new float[] {0, 2, 2, -1, -2, -3}, 2, 3).best());
  }
}
