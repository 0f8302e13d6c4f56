package io.github.w2vbert;

/**
 * What {@link ModelTraining#step} did.
 *
 * @param gradientNorm the Euclidean norm of all gradients together, before they were clipped
 * @param applied whether the parameters were changed: not if there was no gradient, or the norm is
 *     NaN or infinite
 */
public record TrainingStep(double gradientNorm, boolean applied) {}
