package io.github.w2vbert.cli;

import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertModel;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.IntStream;

/** The classes of models, by the names that {@code architectures} in config.json has. */
enum ModelClass {
  ENCODER(Wav2Vec2BertModel.class, Wav2Vec2BertModel::fromPretrained),
  CTC(Wav2Vec2BertForCTC.class, Wav2Vec2BertForCTC::fromPretrained),
  SEQUENCE_CLASSIFICATION(
      Wav2Vec2BertForSequenceClassification.class,
      Wav2Vec2BertForSequenceClassification::fromPretrained),
  FRAME_CLASSIFICATION(
      Wav2Vec2BertForAudioFrameClassification.class,
      Wav2Vec2BertForAudioFrameClassification::fromPretrained),
  X_VECTOR(Wav2Vec2BertForXVector.class, Wav2Vec2BertForXVector::fromPretrained);

  private final String name;
  private final BiFunction<Path, LoadOptions, Wav2Vec2BertPreTrainedModel> load;

  <M extends Wav2Vec2BertPreTrainedModel> ModelClass(
      Class<M> type, BiFunction<Path, LoadOptions, M> load) {
    this.name = type.getSimpleName();
    this.load = load::apply;
  }

  /** The first class that a configuration names and that exists here. */
  static Optional<ModelClass> of(Wav2Vec2BertConfig config) {
    return config.architectures().stream()
        .flatMap(name -> Arrays.stream(values()).filter(type -> type.name.equals(name)))
        .findFirst();
  }

  /** Names of the labels of a head that classifies, by number. */
  static List<String> labels(Wav2Vec2BertConfig config) {
    Map<Integer, String> named = config.id2label();
    return IntStream.range(0, config.numLabels())
        .mapToObj(label -> named.getOrDefault(label, "LABEL_" + label))
        .toList();
  }

  /** Whether a head of this class has labels. */
  boolean hasLabels() {
    return this == SEQUENCE_CLASSIFICATION || this == FRAME_CLASSIFICATION;
  }

  /**
   * Refuses a model folder that says it holds something else. One that says nothing passes: if it
   * lacks parameters of this class, loading it will say so.
   */
  void require(Path model) {
    List<String> named = Wav2Vec2BertConfig.fromPretrained(model).architectures();
    if (!named.isEmpty() && !named.contains(name)) {
      throw new IllegalArgumentException(
          model + " holds a " + String.join(", ", named) + "; expected a " + name);
    }
  }

  Wav2Vec2BertPreTrainedModel load(Path model, LoadOptions options) {
    return load.apply(model, options);
  }

  /** As in config.json. */
  @Override
  public String toString() {
    return name;
  }
}
