package io.github.w2vbert;

import io.github.w2vbert.hub.HubClient;
import java.nio.file.Path;

/**
 * The encoder with a head that classifies whole utterances: keywords, intents, languages, emotions
 * ({@code Wav2Vec2BertForSequenceClassification} of the reference). The head projects to {@code
 * classifier_proj_size}, averages over time and scores the classes of {@code id2label}; with {@code
 * use_weighted_layer_sum} it reads a learned mean of all hidden states (Yang et al. 2021, SUPERB).
 *
 * <pre>{@code
 * try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(directory);
 *     Wav2Vec2BertForSequenceClassification model =
 *         Wav2Vec2BertForSequenceClassification.fromPretrained(directory);
 *     RaggedFeatures features = extractor.extractRagged(List.of(Audio.read(Path.of("a.wav"))));
 *     OutputList<SequenceClassifierOutput> outputs = model.encode(features)) {
 *   float[] probabilities = outputs.get(0).probabilities(0);
 * }
 * }</pre>
 */
public final class Wav2Vec2BertForSequenceClassification extends Wav2Vec2BertPreTrainedModel {
  Wav2Vec2BertForSequenceClassification(OpenModel open) {
    super(open);
  }

  /**
   * Loads a checkpoint folder: {@code config.json} and {@code model.safetensors} (or its shards).
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit the
   *     configuration
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForSequenceClassification fromPretrained(Path directory) {
    return fromPretrained(directory, LoadOptions.DEFAULT);
  }

  /**
   * Loads a checkpoint folder.
   *
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForSequenceClassification fromPretrained(
      Path directory, LoadOptions options) {
    return load(
        Wav2Vec2BertForSequenceClassification.class,
        directory,
        options,
        Wav2Vec2BertForSequenceClassification::new);
  }

  /**
   * Loads a checkpoint folder, or a checkpoint of the Hugging Face hub, which is downloaded unless
   * it is in the hub's cache (see {@link io.github.w2vbert.hub}).
   *
   * @param folderOrRepository an existing folder, or a repository of the hub as {@code org/name} or
   *     {@code org/name@revision}
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}, or if there is neither such
   *     a folder nor such a repository
   * @throws W2vBertException also if it cannot be downloaded
   */
  public static Wav2Vec2BertForSequenceClassification fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolve(folderOrRepository));
  }

  /** As {@link #fromPretrained(String)}, with options. */
  public static Wav2Vec2BertForSequenceClassification fromPretrained(
      String folderOrRepository, LoadOptions options) {
    return fromPretrained(new HubClient().resolve(folderOrRepository), options);
  }

  /**
   * A model with fresh parameters, drawn as the reference draws them; the same for the same seed.
   */
  public static Wav2Vec2BertForSequenceClassification initialize(
      Wav2Vec2BertConfig config, long seed) {
    return new Wav2Vec2BertForSequenceClassification(
        draw(Wav2Vec2BertForSequenceClassification.class, config, seed));
  }

  /**
   * Runs a padded batch exactly as the reference does.
   *
   * <p>The reference refuses to build this model with an adapter, since the adapter would read the
   * padding; here such a model can be used with {@link #encode(RaggedFeatures)}, and only this
   * method refuses.
   *
   * <p>As there, the pooled frames are the first of a row, as many as its mask has ones, even if
   * the padding is on the left, and a row without ones is averaged over all frames.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if shapes or types do not fit
   * @throws IllegalStateException if this model or a tensor is closed
   */
  public SequenceClassifierOutput forward(Features features) {
    return forward(features, null, OutputOptions.NONE);
  }

  /**
   * The same with the loss of the given labels and further outputs.
   *
   * @param labels {@link DType#INT64} {@code [batch]}, -100 for an utterance that does not count;
   *     or null
   * @throws IllegalArgumentException also if the labels do not fit
   */
  public SequenceClassifierOutput forward(Features features, Tensor labels, OutputOptions options) {
    return runPadded(
        features, null, labels, options, output -> SequenceClassifierOutput.of(output, -1));
  }

  /**
   * Scores utterances without padding: the mean is over the frames of the utterance alone.
   *
   * @return one output per utterance, to be closed by the caller
   * @throws IllegalArgumentException if the features do not fit, or an utterance has too few frames
   * @throws IllegalStateException if this model or the features are closed
   */
  public OutputList<SequenceClassifierOutput> encode(RaggedFeatures features) {
    return encode(features, OutputOptions.NONE);
  }

  /** The same with further outputs. */
  public OutputList<SequenceClassifierOutput> encode(
      RaggedFeatures features, OutputOptions options) {
    return runRagged(features, -1, options, SequenceClassifierOutput::of);
  }
}
