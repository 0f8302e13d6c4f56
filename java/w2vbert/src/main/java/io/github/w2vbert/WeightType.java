package io.github.w2vbert;

/**
 * How a model keeps the matrices of its encoder, nearly all of its parameters. On the CPU
 * everything else stays in float32: the feature projection, the adapter, heads, norms, biases,
 * depthwise convolutions and position embeddings, and all that is computed between products.
 *
 * <p>What a type costs and gives on the CPU, for the released model of 580 million parameters:
 *
 * <table>
 * <caption>Types of weights</caption>
 * <tr><th>type</th><th>memory</th><th>speed</th><th>error of the logits (relative RMS)</th></tr>
 * <tr><td>float32</td><td>2.3 GB, mapped from the file</td><td>1</td><td>none</td></tr>
 * <tr><td>float16</td><td>1.2 GB</td><td>1; faster for less than a second of audio</td>
 *     <td>0.2 %</td></tr>
 * <tr><td>bfloat16</td><td>1.2 GB</td><td>as float16</td><td>1.6 %</td></tr>
 * <tr><td>int8</td><td>0.7 GB</td><td>about 1.5</td><td>1.7 %</td></tr>
 * </table>
 */
public enum WeightType {
  /** As the weights were trained. */
  FLOAT32(DType.FLOAT32),
  /** Rounded to the nearest of 11 bits; what is too large, 65,520 and more, becomes infinite. */
  FLOAT16(DType.FLOAT16),
  /** Rounded to the nearest of 8 bits. */
  BFLOAT16(DType.BFLOAT16),
  /**
   * Integers from -127 to 127 with one scale for each output of a layer. An eighth of the weights,
   * whose errors would matter most (the projections of values, of attention's output and of the
   * convolution's output), are integers from -1023 to 1023 in two bytes. Inputs of a layer are
   * rounded to 16 (there: 13) bits with one scale for each frame; products of integers are added
   * exactly.
   */
  INT8(DType.INT8),
  /**
   * Only on a CUDA device ({@link LoadOptions#withDevice}) of compute capability 9.0 or 10.x, on
   * which LibTorch has such products; opening a model tries one, and throws {@link
   * W2vBertException} if there is none (below 8.9 {@link IllegalArgumentException}). Numbers of
   * three bits of mantissa, with one scale for each output of a layer. Inputs of a layer are
   * rounded in the same way, with one scale for each frame. The weights that have more bits with
   * {@link #INT8}, matrices whose sizes are not multiples of 16, and everything else are bfloat16.
   * The released model's weights take 0.7 GB. Results of models with random weights are off by 5 to
   * 12 percent, those of the default model by 2.
   */
  FLOAT8(DType.FLOAT8);

  private final DType dtype;

  WeightType(DType dtype) {
    this.dtype = dtype;
  }

  /** The type of the elements of most matrices. */
  public DType dtype() {
    return dtype;
  }

  /**
   * The name: {@code float32}, {@code float16}, {@code bfloat16}, {@code int8} or {@code float8}.
   */
  @Override
  public String toString() {
    return dtype.toString();
  }
}
