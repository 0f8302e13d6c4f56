package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Wav2Vec2BertConfig;

/**
 * Multiplications and additions that a model needs from features to logits: its products and
 * convolutions, with Shaw positions as a product of {@code positions} columns. Norms and
 * activations are not counted, and padding is not work.
 *
 * @param positions distances that have an embedding: left + right + 1
 * @param kernel taps of the depthwise convolution
 * @param features width of the input
 */
public record EncoderWork(
    int layers,
    int hidden,
    int intermediate,
    int positions,
    int kernel,
    int features,
    int vocabulary) {

  /** The work of a model with Shaw positions and without adapter. */
  public static EncoderWork of(Wav2Vec2BertConfig config) {
    return new EncoderWork(
        config.numHiddenLayers(),
        config.hiddenSize(),
        config.intermediateSize(),
        config.leftMaxPositionEmbeddings() + config.rightMaxPositionEmbeddings() + 1,
        config.convDepthwiseKernelSize(),
        config.featureProjectionInputDim(),
        config.vocabSize());
  }

  /** Encoder steps of so many seconds of audio. */
  public static long time(int seconds) {
    return ((seconds * (long) Synthetic.SAMPLE_RATE - 400) / 160 + 1) / 2;
  }

  /** All of it, for utterances of these lengths. */
  public double flops(long... lengths) {
    double sum = 0;
    for (long time : lengths) {
      sum += projections(time) + attention(time) + convolution(time) + head(time);
    }
    return sum;
  }

  /** Linear layers and pointwise convolutions, without the head. */
  public double projections(long time) {
    return 2.0 * time * projectionWeights();
  }

  /** Elements of the weights of {@link #projections}. */
  public double projectionWeights() {
    return (double) layers * hidden * (7.0 * hidden + 4.0 * intermediate)
        + (double) features * hidden;
  }

  /** Products with keys, values and positions. */
  public double attention(long time) {
    return 2.0 * time * layers * hidden * (2.0 * time + positions);
  }

  /** The depthwise convolution. */
  public double convolution(long time) {
    return 2.0 * time * layers * hidden * kernel;
  }

  /** The linear layer that scores the vocabulary. */
  public double head(long time) {
    return 2.0 * time * hidden * vocabulary;
  }
}
