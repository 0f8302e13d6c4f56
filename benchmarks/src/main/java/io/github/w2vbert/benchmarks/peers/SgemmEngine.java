package io.github.w2vbert.benchmarks.peers;

import io.github.w2vbert.benchmarks.PeakBenchmark;
import java.nio.file.Path;

/** Not an encoder: the product of {@link PeakBenchmark}, whatever the batch. */
final class SgemmEngine implements Engine {
  @Override
  public Opened open(Path checkpoint, int threads) {
    return new Opened("sgemm", 0, 0);
  }

  @Override
  public Run prepare(Batch batch) {
    PeakBenchmark product = new PeakBenchmark();
    product.prepare();
    return new Run() {
      @Override
      public void compute() {
        product.product();
      }

      @Override
      public float[] logits() {
        return new float[0];
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() {}
}
