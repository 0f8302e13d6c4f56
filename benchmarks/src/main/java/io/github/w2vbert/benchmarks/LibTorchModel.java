package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Wav2Vec2BertConfig;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The model in LibTorch's operators, composed as the reference composes them: a padded batch with a
 * mask, an embedding for every pair of frames, a grouped convolution of transposed rows.
 * Intermediate results are let go of at the end of each module's call, as in Python.
 */
public final class LibTorchModel {
  private static final double LOWEST = -Float.MAX_VALUE; // of float32, added where no key is

  private final Wav2Vec2BertConfig config;
  private final Map<String, Tensor> parameters;

  /**
   * @param parameters of the CTC class, by their names; they stay the caller's
   */
  public LibTorchModel(Wav2Vec2BertConfig config, Map<String, Tensor> parameters) {
    this.config = config;
    this.parameters = parameters;
  }

  /**
   * Logits of a padded batch.
   *
   * @param mask 1 where a frame is, 0 in padding
   */
  public Tensor logits(Tensor features, Tensor mask) {
    String base = "wav2vec2_bert.";
    Tensor padding = mask.logical_not().unsqueeze(2);
    // [utterances, 1, 1, time]: 0 for keys, lowest for padding
    Tensor bias =
        mask.mul(new Scalar(-1.0))
            .add(new Scalar(1.0))
            .mul(new Scalar(LOWEST))
            .unsqueeze(1)
            .unsqueeze(1);
    Tensor distances = distances(features.size(1));
    Tensor hidden =
        linear(
                norm(features, base + "feature_projection.layer_norm"),
                base + "feature_projection.projection")
            .masked_fill(padding, new Scalar(0.0));
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      String layer = base + "encoder.layers." + i + ".";
      Tensor input = hidden;
      hidden = kept(() -> layer(input, layer, padding, bias, distances));
      input.close();
    }
    return linear(hidden, "lm_head");
  }

  private Tensor layer(Tensor input, String layer, Tensor padding, Tensor bias, Tensor distances) {
    Tensor x = input.add(feedForward(input, layer + "ffn1").mul(new Scalar(0.5)));
    x = x.add(attention(norm(x, layer + "self_attn_layer_norm"), layer, bias, distances));
    x = x.add(convolution(x, layer + "conv_module.", padding));
    x = x.add(feedForward(x, layer + "ffn2").mul(new Scalar(0.5)));
    return norm(x, layer + "final_layer_norm");
  }

  private Tensor feedForward(Tensor x, String name) {
    return kept(
        () ->
            linear(
                torch.silu(linear(norm(x, name + "_layer_norm"), name + ".intermediate_dense")),
                name + ".output_dense"));
  }

  private Tensor attention(Tensor x, String layer, Tensor bias, Tensor distances) {
    String name = layer + "self_attn.";
    return kept(
        () -> {
          Tensor query = heads(linear(x, name + "linear_q"));
          Tensor key = heads(linear(x, name + "linear_k"));
          Tensor value = heads(linear(x, name + "linear_v"));
          Scalar scale = new Scalar(1 / Math.sqrt(query.size(3)));
          Tensor scores = query.matmul(key.transpose(2, 3)).mul(scale);
          Tensor table = parameters.get(name + "distance_embedding.weight");
          Tensor embedding = torch.embedding(table, distances);
          Tensor positions = torch.einsum("bhld,lrd->bhlr", new TensorVector(query, embedding));
          scores = scores.add(positions.mul(scale)).add(bias);
          Tensor context = torch.softmax(scores, 3).matmul(value);
          return linear(context.transpose(1, 2).reshape(x.sizes()), name + "linear_out");
        });
  }

  private Tensor convolution(Tensor x, String name, Tensor padding) {
    return kept(
        () -> {
          Tensor rows =
              norm(x, name + "layer_norm").masked_fill(padding, new Scalar(0.0)).transpose(1, 2);
          rows = torch.glu(convolve(rows, name + "pointwise_conv1", 1), 1);
          rows = torch.constant_pad_nd(rows, config.convDepthwiseKernelSize() - 1, 0);
          rows = convolve(rows, name + "depthwise_conv", config.hiddenSize());
          rows = norm(rows.transpose(1, 2), name + "depthwise_layer_norm").transpose(1, 2);
          return convolve(torch.silu(rows), name + "pointwise_conv2", 1).transpose(1, 2);
        });
  }

  private Tensor convolve(Tensor x, String name, long groups) {
    return torch.conv1d(
        x,
        parameters.get(name + ".weight"),
        new TensorOptional(),
        new long[] {1},
        new long[] {0},
        new long[] {1},
        groups);
  }

  private Tensor linear(Tensor x, String name) {
    return torch.linear(
        x, parameters.get(name + ".weight"), new TensorOptional(parameters.get(name + ".bias")));
  }

  private Tensor norm(Tensor x, String name) {
    Tensor weight = parameters.get(name + ".weight");
    return torch.layer_norm(
        x,
        new long[] {weight.size(0)},
        new TensorOptional(weight),
        new TensorOptional(parameters.get(name + ".bias")),
        config.layerNormEps(),
        false);
  }

  /** {@code [utterances, heads, time, head_dim]}. */
  private Tensor heads(Tensor x) {
    long heads = config.numAttentionHeads();
    return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
  }

  /** Rows of the distance embedding, {@code [time, time]}: key minus query, clipped. */
  private Tensor distances(long time) {
    long left = config.leftMaxPositionEmbeddings();
    Tensor at = torch.arange(new Scalar(time)).to(ScalarType.Long);
    return at.unsqueeze(0)
        .sub(at.unsqueeze(1))
        .clamp(
            new ScalarOptional(new Scalar(-left)),
            new ScalarOptional(new Scalar((long) config.rightMaxPositionEmbeddings())))
        .add(new Scalar(left));
  }

  /** The result alone outlives the call. */
  @SuppressWarnings("try") // the scope works by being open
  private static Tensor kept(Supplier<Tensor> body) {
    PointerScope outer = PointerScope.getInnerScope();
    Tensor result;
    try (PointerScope scope = new PointerScope()) {
      result = body.get();
      result.retainReference();
    }
    outer.attach(result);
    result.releaseReference();
    return result;
  }
}
