package io.github.w2vbert;

import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.internal.NativeModelOutput;
import java.nio.FloatBuffer;

/**
 * Output of a model for connectionist temporal classification. Closing it closes its tensors.
 *
 * @param logits unnormalised scores {@code [batch, time, vocabulary]}, or {@code [time,
 *     vocabulary]} of one utterance
 * @param loss null unless labels were given: a scalar, or {@code [batch]} for the reduction {@code
 *     none}
 * @param base the encoder's output; its {@code lengths} hold for the logits too
 */
public record CtcOutput(Tensor logits, Tensor loss, BaseModelOutput base) implements AutoCloseable {

  static CtcOutput of(NativeModelOutput output, int utterance) {
    try (Closing made = new Closing()) {
      Tensor logits = made.add(new Tensor(output.logits(utterance)));
      Tensor loss = made.add(Tensor.ofNullable(output.loss()));
      return made.keep(new CtcOutput(logits, loss, BaseModelOutput.of(output, utterance)));
    }
  }

  /**
   * The most probable token of every valid frame, for one utterance of the batch.
   *
   * @param utterance 0 for the first (and only one of an output of {@code encode})
   * @throws IllegalArgumentException if there is no such utterance
   */
  public int[] bestPath(int utterance) {
    int batch = logits.dimensions() == 3 ? Math.toIntExact(logits.size(0)) : 1;
    BaseModelOutput.requireUtterance(utterance, batch);
    int time = Math.toIntExact(logits.size(-2));
    int vocabulary = Math.toIntExact(logits.size(-1));
    int frames = Math.toIntExact(base.lengths().get(utterance));
    return logits.read(
        bytes -> {
          FloatBuffer scores = bytes.asFloatBuffer();
          int[] path = new int[frames];
          for (int t = 0; t < frames; t++) {
            int row = (utterance * time + t) * vocabulary;
            float best = scores.get(row);
            for (int token = 1; token < vocabulary; token++) {
              float score = scores.get(row + token);
              if (score > best) {
                best = score;
                path[t] = token;
              }
            }
          }
          return path;
        });
  }

  /**
   * The log-probabilities of every token in every valid frame, for one utterance of the batch: what
   * the decoders take. Frames of padding, which are not trimmed anywhere else, are left out.
   *
   * @param utterance 0 for the first (and only one of an output of {@code encode})
   * @throws IllegalArgumentException if there is no such utterance, or a score is not finite
   */
  public LogProbabilities logProbabilities(int utterance) {
    int batch = logits.dimensions() == 3 ? Math.toIntExact(logits.size(0)) : 1;
    BaseModelOutput.requireUtterance(utterance, batch);
    int time = Math.toIntExact(logits.size(-2));
    int vocabulary = Math.toIntExact(logits.size(-1));
    int frames = Math.toIntExact(base.lengths().get(utterance));
    float[] scores = new float[Math.multiplyExact(frames, vocabulary)];
    logits.read(bytes -> bytes.asFloatBuffer().get(utterance * time * vocabulary, scores));
    return LogProbabilities.ofLogits(scores, frames, vocabulary);
  }

  @Override
  public void close() {
    Closing.all(logits, loss);
    base.close();
  }
}
