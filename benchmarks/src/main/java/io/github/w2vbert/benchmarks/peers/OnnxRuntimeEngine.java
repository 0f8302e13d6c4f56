package io.github.w2vbert.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.Map;

/** ONNX Runtime with all its graph optimisations; the batch is padded and has a mask. */
final class OnnxRuntimeEngine implements Engine {
  private final String graph;
  private final double tolerance;
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private OrtSession session;

  OnnxRuntimeEngine(String graph, double tolerance) {
    this.graph = graph;
    this.tolerance = tolerance;
  }

  @Override
  public Opened open(Path checkpoint, int threads) {
    Path file = checkpoint.resolve(graph);
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      // Its threads spin between the operators of a run, but not while another engine runs.
      options.addConfigEntry("session.force_spinning_stop", "1");
      session = environment.createSession(file.toString(), options);
      return new Opened(
          "ONNX Runtime " + environment.getVersion(), OnnxFiles.weightBytes(file), tolerance);
    } catch (OrtException e) {
      throw new IllegalStateException(file + " cannot be opened", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Run prepare(Batch batch) {
    int utterances = batch.lengths().length;
    int longest = batch.longest();
    try {
      OnnxTensor features =
          OnnxTensor.createTensor(
              environment, direct(batch.padded()), new long[] {utterances, longest, batch.width()});
      OnnxTensor mask =
          OnnxTensor.createTensor(
              environment, LongBuffer.wrap(batch.mask()), new long[] {utterances, longest});
      return new PaddedRun(batch, features, mask);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private final class PaddedRun implements Run {
    private final Batch batch;
    private final OnnxTensor features;
    private final OnnxTensor mask;
    private OrtSession.Result result;

    PaddedRun(Batch batch, OnnxTensor features, OnnxTensor mask) {
      this.batch = batch;
      this.features = features;
      this.mask = mask;
    }

    @Override
    public void compute() {
      release();
      try {
        result = session.run(Map.of("input_features", features, "attention_mask", mask));
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public float[] logits() {
      FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
      float[] padded = new float[values.remaining()];
      values.get(padded);
      return batch.unpadded(padded);
    }

    private void release() {
      if (result != null) {
        result.close();
      }
    }

    @Override
    public void close() {
      release();
      features.close();
      mask.close();
    }
  }

  private static FloatBuffer direct(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * Float.BYTES);
    return bytes.order(ByteOrder.nativeOrder()).asFloatBuffer().put(values).flip();
  }

  @Override
  public void close() {
    if (session != null) {
      try {
        session.close();
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
