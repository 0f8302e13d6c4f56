package io.github.w2vbert.benchmarks;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * One self-attention of w2v-BERT 2.0 between its projections, 16 heads of 64, Shaw positions that
 * reach 64 frames back and 8 ahead; and three ways to compute it.
 */
final class AttentionInputs {
  private static final int HEADS = 16;
  private static final int HEAD_DIM = 64;
  private static final int HIDDEN = HEADS * HEAD_DIM;
  private static final int LEFT = 64;
  private static final int RIGHT = 8;
  private static final double SCALE = 1 / Math.sqrt(HEAD_DIM);

  private final int time;
  private final Tensor query; // [time, hidden], as key and value
  private final Tensor key;
  private final Tensor value;
  private final Tensor distanceEmbedding; // [left + right + 1, headDim]
  private final LibTorch.Operator operator =
      new LibTorch.Operator("w2vbert::relative_position_attention");
  private final IValue[] arguments;

  AttentionInputs(int time) {
    this.time = time;
    query = LibTorch.normal(1, time, HIDDEN);
    key = LibTorch.normal(2, time, HIDDEN);
    value = LibTorch.normal(3, time, HIDDEN);
    distanceEmbedding = LibTorch.normal(4, LEFT + RIGHT + 1, HEAD_DIM);
    IValue none = new IValue();
    arguments =
        new IValue[] {
          new IValue(query),
          new IValue(key),
          new IValue(value),
          new IValue(Tensor.create(new long[] {0, time}, 2)),
          new IValue((long) HEADS),
          none, // key_mask
          new IValue(distanceEmbedding),
          new IValue((long) LEFT),
          none, // position_projection
          none, // bias_u
          none, // bias_v
          new IValue(false) // return_weights
        };
  }

  /** Multiplications and additions of the products with keys, values and positions. */
  static double flops(int time) {
    return 4.0 * time * time * HIDDEN + 2.0 * time * (LEFT + RIGHT + 1) * HIDDEN;
  }

  /** This library's operator: {@code [time, hidden]}. */
  Tensor operator() {
    return operator.call(arguments);
  }

  /** As the reference: an embedding per pair of frames, {@code [time, time, headDim]}. */
  Tensor reference() {
    Tensor queries = heads(query);
    Tensor embedding = torch.embedding(distanceEmbedding, distances());
    Tensor positions = torch.einsum("bhld,lrd->bhlr", new TensorVector(queries, embedding));
    Tensor scores =
        queries.matmul(heads(key).transpose(2, 3)).add(positions).mul(new Scalar(SCALE));
    return rows(torch.softmax(scores, 3).matmul(heads(value)));
  }

  /** LibTorch's fused attention; positions are a product per frame, gathered into its bias. */
  Tensor fused() {
    Tensor queries = heads(query);
    Tensor byDistance = queries.matmul(distanceEmbedding.t()).mul(new Scalar(SCALE));
    Tensor bias = byDistance.gather(3, distances().expand(1, HEADS, time, time));
    return rows(
        torch.scaled_dot_product_attention(
            queries,
            heads(key),
            heads(value),
            new TensorOptional(bias),
            0.0,
            false,
            new DoubleOptional(SCALE),
            false));
  }

  /** Rows of the embedding, {@code [time, time]}: key minus query, clipped. */
  private Tensor distances() {
    Tensor at = torch.arange(new Scalar((long) time));
    return at.unsqueeze(0)
        .sub(at.unsqueeze(1))
        .clamp(
            new ScalarOptional(new Scalar((long) -LEFT)),
            new ScalarOptional(new Scalar((long) RIGHT)))
        .add(new Scalar((long) LEFT));
  }

  private Tensor heads(Tensor rows) {
    return rows.reshape(1, time, HEADS, HEAD_DIM).transpose(1, 2);
  }

  private Tensor rows(Tensor heads) {
    return heads.transpose(1, 2).reshape(time, HIDDEN);
  }
}
