package io.github.w2vbert.benchmarks;

import java.util.Locale;

/**
 * How much memory does a step of {@link TrainingStepBenchmark} take besides parameters and input:
 * for what the backward pass needs, gradients and moments? One side, its first step, in a process
 * of its own.
 */
public final class TrainingMemory {
  private TrainingMemory() {}

  private static TrainingSide side(String name, int layers, int time) {
    return switch (name) {
      case "w2vbert" -> TrainingSide.ours(layers, time, false);
      case "recomputing" -> TrainingSide.ours(layers, time, true);
      case "libtorch" -> TrainingSide.libTorch(layers, time);
      default ->
          throw new IllegalArgumentException(
              "the way is " + name + "; expected w2vbert, recomputing or libtorch");
    };
  }

  /** Arguments: {@code w2vbert}, {@code recomputing} or {@code libtorch}; layers; frames. */
  public static void main(String[] arguments) {
    if (arguments.length != 3) {
      throw new IllegalArgumentException(
          "expected w2vbert, recomputing or libtorch, layers, and frames");
    }
    int layers = Integer.parseInt(arguments[1]);
    int time = Integer.parseInt(arguments[2]);
    try (TrainingSide side = side(arguments[0], layers, time)) {
      long self = ProcessHandle.current().pid();
      double before = ProcessMemory.megabytes("VmRSS");
      ProcessMemory.resetPeak(self);
      double loss = side.gradients();
      side.step();
      double peak = ProcessMemory.megabytes("VmHWM");
      System.out.printf(
          Locale.ROOT,
          "%-11s %d layers, %d x %d frames: %7.1f MB more (resident %.1f, peak %.1f; loss %.4f)%n",
          arguments[0],
          layers,
          TrainingSide.UTTERANCES,
          time,
          peak - before,
          before,
          peak,
          loss);
    }
  }
}
