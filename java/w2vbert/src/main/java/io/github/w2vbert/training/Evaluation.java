package io.github.w2vbert.training;

import java.util.List;

/**
 * How a model does.
 *
 * @param loss mean over the utterances of the loss that it was trained with (for CTC per token);
 *     NaN for speakers
 * @param errors words, labels or frames, and how many of them are wrong; of speakers none
 * @param characters for CTC; else {@link ErrorCounts#NONE}
 * @param verification of speakers; null for other tasks
 * @param seconds of audio
 * @param judgements in the order of the data
 */
public record Evaluation(
    TrainingTask task,
    double loss,
    ErrorCounts errors,
    ErrorCounts characters,
    EqualErrorRate verification,
    double seconds,
    List<Judgement> judgements) {

  /** Copies the list. */
  public Evaluation {
    judgements = List.copyOf(judgements);
  }

  /** What should be small: a rate that {@link TrainingTask#metric} names. */
  public double error() {
    return task == TrainingTask.XVECTOR ? verification.rate() : errors.rate();
  }
}
