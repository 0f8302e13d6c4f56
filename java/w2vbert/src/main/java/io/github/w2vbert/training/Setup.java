package io.github.w2vbert.training;

import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertProcessor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** What surrounds the model of a run: configuration, vocabulary or labels, and features. */
final class Setup implements AutoCloseable {
  /** The label of frames that are in no labelled part, unless labels are given. */
  static final String NO_LABEL = "none";

  private final Wav2Vec2BertConfig config;
  private final Targets training;
  private final Targets evaluation;
  private final FeatureExtractor extractor;
  private final boolean newHead;

  private Setup(
      Wav2Vec2BertConfig config,
      Targets training,
      Targets evaluation,
      FeatureExtractor extractor,
      boolean newHead) {
    this.config = config;
    this.training = training;
    this.evaluation = evaluation;
    this.extractor = extractor;
    this.newHead = newHead;
  }

  /**
   * @param model a checkpoint's folder; null to begin with chance
   * @param given the configuration; null for the checkpoint's
   * @param labels of the classes in order; null for the checkpoint's if it has all that are needed,
   *     or else those of the utterances
   * @param adjust has the last word about the configuration
   * @throws IllegalArgumentException if something does not fit
   */
  static Setup of(
      TrainingTask task,
      Path model,
      Wav2Vec2BertConfig given,
      List<String> labels,
      UnaryOperator<Wav2Vec2BertConfig> adjust,
      List<Utterance> utterances,
      TrainerOptions options) {
    utterances.forEach(utterance -> Targets.require(task, utterance));
    Wav2Vec2BertConfig base = given == null ? Wav2Vec2BertConfig.fromPretrained(model) : given;
    boolean hasHead = model != null && base.architectures().contains(task.model().getSimpleName());
    FeatureExtractor extractor = extractor(model);
    try {
      Setup setup =
          task == TrainingTask.CTC
              ? ofTexts(model, base, hasHead, adjust, utterances, options, extractor)
              : ofLabels(task, base, hasHead, labels, adjust, utterances, extractor);
      requireWidth(setup.config, extractor);
      return setup;
    } catch (RuntimeException e) {
      extractor.close();
      throw e;
    }
  }

  /** The checkpoint's, or the reference's defaults. */
  private static FeatureExtractor extractor(Path model) {
    return model != null && Files.exists(model.resolve("preprocessor_config.json"))
        ? FeatureExtractor.fromPretrained(model)
        : FeatureExtractor.parse("{}");
  }

  private static void requireWidth(Wav2Vec2BertConfig config, FeatureExtractor extractor) {
    int width = extractor.numMelBins() * extractor.stride();
    if (config.featureProjectionInputDim() != width) {
      throw new IllegalArgumentException(
          "feature_projection_input_dim is "
              + config.featureProjectionInputDim()
              + ", but the feature extractor has "
              + width
              + " columns: num_mel_bins "
              + extractor.numMelBins()
              + " times stride "
              + extractor.stride());
    }
  }

  private static Setup ofTexts(
      Path model,
      Wav2Vec2BertConfig base,
      boolean hasHead,
      UnaryOperator<Wav2Vec2BertConfig> adjust,
      List<Utterance> utterances,
      TrainerOptions options,
      FeatureExtractor extractor) {
    boolean hasVocabulary =
        model != null && !options.newVocabulary() && Files.exists(model.resolve("vocab.json"));
    Tokenizer known = hasVocabulary ? Tokenizer.fromPretrained(model) : null;
    TextRule rule = options.textRule().resolve(known);
    Tokenizer tokenizer =
        known != null
            ? known
            : CharacterVocabulary.of(
                utterances.stream().map(utterance -> rule.apply(utterance.text())).toList());
    boolean newHead = !hasHead || known == null;
    Wav2Vec2BertConfig config = base;
    if (newHead) { // as the reference's script; the sum, its default, would grow with the batch
      config =
          base.toBuilder()
              .vocabSize(tokenizer.vocabularySize())
              .padTokenId(tokenizer.padTokenId())
              .ctcLossReduction("mean")
              .build();
    }
    config = adjust.apply(config);
    requireVocabulary(config, tokenizer);
    Targets targets = Targets.ofTexts(tokenizer, rule, config, extractor.stride());
    return new Setup(config, targets.forLearning(), targets, extractor, newHead);
  }

