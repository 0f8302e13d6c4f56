package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Features;
import io.github.w2vbert.ModelTraining;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.TrainingOptions;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Something that learns from one batch: eight utterances, CTC, layers of the real shape without
 * dropout, so that both sides compute the same.
 */
interface TrainingSide extends AutoCloseable {
  /** The name of a parameter of the first layer, whose gradients both sides are asked for. */
  String PROBE = "wav2vec2_bert.encoder.layers.0.self_attn.distance_embedding.weight";

  int UTTERANCES = 8;
  int TOKENS = 40; // of each
  int VOCABULARY = 64;
  double RATE = 1e-4;

  /** Forward and backward. Returns the loss. */
  double gradients();

  /** What {@link #gradients} has left for {@link #PROBE}. */
  float[] gradient();

  /** Changes the parameters by the gradients, which end. */
  void step();

  /** The parameter {@link #PROBE}. */
  float[] parameter();

  @Override
  void close();

  static Wav2Vec2BertConfig config(int layers) {
    return Wav2Vec2BertConfig.builder()
        .numHiddenLayers(layers)
        .vocabSize(VOCABULARY)
        .hiddenDropout(0)
        .activationDropout(0)
        .attentionDropout(0)
        .featProjDropout(0)
        .finalDropout(0)
        .conformerConvDropout(0)
        .layerdrop(0)
        .applySpecAugment(false)
        .ctcLossReduction("mean")
        .build();
  }

  private static float[] features(int time, int width) {
    Random random = new Random(1);
    float[] values = new float[UTTERANCES * time * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static long[] tokens() {
    return new Random(2).longs((long) UTTERANCES * TOKENS, 1, VOCABULARY).toArray();
  }

  /**
   * This library.
   *
   * @param recomputes whether layers are computed again for their gradients
   */
  static TrainingSide ours(int layers, int time, boolean recomputes) {
    Wav2Vec2BertConfig config = config(layers);
    int width = config.featureProjectionInputDim();
    ModelTraining training =
        ModelTraining.initialize(
            Wav2Vec2BertForCTC.class,
            config,
            TrainingOptions.DEFAULT
                .withMaxGradNorm(0)
                .withDecayBiasesAndNorms(true)
                .withGradientCheckpointing(recomputes));
    long[] mask = new long[UTTERANCES * time];
    Arrays.fill(mask, 1);
    Features features =
        new Features(
            Tensor.of(features(time, width), UTTERANCES, time, width),
            Tensor.of(mask, UTTERANCES, time));
    Tensor labels = Tensor.of(tokens(), UTTERANCES, TOKENS);
    return new TrainingSide() {
      @Override
      public double gradients() {
        return training.accumulate(features, labels, 1).loss();
      }

      @Override
      public float[] gradient() {
        try (Tensor gradient = training.gradient(PROBE)) {
          return gradient.toFloatArray();
        }
      }

      @Override
      public void step() {
        training.step(RATE);
      }

      @Override
      public float[] parameter() {
        try (Tensor parameter = training.parameter(PROBE)) {
          return parameter.toFloatArray();
        }
      }

      @Override
      public void close() {
        labels.close();
        features.close();
        training.close();
      }
    };
  }

  /** LibTorch's operators, autograd and AdamW, from the same parameters. */
  static TrainingSide libTorch(int layers, int time) {
    LibTorch.useEqualThreads();
    Wav2Vec2BertConfig config = config(layers);
    int width = config.featureProjectionInputDim();
    Map<String, org.bytedeco.pytorch.Tensor> parameters = new HashMap<>();
    List<org.bytedeco.pytorch.Tensor> inOrder = new ArrayList<>();
    try (ModelTraining drawn =
        ModelTraining.initialize(Wav2Vec2BertForCTC.class, config, TrainingOptions.DEFAULT)) {
      for (ParameterInfo parameter : drawn.parameters()) {
        try (Tensor value = drawn.parameter(parameter.name())) {
          org.bytedeco.pytorch.Tensor copy = tensor(value.toFloatArray(), value.shape());
          copy.set_requires_grad(true);
          parameters.put(parameter.name(), copy);
          inOrder.add(copy);
        }
      }
    }
    LibTorchModel model = new LibTorchModel(config, parameters);
    org.bytedeco.pytorch.Tensor features =
        tensor(features(time, width), new long[] {UTTERANCES, time, width});
    org.bytedeco.pytorch.Tensor mask = torch.ones(UTTERANCES, time);
    org.bytedeco.pytorch.Tensor labels = torch.empty(UTTERANCES, TOKENS);
    long[] tokens = tokens();
    float[] asFloats = new float[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      asFloats[i] = tokens[i];
    }
    labels.data_ptr_float().put(asFloats);
    org.bytedeco.pytorch.Tensor targets = labels.to(torch.ScalarType.Long);
    long[] times = new long[UTTERANCES];
    Arrays.fill(times, time);
    long[] lengths = new long[UTTERANCES];
    Arrays.fill(lengths, TOKENS);
    AdamWOptions options = new AdamWOptions(RATE);
    options.weight_decay().put(TrainingOptions.DEFAULT.weightDecay());
    AdamW optimizer =
        new AdamW(new TensorVector(inOrder.toArray(org.bytedeco.pytorch.Tensor[]::new)), options);
    return new TrainingSide() {
      @Override
      @SuppressWarnings("try") // the scope works by being open
      public double gradients() {
        try (PointerScope scope = new PointerScope()) {
          org.bytedeco.pytorch.Tensor logProbabilities =
              torch.log_softmax(model.logits(features, mask), 2).transpose(0, 1);
          org.bytedeco.pytorch.Tensor loss =
              torch.ctc_loss(
                  logProbabilities, targets, times, lengths, config.padTokenId(), 1, false);
          loss.backward();
          return loss.item_float();
        }
      }

      @Override
      @SuppressWarnings("try")
      public float[] gradient() {
        try (PointerScope scope = new PointerScope()) {
          return values(parameters.get(PROBE).grad().contiguous());
        }
      }

      @Override
      @SuppressWarnings("try")
      public float[] parameter() {
        try (PointerScope scope = new PointerScope()) {
          return values(parameters.get(PROBE));
        }
      }

      @Override
      public void step() {
        optimizer.step();
        optimizer.zero_grad();
      }

      @Override
      public void close() {
        optimizer.close();
        parameters.values().forEach(org.bytedeco.pytorch.Tensor::close);
        targets.close();
        labels.close();
        mask.close();
        features.close();
      }
    };
  }

  private static float[] values(org.bytedeco.pytorch.Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    tensor.data_ptr_float().get(values);
    return values;
  }

  private static org.bytedeco.pytorch.Tensor tensor(float[] values, long[] shape) {
    org.bytedeco.pytorch.Tensor tensor = torch.empty(shape);
    FloatPointer data = tensor.data_ptr_float();
    data.put(values);
    return tensor;
  }
}
