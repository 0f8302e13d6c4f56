package io.github.w2vbert;

import io.github.w2vbert.internal.NativeModelOutput;

/**
 * Output of a model that embeds speakers. Closing it closes its tensors.
 *
 * @param logits {@code [batch, size]}, or {@code [size]} of one utterance, where {@code size} is
 *     {@code xvector_output_dim}: what the loss compares with the speakers of the training
 * @param embeddings {@code [batch, size]}, or {@code [size]} of one utterance: what speaker
 *     verification compares
 * @param loss a scalar; null unless labels were given
 * @param base the encoder's output; with {@code use_weighted_layer_sum} its {@code lastHiddenState}
 *     is the weighted sum that the head reads
 */
public record XVectorOutput(Tensor logits, Tensor embeddings, Tensor loss, BaseModelOutput base)
    implements AutoCloseable {

  static XVectorOutput of(NativeModelOutput output, int utterance) {
    try (Closing made = new Closing()) {
      Tensor logits = made.add(new Tensor(output.logits(utterance)));
      Tensor embeddings = made.add(new Tensor(output.embeddings(utterance)));
      Tensor loss = made.add(Tensor.ofNullable(output.loss()));
      return made.keep(
          new XVectorOutput(logits, embeddings, loss, BaseModelOutput.of(output, utterance)));
    }
  }

  @Override
  public void close() {
    Closing.all(logits, embeddings, loss);
    base.close();
  }
}
