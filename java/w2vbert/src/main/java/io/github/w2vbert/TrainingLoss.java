package io.github.w2vbert;

/**
 * What {@link ModelTraining#accumulate} found.
 *
 * @param loss of the batch, before it was weighted; if it is NaN or infinite, nothing was added to
 *     the gradients
 */
public record TrainingLoss(double loss) {
  /** Whether the loss is a number that a model can learn from. */
  public boolean isFinite() {
    return Double.isFinite(loss);
  }
}
