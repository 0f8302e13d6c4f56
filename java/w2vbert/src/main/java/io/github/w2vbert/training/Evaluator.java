package io.github.w2vbert.training;

import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.CtcDecoder;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * Judges a model by recordings of which it is known what is said.
 *
 * <pre>{@code
 * try (Evaluator evaluator =
 *     Evaluator.fromPretrained(TrainingTask.CTC, Path.of("my-model"), LoadOptions.DEFAULT)) {
 *   Evaluation result =
 *       evaluator.evaluate(
 *           Manifest.read(Path.of("test.jsonl")),
 *           TextRule.DEFAULT, BadAudio.FAIL, TrainingListener.NONE);
 *   System.out.println(result.errors().rate());
 * }
 * }</pre>
 *
 * <p>The transcripts of models for CTC are those of a {@link io.github.w2vbert.Transcriber}: a
 * language model that comes with the model takes part, unless the best path is asked for. One
 * thread at a time.
 */
public final class Evaluator implements AutoCloseable {
  private final TrainingTask task;
  private final Wav2Vec2BertConfig config;
  private final Tokenizer tokenizer; // null unless CTC
  private final FeatureExtractor extractor;
  private final CtcDecoder decoder; // null: the best path, or not CTC
  private final Scorer scorer;

  private Evaluator(
      TrainingTask task,
      Wav2Vec2BertConfig config,
      Tokenizer tokenizer,
      FeatureExtractor extractor,
      CtcDecoder decoder,
      Scorer scorer) {
    this.task = task;
    this.config = config;
    this.tokenizer = tokenizer;
    this.extractor = extractor;
    this.decoder = decoder;
    this.scorer = scorer;
  }

  /** Opens a model's folder; transcripts are those of a transcriber. */
  public static Evaluator fromPretrained(TrainingTask task, Path model, LoadOptions options) {
    return fromPretrained(task, model, options, false);
  }

  /**
   * Opens a model's folder.
   *
   * @param bestPath whether a language model in the folder is left out
   * @throws IllegalArgumentException if a file is missing or wrong
   * @throws W2vBertException if a file cannot be read
   */
  public static Evaluator fromPretrained(
      TrainingTask task, Path model, LoadOptions options, boolean bestPath) {
    Objects.requireNonNull(task, "task");
    Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(model);
    Tokenizer tokenizer = null;
    CtcDecoder decoder = null;
    if (task == TrainingTask.CTC) {
      tokenizer = Tokenizer.fromPretrained(model);
      boolean refused = config.vocabSize() == null; // by the model, which says why
      decoder = bestPath || refused ? null : languageModel(model, tokenizer, config);
    }
    FeatureExtractor extractor = FeatureExtractor.fromPretrained(model);
    try {
      Scorer scorer = ModelScorer.fromPretrained(task, model, options);
      return new Evaluator(task, config, tokenizer, extractor, decoder, scorer);
    } catch (RuntimeException e) {
      extractor.close();
      throw e;
    }
  }

  private static CtcDecoder languageModel(
      Path model, Tokenizer tokenizer, Wav2Vec2BertConfig config) {
    BeamSearchDecoder decoder =
        BeamSearchDecoder.fromPretrained(model, tokenizer, config.vocabSize());
    return decoder.hasModel() ? decoder : null;
  }

  /**
   * Judges the model.
   *
   * @param rule what happens to texts; not used for other tasks than CTC
   * @param policy what happens to recordings that cannot be used; the listener is warned of those
   *     that are left out
   * @throws IllegalArgumentException if an utterance has nothing to compare with, or a label that
   *     the model does not have; if a recording cannot be used and that is to fail; or, for
   *     speakers, if there are no two utterances of one, or of two
   * @throws IllegalStateException if this is closed
   */
  public Evaluation evaluate(
      List<Utterance> utterances, TextRule rule, BadAudio policy, TrainingListener listener) {
    if (utterances.isEmpty()) {
      throw new IllegalArgumentException("utterances is empty; expected at least one");
    }
    Targets targets =
        task == TrainingTask.CTC
            ? Targets.ofTexts(tokenizer, rule.resolve(tokenizer), config, extractor.stride())
            : Targets.ofLabels(task, labels(), config, extractor.stride());
    Corpus corpus =
        Corpus.read(
            utterances,
            targets,
            extractor.samplingRate(),
            Double.MAX_VALUE,
            policy,
            done -> listener.advanced("reading recordings", done, utterances.size()));
    for (SkippedUtterance skipped : corpus.skipped()) {
      listener.warned(skipped.source() + ": left out " + skipped.name() + ": " + skipped.reason());
    }
    int count = corpus.items().size();
    return Judge.judge(
        corpus,
        targets,
        extractor,
        scorer,
        decoder,
        done -> listener.advanced("evaluating", done, count));
  }

  /** Speakers need not be those of the training. */
  private List<String> labels() {
    return task == TrainingTask.XVECTOR ? List.of() : Targets.labels(config);
  }

  @Override
  public void close() {
    scorer.close();
    extractor.close();
  }
}
