package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingOptionsTest {
  private static final TrainingOptions OPTIONS = TrainingOptions.DEFAULT;

  private static String refused(Runnable body) {
    return assertThrows(IllegalArgumentException.class, body::run).getMessage();
  }

  @Test
  void valuesOutOfTheirRangeAreNamed() {
    assertEquals(
        "beta1 is 1.0; expected 0 or more and less than 1",
        refused(() -> OPTIONS.withBetas(1, 0.9)));
    assertEquals(
        "beta2 is -0.1; expected 0 or more and less than 1",
        refused(() -> OPTIONS.withBetas(0.9, -0.1)));
    assertEquals(
        "epsilon is 0.0; expected a positive number", refused(() -> OPTIONS.withEpsilon(0)));
    assertEquals(
        "weightDecay is NaN; expected a finite number, at least 0",
        refused(() -> OPTIONS.withWeightDecay(Double.NaN)));
    assertEquals(
        "maxGradNorm is -1.0; expected a finite number, at least 0",
        refused(() -> OPTIONS.withMaxGradNorm(-1)));
    assertEquals(
        "averageDecay is 1.0; expected 0 or more and less than 1",
        refused(() -> OPTIONS.withAverageDecay(1)));
    for (DType type : List.of(DType.INT8, DType.FLOAT64)) {
      assertEquals(
          "autocast is " + type + "; expected float32, which is none, float16 or bfloat16",
          refused(() -> OPTIONS.withAutocast(type)));
    }
    assertThrows(NullPointerException.class, () -> OPTIONS.withAutocast(null));
    assertThrows(NullPointerException.class, () -> OPTIONS.withAmSoftmax(null));
  }

  @Test
  void oneOptionChangesNoOther() {
    TrainingOptions changed =
        OPTIONS
            .withBetas(0.1, 0.2)
            .withEpsilon(0.3)
            .withWeightDecay(0.4)
            .withDecayBiasesAndNorms(true)
            .withMaxGradNorm(0.5)
            .withAverageDecay(0.6)
            .withGradientCheckpointing(true)
            .withAutocast(DType.BFLOAT16)
            .withFreezeBase(true)
            .withFreezeFeatureProjection(true)
            .withAmSoftmax(new AmSoftmax(7, 0.8))
            .withSeed(9);
    assertEquals(
        new TrainingOptions(
            0.1,
            0.2,
            0.3,
            0.4,
            true,
            0.5,
            0.6,
            true,
            DType.BFLOAT16,
            true,
            true,
            new AmSoftmax(7, 0.8),
            9),
        changed);
  }
}
