package io.github.w2vbert;

import io.github.w2vbert.hub.HubClient;
import java.nio.file.Path;

/**
 * The encoder alone: features to hidden states ({@code Wav2Vec2BertModel} of the reference).
 *
 * <pre>{@code
 * try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(directory);
 *     Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(directory);
 *     RaggedFeatures features = extractor.extractRagged(List.of(Audio.read(Path.of("a.wav"))));
 *     OutputList<BaseModelOutput> outputs = model.encode(features)) {
 *   float[] embeddings = outputs.get(0).lastHiddenState().toFloatArray(); // [time, width]
 * }
 * }</pre>
 */
public final class Wav2Vec2BertModel extends Wav2Vec2BertPreTrainedModel {
  private Wav2Vec2BertModel(OpenModel open) {
    super(open);
  }

  /**
   * Loads a checkpoint folder: {@code config.json} and {@code model.safetensors} (or its shards).
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit the
   *     configuration
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertModel fromPretrained(Path directory) {
    return fromPretrained(directory, LoadOptions.DEFAULT);
  }

  /**
   * Loads a checkpoint folder.
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit the
   *     configuration
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertModel fromPretrained(Path directory, LoadOptions options) {
    return load(Wav2Vec2BertModel.class, directory, options, Wav2Vec2BertModel::new);
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
  public static Wav2Vec2BertModel fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolve(folderOrRepository));
  }

  /** As {@link #fromPretrained(String)}, with options. */
  public static Wav2Vec2BertModel fromPretrained(String folderOrRepository, LoadOptions options) {
    return fromPretrained(new HubClient().resolve(folderOrRepository), options);
  }

  /**
   * A model with fresh parameters, drawn as the reference draws them; the same for the same seed.
   */
  public static Wav2Vec2BertModel initialize(Wav2Vec2BertConfig config, long seed) {
    return new Wav2Vec2BertModel(draw(Wav2Vec2BertModel.class, config, seed));
  }

  /**
   * Runs a padded batch exactly as the reference does, frames of padding included. They do not
   * influence valid frames within the encoder, but an adapter's convolutions read them; {@link
   * #encode(RaggedFeatures)} has no padding and no such leak.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if shapes or types do not fit
   * @throws IllegalStateException if this model or a tensor is closed
   */
  public BaseModelOutput forward(Features features) {
    return forward(features, null, OutputOptions.NONE);
  }

  /**
   * The same with further outputs, and with frames replaced by {@code masked_spec_embed}.
   *
   * @param maskTimeIndices integers or truth values {@code [batch, time]}, not 0 where a frame is
   *     replaced; or null. Without effect if {@code apply_spec_augment} is false.
   */
  public BaseModelOutput forward(Features features, Tensor maskTimeIndices, OutputOptions options) {
    return runPadded(
        features, maskTimeIndices, null, options, output -> BaseModelOutput.of(output, -1));
  }

  /**
   * Encodes utterances without padding. Each result is that of the utterance alone, whatever its
   * neighbours (up to rounding of about 1e-6).
   *
   * @return one output per utterance, to be closed by the caller
   * @throws IllegalArgumentException if the features do not fit, or an utterance has no frame
   * @throws IllegalStateException if this model or the features are closed
   */
  public OutputList<BaseModelOutput> encode(RaggedFeatures features) {
    return encode(features, OutputOptions.NONE);
  }

  /** The same with further outputs. */
  public OutputList<BaseModelOutput> encode(RaggedFeatures features, OutputOptions options) {
    return runRagged(features, -1, options, BaseModelOutput::of);
  }
}
