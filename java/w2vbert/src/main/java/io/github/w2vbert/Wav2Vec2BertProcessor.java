package io.github.w2vbert;

import io.github.w2vbert.hub.HubClient;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A feature extractor and a tokenizer as one object ({@code Wav2Vec2BertProcessor} of the
 * reference): audio to input features, text to labels and back. Any number of threads may use it.
 *
 * <pre>{@code
 * try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(directory);
 *     ProcessedBatch batch = processor.process(List.of(audio), List.of("go forward"))) {
 *   batch.features().inputFeatures().shape(); // [1, time, 160]
 *   batch.labels().get(0).inputIds();
 * }
 * }</pre>
 */
public final class Wav2Vec2BertProcessor implements AutoCloseable {
  private final FeatureExtractor featureExtractor;
  private final Tokenizer tokenizer;

  /**
   * A processor of the given parts, which it closes when it is closed.
   *
   * @throws NullPointerException if a part is null
   */
  public Wav2Vec2BertProcessor(FeatureExtractor featureExtractor, Tokenizer tokenizer) {
    this.featureExtractor = Objects.requireNonNull(featureExtractor, "featureExtractor");
    this.tokenizer = Objects.requireNonNull(tokenizer, "tokenizer");
  }

  /**
   * Reads {@code preprocessor_config.json} and the tokenizer's files in a checkpoint folder.
   *
   * @throws IllegalArgumentException if a file is missing or malformed
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Wav2Vec2BertProcessor fromPretrained(Path directory) {
    Tokenizer tokenizer = Tokenizer.fromPretrained(directory);
    return new Wav2Vec2BertProcessor(FeatureExtractor.fromPretrained(directory), tokenizer);
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
  public static Wav2Vec2BertProcessor fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolveWithoutWeights(folderOrRepository));
  }

  /**
   * Writes the files that {@link #fromPretrained(Path)} reads.
   *
   * @throws W2vBertException if a file cannot be written; none is left half-written
   */
  public void savePretrained(Path directory) {
    featureExtractor.savePretrained(directory);
    tokenizer.savePretrained(directory, getClass().getSimpleName());
  }

  /** The feature extractor. */
  public FeatureExtractor featureExtractor() {
    return featureExtractor;
  }

  /** The tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * Features of audio, labels of texts, or both: a batch for training.
   *
   * @param audio null for none
   * @param text null for none; labels are not padded, see {@link #pad}
   * @return to be closed by the caller
   * @throws IllegalArgumentException if both are null, or as {@link FeatureExtractor#extract}
   */
  public ProcessedBatch process(List<Audio> audio, List<String> text) {
    if (audio == null && text == null) {
      throw new IllegalArgumentException("audio and text are both null; expected at least one");
    }
    List<Encoding> labels =
        text == null ? null : tokenizer.encodeBatch(text, EncodeOptions.DEFAULT);
    return new ProcessedBatch(audio == null ? null : featureExtractor.extract(audio), labels);
  }

  /** See {@link FeatureExtractor#extract(List, ExtractOptions)}. */
  public Features extract(List<Audio> audio, ExtractOptions options) {
    return featureExtractor.extract(audio, options);
  }

  /** See {@link FeatureExtractor#extractRagged}. */
  public RaggedFeatures extractRagged(List<Audio> audio) {
    return featureExtractor.extractRagged(audio);
  }

  /** See {@link Tokenizer#decode(int[])}. */
  public String decode(int... ids) {
    return tokenizer.decode(ids);
  }

  /** See {@link Tokenizer#batchDecode(int[][])}. */
  public List<String> batchDecode(int[][] rows) {
    return tokenizer.batchDecode(rows);
  }

  /**
   * Pads features that were extracted one by one, and labels, to the longest of the batch.
   *
   * @param inputFeatures {@link DType#FLOAT32} {@code [time, width]} each, or null for none
   * @param labels or null for none
   * @return to be closed by the caller; the mask marks the given frames
   * @throws IllegalArgumentException if both are null, one is empty, shapes do not fit, or the
   *     extractor has no padding value
   */
  public ProcessedBatch pad(List<Tensor> inputFeatures, List<int[]> labels) {
    if (inputFeatures == null && labels == null) {
      throw new IllegalArgumentException(
          "inputFeatures and labels are both null; expected at least one");
    }
    List<Encoding> padded =
        labels == null
            ? null
            : tokenizer.pad(
                labels, EncodeOptions.DEFAULT.withPadding(EncodeOptions.Padding.LONGEST));
    return new ProcessedBatch(inputFeatures == null ? null : padFeatures(inputFeatures), padded);
  }

  private Features padFeatures(List<Tensor> rows) {
    if (rows.isEmpty()) {
      throw new IllegalArgumentException("inputFeatures is empty; expected at least one tensor");
    }
    if (Double.isNaN(featureExtractor.paddingValue())) {
      throw new IllegalArgumentException(
          "padding_value of the feature extractor is null; expected a number to pad with");
    }
    long longest = 0;
    long width = rows.get(0).dimensions() == 2 ? rows.get(0).size(1) : -1;
    for (int i = 0; i < rows.size(); i++) {
      Tensor row = rows.get(i);
      if (row.dtype() != DType.FLOAT32 || row.dimensions() != 2 || row.size(1) != width) {
        throw new IllegalArgumentException(
            "inputFeatures["
                + i
                + "] is "
                + row
                + "; expected float32 [time, width], of one width");
      }
      longest = Math.max(longest, row.size(0));
    }
    int time = Math.toIntExact(longest);
    int columns = Math.toIntExact(width);
    float[] features =
        new float[Math.multiplyExact(Math.multiplyExact(rows.size(), time), columns)];
    int[] mask = new int[rows.size() * time];
    Arrays.fill(features, (float) featureExtractor.paddingValue());
    for (int i = 0; i < rows.size(); i++) {
      float[] row = rows.get(i).toFloatArray();
      int frames = Math.toIntExact(rows.get(i).size(0));
      int first = i * time + (featureExtractor.padsLeft() ? time - frames : 0);
      System.arraycopy(row, 0, features, first * columns, row.length);
      Arrays.fill(mask, first, first + frames, 1);
    }
    try (Closing made = new Closing()) {
      Tensor input = made.add(Tensor.of(features, rows.size(), time, columns));
      return made.keep(new Features(input, made.add(Tensor.of(mask, rows.size(), time))));
    }
  }

  /** Closes the feature extractor. Closing again does nothing. */
  @Override
  public void close() {
    featureExtractor.close();
  }
}
