package io.github.w2vbert;

import io.github.w2vbert.internal.NativeModelOutput;
import java.util.ArrayList;
import java.util.List;

/**
 * Output of the encoder. Closing it closes its tensors.
 *
 * <p>From {@code forward} the tensors have the batch as their first axis; from {@code encode} they
 * belong to one utterance and have no such axis. Tensors of one output may share their memory: the
 * last of {@code hiddenStates} and {@code lastHiddenState}, say.
 *
 * @param lastHiddenState {@code [batch, time, width]} or {@code [time, width]}; with an adapter
 *     {@code time} and {@code width} are the adapter's
 * @param extractFeatures {@code [batch, time, input width]}: the features after normalisation,
 *     before their projection
 * @param hiddenStates empty unless asked for: the input of the first layer, then the output of
 *     every layer, {@code [batch, time, hidden]}; an adapter is not among them
 * @param attentions empty unless asked for: per layer {@code [batch, heads, time, time]}
 * @param lengths valid frames of {@code lastHiddenState}, per utterance
 */
public record BaseModelOutput(
    Tensor lastHiddenState,
    Tensor extractFeatures,
    List<Tensor> hiddenStates,
    List<Tensor> attentions,
    List<Long> lengths)
    implements AutoCloseable {

  /** Takes the tensors of one utterance, or with -1 those of a padded batch. */
  static BaseModelOutput of(NativeModelOutput output, int utterance) {
    try (Closing made = new Closing()) {
      List<Tensor> hiddenStates = new ArrayList<>();
      for (int i = 0; i < output.hidden_state_count(); i++) {
        hiddenStates.add(made.add(new Tensor(output.hidden_state(i, utterance))));
      }
      List<Tensor> attentions = new ArrayList<>();
      for (int i = 0; i < output.attention_count(); i++) {
        attentions.add(made.add(new Tensor(output.attention(i, utterance))));
      }
      long[] valid = new long[output.utterances()];
      output.valid_lengths(valid);
      List<Long> lengths = new ArrayList<>();
      for (int u = 0; u < valid.length; u++) {
        if (utterance < 0 || u == utterance) {
          lengths.add(valid[u]);
        }
      }
      Tensor last = made.add(new Tensor(output.last_hidden_state(utterance)));
      Tensor features = made.add(new Tensor(output.extract_features(utterance)));
      return made.keep(
          new BaseModelOutput(
              last,
              features,
              List.copyOf(hiddenStates),
              List.copyOf(attentions),
              List.copyOf(lengths)));
    }
  }

  static void requireUtterance(int utterance, int batch) {
    if (utterance < 0 || utterance >= batch) {
      throw new IllegalArgumentException(
          "utterance is " + utterance + "; this output has " + batch);
    }
  }

  @Override
  public void close() {
    Closing.all(lastHiddenState, extractFeatures);
    Closing.all(hiddenStates);
    Closing.all(attentions);
  }
}
