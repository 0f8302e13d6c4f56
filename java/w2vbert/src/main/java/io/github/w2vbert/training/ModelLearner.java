package io.github.w2vbert.training;

import io.github.w2vbert.DType;
import io.github.w2vbert.DeviceOptions;
import io.github.w2vbert.Features;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.ModelTraining;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.TrainingOptions;
import io.github.w2vbert.TrainingStep;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A model of the library. */
final class ModelLearner implements Learner {
  private final TrainingTask task;
  private final ModelTraining training;
  private final boolean averages;
  private final DType autocast;
  private final List<ModelTraining.Worker> others = new ArrayList<>(); // worker 0 is `training`

  private ModelLearner(TrainingTask task, ModelTraining training, TrainingOptions options) {
    this.task = task;
    this.training = training;
    averages = options.averageDecay() > 0;
    autocast = options.autocast();
  }

  /**
   * Opens such models.
   *
   * @param options of which the seed is replaced
   * @param device where they compute
   */
  record Factory(TrainingOptions options, String device) implements Learner.Factory {
    @Override
    public Learner open(
        TrainingTask task,
        Path model,
        Wav2Vec2BertConfig config,
        boolean newHead,
        long seed,
        int workers) {
      TrainingOptions seeded = options.withSeed(seed);
      ModelTraining training;
      if (model == null) {
        training = ModelTraining.initialize(task.model(), config, DeviceOptions.of(device), seeded);
      } else {
        LoadOptions load =
            LoadOptions.DEFAULT.withDevice(device).withConfig(config).withMissingInitialized(seed);
        training =
            ModelTraining.fromPretrained(
                task.model(),
                model,
                newHead ? load.withMismatchedSizesIgnored(seed) : load,
                seeded);
      }
      ModelLearner learner = new ModelLearner(task, training, options);
      try {
        for (int i = 1; i < workers; i++) {
          learner.others.add(training.worker());
        }
      } catch (RuntimeException | Error e) {
        learner.close();
        throw e;
      }
      return learner;
    }
  }

  @Override
  public List<String> drawn() {
    List<String> names = new ArrayList<>(training.loadReport().missing());
    names.addAll(training.loadReport().mismatched());
    return names;
  }

  @Override
  public long parameters() {
    return training.parameters().stream().mapToLong(ParameterInfo::elements).sum();
  }

  @Override
  public int workers() {
    return 1 + others.size();
  }

  @Override
  public double accumulate(
      int worker, long chance, Features features, Tensor labels, double weight) {
    if (worker == 0) {
      training.reseed(chance);
      return training.accumulate(features, labels, weight).loss();
    }
    ModelTraining.Worker other = others.get(worker - 1);
    other.reseed(chance);
    return other.accumulate(features, labels, weight).loss();
  }

  @Override
  public Step step(double learningRate) {
    others.forEach(training::collect);
    TrainingStep step = training.step(learningRate);
    // A loss that is not even scaled up has such gradients for another reason.
    boolean overflowed =
        autocast == DType.FLOAT16 && !Double.isFinite(step.gradientNorm()) && step.lossScale() >= 1;
    return new Step(step.gradientNorm(), step.applied(), step.lossScale(), overflowed);
  }

  @Override
  public Scorer scorer() {
    useAverage(true);
    ModelScorer scorer = ModelScorer.of(training.model(task.model()));
    return new Scorer() {
      @Override
      public List<Scores> score(RaggedFeatures features) {
        return scorer.score(features);
      }

      @Override
      public void close() {
        scorer.close();
        useAverage(false);
      }
    };
  }

  @Override
  public void savePretrained(Path directory) {
    useAverage(true);
    try {
      training.savePretrained(directory);
    } finally {
      useAverage(false);
    }
  }

  private void useAverage(boolean on) {
    if (averages) {
      training.useAverage(on);
    }
  }

  @Override
  public void saveState(Path file) {
    training.saveState(file);
  }

  @Override
  public void loadState(Path file) {
    training.loadState(file);
  }

  @Override
  public void close() {
    others.forEach(ModelTraining.Worker::close);
    training.close();
  }
}
