package io.github.w2vbert.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.benchmarks.peers.FormulaCheckpoint;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Symbols find their stages, and stages their floors. */
class ProfileTest {
  private static final String REPORT =
      """
       40.00%  ;libw2vbert.so       ;[.] _ZN7w2vbert3cpu12_GLOBAL__N_13runERKNS0_12LinearParamsEllPf
       20.50%  ;libw2vbert.so       ;[.] _ZN7w2vbert3cpu12_GLOBAL__N_18convolveEPfPKfl
       10.00%  ;libw2vbert.so       ;[.] _ZN7w2vbert3cpu10fbank_avx2ERKNS0_11FbankParamsEll
        9.50%  ;libtorch_cpu.so     ;[.] Sleef_finz_expf8_u10avx2
       10.00%  ;libtorch_cpu.so     ;[.] _ZN2at6native10add_kernelE
        5.00%  ;[kernel.kallsyms]   ;[k] clear_page_erms
        5.00%  ;perf-1.map          ;[.] 0x00007f

      """;

  @Test
  void everySymbolIsCountedOnce() throws IOException {
    assertEquals(
        Map.of(
            "front end", 10.0,
            "convolution", 20.5,
            "attention", 0.0,
            "norms and activations", 9.5,
            "projections", 40.0,
            "copies and sums", 10.0,
            "operating system", 5.0,
            "rest", 5.0),
        Profile.shares(REPORT, Stages.read()));
  }

  @Test
  void everyFloorBelongsToAStage() throws IOException {
    Wav2Vec2BertConfig config = FormulaCheckpoint.realShape();
    Map<String, Double> floors = new StageFloors(config, 1e11, 1e10).seconds(10);
    assertTrue(Stages.read().zeros().keySet().containsAll(floors.keySet()), floors::toString);
    floors.forEach((stage, seconds) -> assertTrue(seconds > 0, stage));
    // 499 frames through 578.8 million weights, 64 outputs.
    assertEquals(2 * 499 * 578.9e6 / 1e11, floors.get("projections"), 0.01);
    // At 1e6 GFLOP/s reading the weights takes longer than using them.
    assertEquals(
        4 * 578.9e6 / 1e10,
        new StageFloors(config, 1e15, 1e10).seconds(1).get("projections"),
        0.001);
  }
}
