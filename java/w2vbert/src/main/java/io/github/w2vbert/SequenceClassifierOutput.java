package io.github.w2vbert;

import io.github.w2vbert.internal.NativeModelOutput;

/**
 * Output of a model that classifies utterances. Closing it closes its tensors.
 *
 * @param logits unnormalised scores {@code [batch, labels]}, or {@code [labels]} of one utterance
 * @param loss a scalar; null unless labels were given
 * @param base the encoder's output; with {@code use_weighted_layer_sum} its {@code lastHiddenState}
 *     is the weighted sum that the head reads
 */
public record SequenceClassifierOutput(Tensor logits, Tensor loss, BaseModelOutput base)
    implements AutoCloseable {

  static SequenceClassifierOutput of(NativeModelOutput output, int utterance) {
    try (Closing made = new Closing()) {
      Tensor logits = made.add(new Tensor(output.logits(utterance)));
      Tensor loss = made.add(Tensor.ofNullable(output.loss()));
      return made.keep(
          new SequenceClassifierOutput(logits, loss, BaseModelOutput.of(output, utterance)));
    }
  }

  /**
   * The probability of every class (a softmax of the scores) for one utterance of the batch.
   *
   * @param utterance 0 for the first (and only one of an output of {@code encode})
   * @throws IllegalArgumentException if there is no such utterance
   */
  public float[] probabilities(int utterance) {
    int labels = Math.toIntExact(logits.size(-1));
    int batch = logits.dimensions() == 2 ? Math.toIntExact(logits.size(0)) : 1;
    BaseModelOutput.requireUtterance(utterance, batch);
    float[] scores = logits.toFloatArray();
    double largest = Double.NEGATIVE_INFINITY;
    for (int label = 0; label < labels; label++) {
      largest = Math.max(largest, scores[utterance * labels + label]);
    }
    double sum = 0;
    double[] weights = new double[labels];
    for (int label = 0; label < labels; label++) {
      weights[label] = Math.exp(scores[utterance * labels + label] - largest);
      sum += weights[label];
    }
    float[] probabilities = new float[labels];
    for (int label = 0; label < labels; label++) {
      probabilities[label] = (float) (weights[label] / sum);
    }
    return probabilities;
  }

  @Override
  public void close() {
    Closing.all(logits, loss);
    base.close();
  }
}
