package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.training.Schedule.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ScheduleTest {
  /** Peak 2, 10 steps of warm-up, 110 in all. */
  @ParameterizedTest
  @CsvSource({
    "CONSTANT, 0, 0",
    "CONSTANT, 5, 1",
    "CONSTANT, 10, 2",
    "CONSTANT, 1000, 2",
    "LINEAR, 5, 1",
    "LINEAR, 10, 2",
    "LINEAR, 60, 1",
    "LINEAR, 110, 0",
    "LINEAR, 111, 0",
    "COSINE, 10, 2",
    "COSINE, 35, 1.7071067811865475",
    "COSINE, 60, 1",
    "COSINE, 110, 0",
    "TRI_STAGE, 10, 2",
    "TRI_STAGE, 54, 2",
    "TRI_STAGE, 82, 0.2",
    "TRI_STAGE, 110, 0.02",
    "TRI_STAGE, 200, 0.02",
  })
  void hasTheRateOfItsFormula(Shape shape, long step, double rate) {
    assertEquals(rate, new Schedule(shape, 2, 10, 110).rate(step), 1e-12);
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void withoutWarmUpItBeginsAtThePeakAndNeverRises(Shape shape) {
    Schedule schedule = new Schedule(shape, 3e-5, 0, 50);
    assertEquals(3e-5, schedule.rate(0));
    for (int step = 1; step < 60; step++) {
      assertTrue(schedule.rate(step) <= schedule.rate(step - 1), shape + " " + step);
      assertTrue(schedule.rate(step) >= 0);
    }
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void aWarmUpMayBeAll(Shape shape) {
    Schedule schedule = new Schedule(shape, 1, 4, 4);
    assertEquals(0.75, schedule.rate(3));
    assertTrue(schedule.rate(4) <= 1);
  }

  @Test
  void impossibleSchedulesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Shape.LINEAR, -1, 0, 1));
    assertThrows(
        IllegalArgumentException.class, () -> new Schedule(Shape.LINEAR, Double.NaN, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Shape.LINEAR, 1, 2, 1));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Shape.LINEAR, 1, 0, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new Schedule(Shape.LINEAR, 1, 0, 1).rate(-1));
  }
}
