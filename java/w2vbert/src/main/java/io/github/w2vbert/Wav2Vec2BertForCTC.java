package io.github.w2vbert;

import io.github.w2vbert.NativeHandle.Lease;
import io.github.w2vbert.hub.HubClient;
import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.NativeFeatureExtractor;
import io.github.w2vbert.internal.NativeTensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The encoder with a head that scores every token in every frame, for speech recognition by
 * connectionist temporal classification ({@code Wav2Vec2BertForCTC} of the reference; Graves et al.
 * 2006). The blank is {@code pad_token_id}.
 *
 * <pre>{@code
 * try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(directory);
 *     Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(directory);
 *     RaggedFeatures features = processor.extractRagged(List.of(Audio.read(Path.of("a.wav"))));
 *     OutputList<CtcOutput> outputs = model.encode(features)) {
 *   System.out.println(processor.decode(outputs.get(0).bestPath(0)));
 * }
 * }</pre>
 */
public final class Wav2Vec2BertForCTC extends Wav2Vec2BertPreTrainedModel {
  Wav2Vec2BertForCTC(OpenModel open) {
    super(open);
  }

  /**
   * Loads a checkpoint folder: {@code config.json} and {@code model.safetensors} (or its shards).
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit the
   *     configuration, or if the configuration has no {@code vocab_size}
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForCTC fromPretrained(Path directory) {
    return fromPretrained(directory, LoadOptions.DEFAULT);
  }

  /**
   * Loads a checkpoint folder.
   *
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertForCTC fromPretrained(Path directory, LoadOptions options) {
    return load(Wav2Vec2BertForCTC.class, directory, options, Wav2Vec2BertForCTC::new);
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
  public static Wav2Vec2BertForCTC fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolve(folderOrRepository));
  }

  /** As {@link #fromPretrained(String)}, with options. */
  public static Wav2Vec2BertForCTC fromPretrained(String folderOrRepository, LoadOptions options) {
    return fromPretrained(new HubClient().resolve(folderOrRepository), options);
  }

  /**
   * A model with fresh parameters, drawn as the reference draws them; the same for the same seed.
   */
  public static Wav2Vec2BertForCTC initialize(Wav2Vec2BertConfig config, long seed) {
    return new Wav2Vec2BertForCTC(draw(Wav2Vec2BertForCTC.class, config, seed));
  }

  /**
   * Runs a padded batch exactly as the reference does, see {@link
   * Wav2Vec2BertModel#forward(Features)}.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if shapes or types do not fit
   * @throws IllegalStateException if this model or a tensor is closed
   */
  public CtcOutput forward(Features features) {
    return forward(features, null, OutputOptions.NONE);
  }

  /**
   * The same with the loss of the given labels and further outputs.
   *
   * @param labels {@link DType#INT64} {@code [batch, labels]}, negative where a row is padded; or
   *     null
   * @throws IllegalArgumentException also if a label is not in the vocabulary
   */
  public CtcOutput forward(Features features, Tensor labels, OutputOptions options) {
    return runPadded(features, null, labels, options, output -> CtcOutput.of(output, -1));
  }

  /**
   * Scores utterances without padding, see {@link Wav2Vec2BertModel#encode(RaggedFeatures)}.
   *
   * @return one output per utterance, to be closed by the caller
   * @throws IllegalArgumentException if the features do not fit, or an utterance has no frame
   * @throws IllegalStateException if this model or the features are closed
   */
  public OutputList<CtcOutput> encode(RaggedFeatures features) {
    return encode(features, OutputOptions.NONE);
  }

  /** The same with further outputs. */
  public OutputList<CtcOutput> encode(RaggedFeatures features, OutputOptions options) {
    return runRagged(features, -1, options, CtcOutput::of);
  }

  /**
   * The most probable token of every frame of one clip, as {@link CtcOutput#bestPath} finds it in
   * the output of {@code encode}: from samples to tokens in one native call, which leaves nothing
   * on the Java heap but the result. With small models and short clips the objects in between would
   * be a noticeable part of the time.
   *
   * @throws IllegalArgumentException if the clip is not mono, of another sampling rate than the
   *     extractor's, or too short for a frame
   * @throws IllegalStateException if this model or the extractor is closed
   */
  public int[] bestPath(FeatureExtractor extractor, Audio clip) {
    float[] samples = extractor.samples(clip);
    int[] path = new int[Math.toIntExact(config().outputLength(extractor.frames(clip)))];
    return compute(
        model -> {
          try (Lease<NativeFeatureExtractor> open = extractor.lease()) {
            Native.best_path(open.pointer(), model, samples, samples.length, path, path.length);
          }
          return path;
        });
  }

  /**
   * The same for several clips in one pass of the model, which changes no path. On a CUDA device
   * the features are made there, too, and only the tokens come back.
   *
   * @return one path per clip
   * @throws IllegalArgumentException if there is no clip, or one is not mono, of another sampling
   *     rate than the extractor's, or too short for a frame
   * @throws IllegalStateException if this model or the extractor is closed
   */
  public List<int[]> bestPaths(FeatureExtractor extractor, List<Audio> clips) {
    List<Audio> given = List.copyOf(clips); // the caller's list may change while the call waits
    long[] offsets = extractor.offsets(given);
    int[] ends = new int[given.size()];
    int frames = 0;
    for (int i = 0; i < ends.length; i++) {
      long length = config().outputLength(extractor.frames(given.get(i)));
      frames = Math.addExact(frames, Math.toIntExact(length));
      ends[i] = frames;
    }
    int[] paths = new int[frames];
    try (Tensor samples = FeatureExtractor.samples(given, offsets)) {
      compute(
          model -> {
            try (Lease<NativeFeatureExtractor> open = extractor.lease();
                Lease<NativeTensor> all = Tensor.lease(samples)) {
              Native.best_paths(
                  open.pointer(), model, all.pointer(), offsets, ends.length, paths, paths.length);
            }
            return null;
          });
    }
    List<int[]> result = new ArrayList<>();
    for (int i = 0; i < ends.length; i++) {
      result.add(Arrays.copyOfRange(paths, i == 0 ? 0 : ends[i - 1], ends[i]));
    }
    return result;
  }
}
