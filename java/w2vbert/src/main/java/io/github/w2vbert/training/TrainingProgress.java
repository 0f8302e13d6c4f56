package io.github.w2vbert.training;

/**
 * Where a run stands.
 *
 * @param step steps made
 * @param totalSteps steps to be made
 * @param epoch counted from 1
 * @param loss of the last step
 * @param learningRate of the last step
 * @param gradientNorm of the last step, before clipping
 * @param audioRate seconds of audio learnt from per second since the run began
 * @param secondsLeft at this speed
 */
public record TrainingProgress(
    long step,
    long totalSteps,
    int epoch,
    double loss,
    double learningRate,
    double gradientNorm,
    double audioRate,
    double secondsLeft) {}
