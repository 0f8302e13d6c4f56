package io.github.w2vbert.benchmarks.peers;

import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import java.nio.file.Path;
import java.util.Arrays;

/** This library, through its public API, without padding. */
final class W2vBertEngine implements Engine {
  private final LoadOptions options;
  private final double tolerance;
  private Wav2Vec2BertForCTC model;

  W2vBertEngine(LoadOptions options, double tolerance) {
    this.options = options;
    this.tolerance = tolerance;
  }

  @Override
  public Opened open(Path checkpoint, int threads) {
    if (W2vBert.threads() != threads) {
      throw new IllegalStateException(
          "w2vbert.threads is " + W2vBert.threads() + "; expected " + threads);
    }
    model = Wav2Vec2BertForCTC.fromPretrained(checkpoint, options);
    return new Opened(
        "w2vbert, " + W2vBert.simdLevel(),
        model.parameters().stream().mapToLong(ParameterInfo::bytes).sum(),
        tolerance);
  }

  @Override
  public Run prepare(Batch batch) {
    RaggedFeatures features =
        new RaggedFeatures(
            Tensor.of(batch.frames(), Arrays.stream(batch.lengths()).sum(), batch.width()),
            batch.lengths());
    return new Run() {
      private OutputList<CtcOutput> outputs;

      @Override
      public void compute() {
        release();
        outputs = model.encode(features);
      }

      @Override
      public float[] logits() {
        return outputs.stream()
            .map(output -> output.logits().toFloatArray())
            .reduce(new float[0], W2vBertEngine::joined);
      }

      private void release() {
        if (outputs != null) {
          outputs.close();
        }
      }

      @Override
      public void close() {
        release();
        features.close();
      }
    };
  }

  private static float[] joined(float[] first, float[] second) {
    float[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @Override
  public void close() {
    if (model != null) {
      model.close();
    }
  }
}
