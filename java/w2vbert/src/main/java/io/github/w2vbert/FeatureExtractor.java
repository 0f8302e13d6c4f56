package io.github.w2vbert;

import io.github.w2vbert.NativeHandle.Lease;
import io.github.w2vbert.hub.HubClient;
import io.github.w2vbert.internal.NativeFeatureExtractor;
import io.github.w2vbert.internal.NativeFeatures;
import io.github.w2vbert.internal.NativeTensor;
import io.github.w2vbert.internal.TextFile;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * Turns audio into input features ({@code SeamlessM4TFeatureExtractor} of the reference): Kaldi
 * log-mel frames of 25 ms every 10 ms, normalised per mel bin over the clip, {@code stride} frames
 * joined into one. Immutable; any number of threads may call it.
 *
 * <pre>{@code
 * try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(directory);
 *     Features features = extractor.extract(List.of(Audio.read(Path.of("a.wav"))))) {
 *   features.inputFeatures().shape(); // [1, time, 160]
 * }
 * }</pre>
 *
 * <p>Audio must be mono and have the extractor's sampling rate: choose a channel ({@link
 * Audio#channel}, {@link Audio#mixToMono}) and {@link Audio#resample resample} first. (The
 * reference silently takes the first channel.)
 */
public final class FeatureExtractor implements AutoCloseable {
  /** Samples of a mel frame. */
  static final int FRAME_LENGTH = 400;

  private static final int HOP_LENGTH = 160;

  private final NativeHandle<NativeFeatureExtractor> handle;
  private static final String FILE = "preprocessor_config.json";

  private final int samplingRate;
  private final int numMelBins;
  private final int stride;
  private final double paddingValue;
  private final boolean padsLeft;

  private FeatureExtractor(NativeFeatureExtractor pointer) {
    handle = new NativeHandle<>(this, pointer);
    samplingRate = pointer.sampling_rate();
    numMelBins = pointer.num_mel_bins();
    stride = pointer.stride();
    paddingValue = pointer.padding_value();
    padsLeft = pointer.pads_left();
  }

