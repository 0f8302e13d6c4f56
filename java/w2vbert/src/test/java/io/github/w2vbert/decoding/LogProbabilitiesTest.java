package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogProbabilitiesTest {
  private static final LogProbabilities FRAMES =
      LogProbabilities.of(new float[] {-1, -2, -3, -4, -5, -6, -7, -8}, 2, 4);

  @Test
  void valuesAreThoseGiven() {
    assertEquals(-1, FRAMES.get(0, 0));
    assertEquals(-8, FRAMES.get(1, 3));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 2, 1 << 30, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void framesThatDoNotExistAreRefused(int frame) { // 2^30 times 4 is 0 in 32 bits
    Exception refusal = assertThrows(IndexOutOfBoundsException.class, () -> FRAMES.get(frame, 0));
    assertEquals("frame is " + frame + " of 2", refusal.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 4, Integer.MAX_VALUE})
  void tokensThatDoNotExistAreRefused(int token) {
    Exception refusal = assertThrows(IndexOutOfBoundsException.class, () -> FRAMES.get(0, token));
    assertEquals("token is " + token + " of 4", refusal.getMessage());
  }
}
