package io.github.w2vbert.training;

import io.github.w2vbert.Features;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.nio.file.Path;
import java.util.List;

/**
 * A model that learns, as the trainer needs it. One thread at a time, but for {@link #accumulate}
 * of different workers.
 */
interface Learner extends AutoCloseable {
  /**
   * The result of a step.
   *
   * @param gradientNorm before it was clipped
   * @param applied false if the norm is not finite: then nothing changed
   * @param lossScale what losses are multiplied by from now on; 1 if they are not scaled
   * @param overflowed whether the norm is not finite because the losses were multiplied by more
   */
  record Step(double gradientNorm, boolean applied, double lossScale, boolean overflowed) {}

  /** Opens the model of a run. */
  interface Factory {
    /**
     * @param model the folder of the checkpoint to begin with; null to begin with chance
     * @param newHead whether the checkpoint's head, if it has one, is for something else
     * @param workers batches that are computed at the same time
     */
    Learner open(
        TrainingTask task,
        Path model,
        Wav2Vec2BertConfig config,
        boolean newHead,
        long seed,
        int workers);
  }

  /** Parameters that the checkpoint did not have and that were drawn. */
  List<String> drawn();

  /** The number of parameters. */
  long parameters();

  /** How many batches can be computed at the same time. */
  int workers();

  /**
   * Adds the gradients of {@code weight * loss}.
   *
   * @param worker from 0 to {@link #workers} - 1
   * @param chance decides all draws
   * @return the loss; if it is not finite, nothing was added
   */
  double accumulate(int worker, long chance, Features features, Tensor labels, double weight);

  /** Changes the parameters by the gradients of all workers, which become zero. */
  Step step(double learningRate);

  /** The model as it is, or its average if there is one; the caller closes it. */
  Scorer scorer();

  /** Writes weights and configuration of the model, or its average if there is one. */
  void savePretrained(Path directory);

  /** Writes all that the next steps depend on. */
  void saveState(Path file);

  /** Reads it again. */
  void loadState(Path file);

  @Override
  void close();
}
