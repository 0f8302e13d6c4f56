package io.github.w2vbert;

import io.github.w2vbert.internal.NativeModelOutput;

/**
 * Output of a model that classifies frames. Closing it closes its tensors.
 *
 * @param logits unnormalised scores {@code [batch, time, labels]}, or {@code [time, labels]} of one
 *     utterance. For diarization, where several speakers may talk at once, the logistic function of
 *     a score is the probability that its speaker talks.
 * @param loss a scalar; null unless labels were given
 * @param base the encoder's output; its {@code lengths} hold for the logits too; with {@code
 *     use_weighted_layer_sum} its {@code lastHiddenState} is the weighted sum that the head reads
 */
public record FrameClassifierOutput(Tensor logits, Tensor loss, BaseModelOutput base)
    implements AutoCloseable {

  static FrameClassifierOutput of(NativeModelOutput output, int utterance) {
    try (Closing made = new Closing()) {
      Tensor logits = made.add(new Tensor(output.logits(utterance)));
      Tensor loss = made.add(Tensor.ofNullable(output.loss()));
      return made.keep(
          new FrameClassifierOutput(logits, loss, BaseModelOutput.of(output, utterance)));
    }
  }

  @Override
  public void close() {
    Closing.all(logits, loss);
    base.close();
  }
}
