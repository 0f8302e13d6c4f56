package io.github.w2vbert;

import io.github.w2vbert.hub.HubClient;
import java.nio.file.Path;

/**
 * The encoder with a head that embeds the speaker of an utterance ({@code Wav2Vec2BertForXVector}
 * of the reference; Snyder et al. 2018): a time delay network ({@code tdnn_dim}, {@code
 * tdnn_kernel}, {@code tdnn_dilation}), mean and standard deviation over time, and an embedding of
 * {@code xvector_output_dim} numbers. Compare embeddings with {@link Pooling#cosine}.
 *
 * <pre>{@code
 * try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(directory);
 *     Wav2Vec2BertForXVector model = Wav2Vec2BertForXVector.fromPretrained(directory);
 *     RaggedFeatures features = extractor.extractRagged(List.of(first, second));
 *     OutputList<XVectorOutput> outputs = model.encode(features)) {
 *   double similarity =
 *       Pooling.cosine(
 *           outputs.get(0).embeddings().toFloatArray(), outputs.get(1).embeddings().toFloatArray());
 * }
 * }</pre>
 */
public final class Wav2Vec2BertForXVector extends Wav2Vec2BertPreTrainedModel {
  Wav2Vec2BertForXVector(OpenModel open) {
    super(open);
  }

  /**
   * Loads a checkpoint folder: {@code config.json} and {@code model.safetensors} (or its shards).
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit the
   *     configuration
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForXVector fromPretrained(Path directory) {
    return fromPretrained(directory, LoadOptions.DEFAULT);
  }

  /**
   * Loads a checkpoint folder.
   *
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForXVector fromPretrained(Path directory, LoadOptions options) {
    return load(Wav2Vec2BertForXVector.class, directory, options, Wav2Vec2BertForXVector::new);
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
  public static Wav2Vec2BertForXVector fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolve(folderOrRepository));
  }

  /** As {@link #fromPretrained(String)}, with options. */
  public static Wav2Vec2BertForXVector fromPretrained(
      String folderOrRepository, LoadOptions options) {
    return fromPretrained(new HubClient().resolve(folderOrRepository), options);
  }

  /**
   * A model with fresh parameters, drawn as the reference draws them; the same for the same seed.
   */
  public static Wav2Vec2BertForXVector initialize(Wav2Vec2BertConfig config, long seed) {
    return new Wav2Vec2BertForXVector(draw(Wav2Vec2BertForXVector.class, config, seed));
  }

  /**
   * Runs a padded batch exactly as the reference does.
   *
   * <p>With a mask the reference counts the frames behind the time delay network as if its kernels
   * had no dilation: the statistics of a padded utterance may then include frames that were
   * computed from padding, and depend on the batch. {@link #encode(RaggedFeatures)} has no padding
   * and no such leak.
   *
   * <p>An utterance that is shorter than the network needs is refused; the reference gives NaN or
   * counts frames from the end.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if shapes or types do not fit, or an utterance is too short
   * @throws IllegalStateException if this model or a tensor is closed
   */
  public XVectorOutput forward(Features features) {
    return forward(features, null, OutputOptions.NONE);
  }

  /**
   * The same with the loss of the given labels and further outputs.
   *
   * @param labels {@link DType#INT64} {@code [batch]}: the speaker of every utterance, -100 for one
   *     that does not count; or null
   * @throws IllegalArgumentException also if the labels do not fit
   */
  public XVectorOutput forward(Features features, Tensor labels, OutputOptions options) {
    return runPadded(features, null, labels, options, output -> XVectorOutput.of(output, -1));
  }

  /** The same with another scale and margin of the loss. */
  public XVectorOutput forward(
      Features features, Tensor labels, OutputOptions options, AmSoftmax amSoftmax) {
    return runPadded(
        features, null, labels, options, amSoftmax, output -> XVectorOutput.of(output, -1));
  }

  /**
   * Embeds utterances without padding: the statistics are those of the utterance alone.
   *
   * @return one output per utterance, to be closed by the caller
   * @throws IllegalArgumentException if the features do not fit, or an utterance has too few frames
   * @throws IllegalStateException if this model or the features are closed
   */
  public OutputList<XVectorOutput> encode(RaggedFeatures features) {
    return encode(features, OutputOptions.NONE);
  }

  /** The same with further outputs. */
  public OutputList<XVectorOutput> encode(RaggedFeatures features, OutputOptions options) {
    return runRagged(features, -1, options, XVectorOutput::of);
  }
}
