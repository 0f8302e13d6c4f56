package io.github.w2vbert.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * How long does the self-attention of one encoder layer take between its projections, against the
 * reference's way in LibTorch's operators, and against the best that they allow? 500 rows are 10 s.
 * {@link AttentionMemory} tells what the three need besides time.
 */
public class RelativePositionAttentionBenchmark extends Protocol {
  @Param({"50", "500", "1500"})
  public int time;

  private AttentionInputs inputs;

  @Setup(Level.Trial)
  public void prepare() {
    LibTorch.useEqualThreads();
    inputs = new AttentionInputs(time);
    float[] ours = LibTorch.values(inputs::operator);
    Agreement.require("attention", ours, LibTorch.values(inputs::reference), 2e-5);
    Agreement.require("attention", ours, LibTorch.values(inputs::fused), 2e-5);
  }

  @Benchmark
  public long attend() {
    return LibTorch.run(inputs::operator);
  }

  @Benchmark
  public long attendLibTorch() {
    return LibTorch.run(inputs::reference);
  }

  @Benchmark
  public long attendLibTorchFused() {
    return LibTorch.run(inputs::fused);
  }
}
