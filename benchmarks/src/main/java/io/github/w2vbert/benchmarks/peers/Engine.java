package io.github.w2vbert.benchmarks.peers;

import java.nio.file.Path;

/** A way to get from features to logits. It lives in a process of its own, see EngineMain. */
interface Engine extends AutoCloseable {
  /**
   * What has been opened.
   *
   * @param name with the version and what else decides about speed
   * @param weightBytes of the files that hold the weights
   * @param tolerance root mean square of the difference from the float32 logits, relative to that
   *     of the logits, up to which its times count
   */
  record Opened(String name, long weightBytes, double tolerance) {
    /** What float32 in another order may differ by. */
    static final double FLOAT32 = 1e-4;
  }

  /** A batch that is ready to be encoded. Preparing it is not timed; closing it frees it. */
  interface Run extends AutoCloseable {
    /** Computes logits into memory that the processor can read: what is timed. */
    void compute();

    /** The last logits, {@code [total_time, vocabulary]} without padding. */
    float[] logits();

    @Override
    void close();
  }

  /**
   * Opens a checkpoint folder.
   *
   * @param threads processors to use
   */
  Opened open(Path checkpoint, int threads);

  Run prepare(Batch batch);

  @Override
  void close();
}