  private static void requireVocabulary(Wav2Vec2BertConfig config, Tokenizer tokenizer) {
    Integer blank = config.padTokenId();
    Integer size = config.vocabSize();
    if (size == null || blank == null || blank != tokenizer.padTokenId()) {
      throw new IllegalArgumentException(
          "the configuration has vocab_size "
              + size
              + " and pad_token_id "
              + blank
              + "; expected those of the tokenizer, whose "
              + tokenizer.padToken()
              + " is "
              + tokenizer.padTokenId());
    }
  }

  private static Setup ofLabels(
      TrainingTask task,
      Wav2Vec2BertConfig base,
      boolean hasHead,
      List<String> labels,
      UnaryOperator<Wav2Vec2BertConfig> adjust,
      List<Utterance> utterances,
      FeatureExtractor extractor) {
    List<String> needed = labels == null ? labels(task, utterances) : labels;
    List<String> known = Targets.labels(base);
    boolean reuse = labels == null && hasHead && known.containsAll(used(task, utterances));
    Wav2Vec2BertConfig config =
        adjust.apply(reuse ? base : base.toBuilder().labels(needed).build());
    List<String> chosen = reuse ? known : needed;
    if (config.numLabels() != chosen.size() || chosen.size() < 2) {
      throw new IllegalArgumentException(
          "the model has "
              + config.numLabels()
              + " labels, and the data "
              + chosen.size()
              + " ("
              + Manifest.shown(String.join(", ", chosen))
              + "); expected as many, at least 2");
    }
    Targets targets = Targets.ofLabels(task, chosen, config, extractor.stride());
    Targets judged =
        task == TrainingTask.XVECTOR
            ? Targets.ofLabels(task, List.of(), config, extractor.stride())
            : targets;
    return new Setup(config, targets.forLearning(), judged, extractor, !reuse);
  }

  /** All labels of the data in order. */
  private static TreeSet<String> used(TrainingTask task, List<Utterance> utterances) {
    TreeSet<String> labels = new TreeSet<>();
    for (Utterance utterance : utterances) {
      if (task == TrainingTask.FRAMES) {
        utterance.labels().forEach(span -> labels.add(span.label()));
      }
      String label = Targets.label(task, utterance);
      if (label != null) {
        labels.add(label);
      }
    }
    return labels;
  }

  private static List<String> labels(TrainingTask task, List<Utterance> utterances) {
    TreeSet<String> labels = used(task, utterances);
    List<String> all = new ArrayList<>();
    if (task == TrainingTask.FRAMES) {
      all.add(NO_LABEL);
      labels.remove(NO_LABEL);
    }
    all.addAll(labels);
    return all;
  }

  Wav2Vec2BertConfig config() {
    return config;
  }

  Targets training() {
    return training;
  }

  /** As for training, but speakers may be others. */
  Targets evaluation() {
    return evaluation;
  }

  FeatureExtractor extractor() {
    return extractor;
  }

  /** Whether the head is not that of the checkpoint. */
  boolean newHead() {
    return newHead;
  }

  /** Writes what belongs to the model beside its weights. */
  void save(Path directory) {
    if (training.tokenizer() == null) {
      extractor.savePretrained(directory);
    } else {
      // Not closed: that would close the extractor.
      new Wav2Vec2BertProcessor(extractor, training.tokenizer()).savePretrained(directory);
    }
  }

  @Override
  public void close() {
    extractor.close();
  }
}
