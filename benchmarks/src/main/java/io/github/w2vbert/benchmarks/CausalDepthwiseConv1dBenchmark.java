package io.github.w2vbert.benchmarks;

import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * How long does the causal depthwise convolution of one encoder layer take, against LibTorch's
 * grouped conv1d of the same rows? w2v-BERT 2.0 has 1024 channels and 31 taps; 500 rows are 10 s.
 * The peer's result is not brought back into the layout of its input.
 */
public class CausalDepthwiseConv1dBenchmark extends Protocol {
  private static final int CHANNELS = 1024;
  private static final int KERNEL = 31;

  @Param({"50", "500", "1500"})
  public int time;

  private LibTorch.Operator operator;
  private IValue[] arguments;
  private Tensor rows; // [time, channels]
  private Tensor weight; // [channels, 1, kernel]

  /** Multiplications and additions of one call. */
  static double flops(int time) {
    return 2.0 * time * CHANNELS * KERNEL;
  }

  @Setup(Level.Trial)
  public void prepare() {
    LibTorch.useEqualThreads();
    rows = LibTorch.normal(1, time, CHANNELS);
    weight = LibTorch.normal(2, CHANNELS, 1, KERNEL);
    operator = new LibTorch.Operator("w2vbert::causal_depthwise_conv1d");
    arguments =
        new IValue[] {
          new IValue(rows), new IValue(weight), new IValue(Tensor.create(new long[] {0, time}, 2))
        };
    Agreement.require(
        "convolution",
        LibTorch.values(() -> operator.call(arguments)),
        LibTorch.values(this::leftPaddedConv1d),
        1e-4);
  }

  private Tensor leftPaddedConv1d() {
    Tensor padded = torch.constant_pad_nd(rows.t().unsqueeze(0), KERNEL - 1, 0);
    return torch
        .conv1d(
            padded,
            weight,
            new TensorOptional(),
            new long[] {1},
            new long[] {0},
            new long[] {1},
            CHANNELS)
        .squeeze(0)
        .t();
  }

  @Benchmark
  public long convolve() {
    return LibTorch.run(() -> operator.call(arguments));
  }

  @Benchmark
  public long convolveLibTorch() {
    return LibTorch.run(this::leftPaddedConv1d);
  }
}
