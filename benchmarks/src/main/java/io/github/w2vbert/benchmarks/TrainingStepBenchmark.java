package io.github.w2vbert.benchmarks;

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
    double[] losses = {ours.gradients(), libTorch.gradients()};
    if (!(Math.abs(losses[0] - losses[1]) <= 1e-5 * Math.abs(losses[1]))) {
      throw new IllegalStateException("losses differ: " + losses[0] + " and " + losses[1]);
    }
    float[] theirs = libTorch.gradient();
    float largest = 0;
    for (float value : theirs) {
      largest = Math.max(largest, Math.abs(value));
    }
    Agreement.require("gradient", ours.gradient(), theirs, 1e-3 * largest);
    ours.step();
    libTorch.step();
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
