package io.github.w2vbert;

/**
 * The numbers of the additive margin softmax, the loss of {@link Wav2Vec2BertForXVector} (Wang et
 * al. 2018).
 *
 * @param scale the cosines are multiplied by it
 * @param margin is subtracted from the cosine of the right speaker
 */
public record AmSoftmax(double scale, double margin) {
  /** Scale 30 and margin 0.4, as in the reference. */
  public static final AmSoftmax DEFAULT = new AmSoftmax(30.0, 0.4);

  /**
   * @throws IllegalArgumentException if a number is not finite
   */
  public AmSoftmax {
    if (!Double.isFinite(scale) || !Double.isFinite(margin)) {
      throw new IllegalArgumentException(
          "scale is " + scale + " and margin is " + margin + "; expected finite numbers");
    }
  }
}
