package io.github.w2vbert.training;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Where a run stands, beside its model.
 *
 * @param epoch of the next batch
 * @param batch of that epoch
 * @param step steps made
 * @param loss of the last step; NaN before the first
 * @param bestStep after which the best model was saved; -1 for none
 * @param bestError its error; infinite for none
 * @param bestLoss its loss in that evaluation; infinite for none
 * @param badBatches so far
 * @param logBytes of the log that belong to it
 * @param settings of the run
 */
record TrainerState(
    int epoch,
    int batch,
    long step,
    double loss,
    long bestStep,
    double bestError,
    double bestLoss,
    int badBatches,
    long logBytes,
    JsonNode settings) {

  static TrainerState begin(JsonNode settings) {
    return new TrainerState(
        0,
        0,
        0,
        Double.NaN,
        -1,
        Double.POSITIVE_INFINITY,
        Double.POSITIVE_INFINITY,
        0,
        0,
        settings);
  }
}
