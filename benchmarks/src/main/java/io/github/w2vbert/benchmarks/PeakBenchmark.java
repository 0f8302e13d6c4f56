package io.github.w2vbert.benchmarks;

import org.bytedeco.pytorch.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Setup;

/**
 * How much float32 arithmetic does this machine do in a second? The product of large matrices by
 * LibTorch's BLAS: what the other benchmarks' shares of the peak are shares of.
 */
public class PeakBenchmark extends Protocol {
  private static final int ROWS = 1024;
  private static final int INNER = 1024;
  private static final int COLUMNS = 4096;

  /** Multiplications and additions of one product. */
  public static final double FLOPS = 2.0 * ROWS * INNER * COLUMNS;

  private Tensor left;
  private Tensor right;

  @Setup(Level.Trial)
  public void prepare() {
    LibTorch.useEqualThreads();
    left = LibTorch.normal(1, ROWS, INNER);
    right = LibTorch.normal(2, INNER, COLUMNS);
    float[] product = LibTorch.values(() -> left.matmul(right));
    float[] a = LibTorch.values(() -> left);
    float[] b = LibTorch.values(() -> right);
    double corner = 0;
    for (int i = 0; i < INNER; i++) {
      corner += (double) a[(ROWS - 1) * INNER + i] * b[i * COLUMNS + COLUMNS - 1];
    }
    Agreement.require(
        "last element of the product",
        new float[] {product[product.length - 1]},
        new float[] {(float) corner},
        1e-3);
  }

  @Benchmark
  public long product() {
    return LibTorch.run(() -> left.matmul(right));
  }
}
