package io.github.w2vbert.training;

import io.github.w2vbert.Features;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A small model that really learns: the logits of an utterance are a matrix times the loudest of
 * its features, of which dropout takes a tenth away; gradient descent with momentum. Small enough
 * to check the trainer without the native model.
 */
final class LinearLearner implements Learner {
  private static final double MOMENTUM = 0.9;

  private final int labels;
  private final int width;
  private final double[] weights;
  private final double[] velocity;
  private final double[] gradient;
  private final Wav2Vec2BertConfig config;

  private LinearLearner(Wav2Vec2BertConfig config, long seed) {
    this.config = config;
    labels = config.numLabels();
    width = config.featureProjectionInputDim();
    weights = new double[labels * width];
    velocity = new double[weights.length];
    gradient = new double[weights.length];
    Random random = new Random(seed);
    Arrays.setAll(weights, i -> random.nextGaussian() * 0.01);
  }

  /** Its text is the same in every process. */
  record Factory() implements Learner.Factory {
    @Override
    public Learner open(
        TrainingTask task,
        Path model,
        Wav2Vec2BertConfig config,
        boolean newHead,
        long seed,
        int workers) {
      return new LinearLearner(config, seed);
    }
  }

  @Override
  public List<String> drawn() {
    return List.of("weights");
  }

  @Override
  public long parameters() {
    return weights.length;
  }

  /** The loudest value of every column: when a tone is heard does not matter. */
  private double[] loudest(float[] frames, int begin, int count) {
    double[] loudest = new double[width];
    for (int t = begin; t < begin + count; t++) {
      for (int i = 0; i < width; i++) {
        loudest[i] = Math.max(loudest[i], frames[t * width + i]);
      }
    }
    return loudest;
  }

  private double[] logits(double[] input) {
    double[] logits = new double[labels];
    for (int label = 0; label < labels; label++) {
      for (int i = 0; i < width; i++) {
        logits[label] += weights[label * width + i] * input[i];
      }
    }
    return logits;
  }

  @Override
  public int workers() {
    return 1;
  }

  @Override
  public double accumulate(
      int worker, long chance, Features features, Tensor targets, double weight) {
    int batch = (int) features.inputFeatures().size(0);
    int time = (int) features.inputFeatures().size(1);
    float[] frames = features.inputFeatures().toFloatArray();
    long[] mask = features.attentionMask().toLongArray();
    long[] classes = targets.toLongArray();
    double loss = 0;
    Random dropout = new Random(chance);
    double[] added = new double[gradient.length];
    for (int b = 0; b < batch; b++) {
      int valid = (int) Arrays.stream(mask, b * time, (b + 1) * time).filter(m -> m != 0).count();
      double[] input = loudest(frames, b * time, valid);
      for (int i = 0; i < width; i++) {
        input[i] = dropout.nextDouble() < 0.1 ? 0 : input[i] / 0.9;
      }
      double[] scores = logits(input);
      double highest = Arrays.stream(scores).max().orElseThrow();
      double sum = Arrays.stream(scores).map(s -> Math.exp(s - highest)).sum();
      loss -= (scores[(int) classes[b]] - highest - Math.log(sum)) / batch;
      for (int label = 0; label < labels; label++) {
        double p = Math.exp(scores[label] - highest) / sum - (label == classes[b] ? 1 : 0);
        for (int i = 0; i < width; i++) {
          added[label * width + i] += weight * p * input[i] / batch;
        }
      }
    }
    if (Double.isFinite(loss)) {
      for (int i = 0; i < added.length; i++) {
        gradient[i] += added[i];
      }
    }
    return loss;
  }

  @Override
  public Step step(double learningRate) {
    double norm = Math.sqrt(Arrays.stream(gradient).map(g -> g * g).sum());
    for (int i = 0; i < weights.length; i++) {
      velocity[i] = MOMENTUM * velocity[i] + gradient[i] / Math.max(1, norm);
      weights[i] -= learningRate * velocity[i];
      gradient[i] = 0;
    }
    return new Step(norm, true, 1, false);
  }

  @Override
  public Scorer scorer() {
    return new Scorer() {
      @Override
      public List<Scores> score(RaggedFeatures features) {
        float[] frames = features.frames().toFloatArray();
        List<Scores> scores = new ArrayList<>();
        int begin = 0;
        for (long length : features.lengths()) {
          double[] logits = logits(loudest(frames, begin, (int) length));
          float[] values = new float[labels];
          for (int label = 0; label < labels; label++) {
            values[label] = (float) logits[label];
          }
          scores.add(new Scores(values, 1, labels));
          begin += (int) length;
        }
        return scores;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void savePretrained(Path directory) {
    config.savePretrained(directory);
    saveState(directory.resolve("model.safetensors"));
  }

  @Override
  public void saveState(Path file) {
    try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(file))) {
      for (double[] values : List.of(weights, velocity)) {
        for (double value : values) {
          out.writeDouble(value);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void loadState(Path file) {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      for (double[] values : List.of(weights, velocity)) {
        for (int i = 0; i < values.length; i++) {
          values[i] = in.readDouble();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {}
}
