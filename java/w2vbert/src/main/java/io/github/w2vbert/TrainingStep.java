package io.github.w2vbert;

/**
 * What {@link ModelTraining#step} did.
 *
 * @param gradientNorm the Euclidean norm of all gradients together, before they were clipped
 * @param applied whether the parameters were changed: not if there was no gradient, or the norm is
 *     NaN or infinite
 * @param lossScale what the next losses are multiplied by, so that their gradients are not too
 *     small for float16 ({@link TrainingOptions#autocast}), as {@code torch.amp.GradScaler} does:
 *     65,536 at first, halved after gradients that were not finite, doubled after 2,000 steps in a
 *     row with others. Else 1. The norm, and the gradients that a training gives, are those of the
 *     losses themselves
 */
public record TrainingStep(double gradientNorm, boolean applied, double lossScale) {}
