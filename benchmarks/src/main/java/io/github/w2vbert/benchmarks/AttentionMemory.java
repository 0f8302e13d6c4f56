package io.github.w2vbert.benchmarks;

import java.util.Locale;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * How much memory does the attention of {@link RelativePositionAttentionBenchmark} take on top of
 * its input? Runs one way of computing it, once, in a process of its own: what is resident before,
 * against the highest value until after.
 */
public final class AttentionMemory {
  private static final int WARM_UP_TIME = 50; // libraries, threads and code are there afterwards

  private AttentionMemory() {}

  /** Arguments: {@code w2vbert}, {@code libtorch} or {@code fused}; the number of frames. */
  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      throw new IllegalArgumentException("expected w2vbert, libtorch or fused, and a time");
    }
    Function<AttentionInputs, Tensor> way =
        switch (arguments[0]) {
          case "w2vbert" -> AttentionInputs::operator;
          case "libtorch" -> AttentionInputs::reference;
          case "fused" -> AttentionInputs::fused;
          default ->
              throw new IllegalArgumentException(
                  "the way is " + arguments[0] + "; expected w2vbert, libtorch or fused");
        };
    int time = Integer.parseInt(arguments[1]);
    LibTorch.useEqualThreads();
    AttentionInputs small = new AttentionInputs(WARM_UP_TIME);
    LibTorch.run(() -> way.apply(small));
    AttentionInputs inputs = new AttentionInputs(time);
    double before = ProcessMemory.megabytes("VmRSS");
    double peakBefore = ProcessMemory.megabytes("VmHWM");
    LibTorch.run(() -> way.apply(inputs));
    double peak = ProcessMemory.megabytes("VmHWM");
    System.out.printf(
        Locale.ROOT,
        "%-8s %5d frames: %7.1f MB more (resident %.1f, peak %.1f before and %.1f after)%n",
        arguments[0],
        time,
        peak - before,
        before,
        peakBefore,
        peak);
  }
}
