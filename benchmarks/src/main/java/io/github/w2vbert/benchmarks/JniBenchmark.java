package io.github.w2vbert.benchmarks;

import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.IValue;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What does the way between Java and native code cost where hardly anything is computed: the
 * smallest call, a tensor, a model with one layer of width 1, and an operator through LibTorch's
 * dispatcher (as in the benchmarks of single operators)?
 */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class JniBenchmark extends Protocol {
  private static final String SMALLEST_MODEL =
      """
      {"model_type": "wav2vec2-bert", "num_hidden_layers": 1, "hidden_size": 1,
       "output_hidden_size": 1, "num_attention_heads": 1, "intermediate_size": 1,
       "feature_projection_input_dim": 1, "conv_depthwise_kernel_size": 1,
       "position_embeddings_type": null}""";

  private final float[] one = {1};
  private Wav2Vec2BertModel model;
  private RaggedFeatures frame;
  private LibTorch.Operator operator;
  private IValue[] arguments;

  @Setup(Level.Trial)
  public void prepare() {
    model = Wav2Vec2BertModel.initialize(Wav2Vec2BertConfig.parse(SMALLEST_MODEL), 1);
    frame = new RaggedFeatures(Tensor.of(one, 1, 1), new long[] {1});
    // The norm after the only layer leaves its bias of a single channel: 0.
    try (BaseModelOutput output = model.encode(frame).get(0)) {
      Agreement.require(
          "hidden state", output.lastHiddenState().toFloatArray(), new float[] {0}, 1e-6);
    }
    operator = new LibTorch.Operator("w2vbert::causal_depthwise_conv1d");
    arguments =
        new IValue[] {
          new IValue(org.bytedeco.pytorch.Tensor.create(new float[] {2}, 1, 1)),
          new IValue(org.bytedeco.pytorch.Tensor.create(new float[] {3}, 1, 1, 1)),
          new IValue(org.bytedeco.pytorch.Tensor.create(new long[] {0, 1}, 2))
        };
    Agreement.require(
        "product", LibTorch.values(() -> operator.call(arguments)), new float[] {6}, 0);
  }

  @TearDown(Level.Trial)
  public void release() {
    frame.close();
    model.close();
  }

  @Benchmark
  public String call() {
    return W2vBert.simdLevel();
  }

  @Benchmark
  public long tensor() {
    try (Tensor tensor = Tensor.of(one, 1)) {
      return tensor.elements();
    }
  }

  @Benchmark
  public long encode() {
    try (BaseModelOutput output = model.encode(frame).get(0)) {
      return output.lastHiddenState().elements();
    }
  }

  @Benchmark
  public long operator() {
    return LibTorch.run(() -> operator.call(arguments));
  }
}
