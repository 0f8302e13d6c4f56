package io.github.w2vbert.training;

import java.nio.file.Path;
import java.util.List;

/**
 * What came of a run.
 *
 * @param output the folder of the model
 * @param steps made
 * @param loss of the last step; NaN if there was none
 * @param bestStep after which the model in the folder was saved
 * @param bestError its {@link Evaluation#error}; NaN without data to evaluate
 * @param skipped utterances that could not be used
 * @param badBatches batches without finite loss or gradients
 */
public record TrainingResult(
    Path output,
    long steps,
    double loss,
    long bestStep,
    double bestError,
    List<SkippedUtterance> skipped,
    int badBatches) {}