  /**
   * Reads {@code preprocessor_config.json} in a checkpoint folder.
   *
   * @throws IllegalArgumentException if it is missing, malformed, or of another kind of extractor
   * @throws W2vBertException if it cannot be read or native libraries cannot be loaded
   */
  public static FeatureExtractor fromPretrained(Path directory) {
    Path file = directory.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(directory + " has no " + FILE);
    }
    String json;
    try {
      json = Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new W2vBertException(file + " cannot be read as UTF-8 text: " + e.getMessage(), e);
    }
    try {
      return parse(json);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * The same in a checkpoint folder given as text, or in a checkpoint of the Hugging Face hub,
   * whose small files are downloaded unless they are in the hub's cache (see {@link
   * io.github.w2vbert.hub}).
   *
   * @param folderOrRepository an existing folder, or a repository of the hub as {@code org/name} or
   *     {@code org/name@revision}
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}, or if there is neither such
   *     a folder nor such a repository
   * @throws W2vBertException also if it cannot be downloaded
   */
  public static FeatureExtractor fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolveWithoutWeights(folderOrRepository));
  }

  /**
   * An extractor from the text of a {@code preprocessor_config.json}; absent keys have the
   * reference's defaults.
   *
   * @throws IllegalArgumentException if it is malformed or a value is out of range
   */
  public static FeatureExtractor parse(String json) {
    Objects.requireNonNull(json, "json");
    return new FeatureExtractor(NativeHandle.create(() -> NativeFeatureExtractor.create(json)));
  }

  /** The text of {@code preprocessor_config.json}, keys without effect included. */
  public String toJson() {
    return handle.call(NativeFeatureExtractor::to_json);
  }

  /**
   * Writes {@code preprocessor_config.json} into a folder.
   *
   * @throws W2vBertException if it cannot be written; nothing is left half-written
   */
  public void savePretrained(Path directory) {
    TextFile.write(directory.resolve(FILE), toJson());
  }

  /** Samples per second that audio must have. */
  public int samplingRate() {
    return samplingRate;
  }

  /** Mel bins of one frame. */
  public int numMelBins() {
    return numMelBins;
  }

  /** Samples from one mel frame to the next: 160, whatever the sampling rate. */
  public int hopLength() {
    return HOP_LENGTH;
  }

  /** Mel frames that are joined into one input frame. */
  public int stride() {
    return stride;
  }

  /** What padding is filled with; NaN if the configuration says null. */
  public double paddingValue() {
    return paddingValue;
  }

  /** Whether padding comes before the features rather than after them. */
  public boolean padsLeft() {
    return padsLeft;
  }

  /**
   * A padded batch with the reference's default options.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if there is no clip, a clip is too short (fewer than 240
   *     samples), not mono, or of another sampling rate
   * @throws IllegalStateException if this extractor is closed
   */
  public Features extract(List<Audio> clips) {
    return extract(clips, ExtractOptions.DEFAULT);
  }

  /**
   * A padded batch. A clip of a single mel frame (400 to 559 samples) has no variance and becomes
   * NaN, as in the reference; one of 240 to 399 samples has no frame.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException if a clip or an option does not fit
   * @throws IllegalStateException if this extractor is closed
   */
  public Features extract(List<Audio> clips, ExtractOptions options) {
    int mask = options.attentionMask() == null ? -1 : options.attentionMask() ? 1 : 0;
    long maxLength = orNone("maxLength", options.maxLength());
    long multiple = orNone("padToMultipleOf", options.padToMultipleOf());
    return withSamples(
        clips,
        (extractor, samples, offsets) -> {
          try (NativeFeatures features =
              extractor.extract(
                  samples,
                  offsets,
                  offsets.length - 1,
                  options.padding().reference(),
                  options.truncation(),
                  maxLength,
                  multiple,
                  mask,
                  options.normalize())) {
            try (Closing made = new Closing()) {
              Tensor input = made.add(new Tensor(features.features()));
              return made.keep(
                  new Features(input, made.add(Tensor.ofNullable(features.attention_mask()))));
            }
          }
        });
  }

  private static long orNone(String name, Long value) {
    if (value == null) {
      return -1;
    }
    if (value < 0) {
      throw new IllegalArgumentException(name + " is " + value + "; expected at least 0, or null");
    }
    return value;
  }

  /**
   * Features without padding, for {@code encode}. Mel frames that do not fill an input frame at the
   * end are dropped: of an odd number of frames with stride 2 the last one, which a padded batch
   * would join with padding and mask.
   *
   * @return to be closed by the caller
   * @throws IllegalArgumentException as {@link #extract(List)}
   * @throws IllegalStateException if this extractor is closed
   */
  public RaggedFeatures extractRagged(List<Audio> clips) {
    return withSamples(
        clips,
        (extractor, samples, offsets) -> {
          try (NativeFeatures features =
              extractor.extract_ragged(samples, offsets, offsets.length - 1, true)) {
            long[] lengths = new long[features.clips()];
            features.lengths(lengths);
            return new RaggedFeatures(new Tensor(features.features()), lengths);
          }
        });
  }

  /** Input frames of a clip in a ragged batch. */
  long frames(Audio clip) {
    int melFrames =
        clip.length() < FRAME_LENGTH ? 0 : (clip.length() - FRAME_LENGTH) / HOP_LENGTH + 1;
    return melFrames / stride;
  }

  /**
   * The samples of a clip, not copied, for a call that takes this extractor.
   *
   * @throws IllegalArgumentException if the clip is not mono or of another sampling rate
   */
  float[] samples(Audio clip) {
    requireFit(0, clip);
    return clip.monoSamples();
  }

  /** The native extractor for a call that takes it. */
  Lease<NativeFeatureExtractor> lease() {
    return handle.lease();
  }

  /**
   * Log-mel frames before normalisation and stacking.
   *
   * @return {@link DType#FLOAT32} {@code [frames, numMelBins]}, natural logarithms, to be closed by
   *     the caller
   * @throws IllegalArgumentException if the clip is not mono or of another sampling rate
   */
  public Tensor fbank(Audio clip) {
    return withSamples(
        List.of(clip), (extractor, samples, offsets) -> new Tensor(extractor.fbank(samples)));
  }

  /**
   * Log-mel frames of audio that arrives in pieces; see {@link FbankStream}.
   *
   * @return to be closed by the caller
   */
  public FbankStream stream() {
    return handle.call(open -> new FbankStream(numMelBins, samplingRate));
  }

  /** A native call on the samples of all clips; clip i begins at offsets[i]. */
  private interface Call<R> {
    R apply(NativeFeatureExtractor extractor, NativeTensor samples, long[] offsets);
  }

  /**
   * Where each clip begins among the samples of all, and their number.
   *
   * @throws IllegalArgumentException if a clip is not mono or of another sampling rate
   */
  long[] offsets(List<Audio> clips) {
    long[] offsets = new long[clips.size() + 1];
    for (int i = 0; i < clips.size(); i++) {
      Audio clip = clips.get(i);
      requireFit(i, clip);
      offsets[i + 1] = offsets[i] + clip.length();
    }
    return offsets;
  }

  /** The samples of all clips, to be closed by the caller. */
  static Tensor samples(List<Audio> clips, long[] offsets) {
    return Tensor.allocate(
        bytes -> {
          FloatBuffer buffer = bytes.asFloatBuffer();
          clips.forEach(clip -> buffer.put(clip.monoSamples()));
        },
        DType.FLOAT32,
        offsets[clips.size()]);
  }

  private <R> R withSamples(List<Audio> given, Call<R> body) {
    List<Audio> clips = List.copyOf(given); // the caller's list may change while the call waits
    long[] offsets = offsets(clips);
    try (Tensor samples = samples(clips, offsets)) {
      return ComputeThreads.run(
          () ->
              handle.call(
                  extractor -> {
                    try (Lease<NativeTensor> all = Tensor.lease(samples)) {
                      return body.apply(extractor, all.pointer(), offsets);
                    }
                  }));
    }
  }

  private void requireFit(int index, Audio clip) {
    if (!clip.isMono()) {
      throw new IllegalArgumentException(
          "clip "
              + index
              + " has "
              + clip.channels()
              + " channels; choose one with channel(int) or"
              + " mix them with mixToMono()");
    }
    if (clip.sampleRate() != samplingRate) {
      throw new IllegalArgumentException(
          "clip "
              + index
              + " has "
              + clip.sampleRate()
              + " samples per second; expected "
              + samplingRate
              + ", see Audio.resample");
    }
  }

  /** Frees the native memory once no running call uses it. Closing again does nothing. */
  @Override
  public void close() {
    handle.close();
  }
}
