package io.github.w2vbert.benchmarks;

import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * How long does a step of training take - forward, backward, AdamW - for eight utterances and
 * layers of the real shape, against LibTorch's operators, autograd and AdamW? 499 frames are 10 s.
 * {@link TrainingMemory} tells what they need besides time.
 */
public class TrainingStepBenchmark extends Protocol {
  @Param("1")
  public int layers;

  @Param({"499"})
  public int time;

  private TrainingSide ours;
  private TrainingSide recomputing;
  private TrainingSide libTorch;

  @Setup(Level.Trial)
  public void prepare() {
    ours = TrainingSide.ours(layers, time, false);
    recomputing = TrainingSide.ours(layers, time, true);
    libTorch = TrainingSide.libTorch(layers, time);
    double loss = libTorch.gradients();
    float[] gradient = libTorch.gradient();
    libTorch.step();
    for (TrainingSide side : List.of(ours, recomputing)) {
      require("loss", new float[] {(float) side.gradients()}, new float[] {(float) loss}, 1e-5);
      require("gradient", side.gradient(), gradient, 1e-3);
      side.step();
      require("parameter", side.parameter(), libTorch.parameter(), 1e-3);
    }
  }

  /** Up to a part of the largest value. */
  private static void require(String what, float[] ours, float[] theirs, double part) {
    float largest = 0;
    for (float value : theirs) {
      largest = Math.max(largest, Math.abs(value));
    }
    Agreement.require(what, ours, theirs, part * largest);
  }

  @TearDown(Level.Trial)
  public void close() {
    ours.close();
    recomputing.close();
    libTorch.close();
  }

  private static double learn(TrainingSide side) {
    double loss = side.gradients();
    side.step();
    return loss;
  }

  @Benchmark
  public double step() {
    return learn(ours);
  }

  /** With less memory: layers are computed again for their gradients. */
  @Benchmark
  public double stepRecomputing() {
    return learn(recomputing);
  }

  @Benchmark
  public double stepLibTorch() {
    return learn(libTorch);
  }
}
