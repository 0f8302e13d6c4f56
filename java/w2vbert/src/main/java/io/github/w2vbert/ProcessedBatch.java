package io.github.w2vbert;

import java.util.Arrays;
import java.util.List;

/**
 * What a processor made of audio and text. Closing it closes the features.
 *
 * @param features null unless there was audio
 * @param labels null unless there was text; one entry per text
 */
public record ProcessedBatch(Features features, List<Encoding> labels) implements AutoCloseable {

  /**
   * The labels as {@code forward} takes them for the loss: {@link DType#INT64} {@code [batch,
   * longest]}, {@value Encoding#IGNORED_LABEL} where a row is padded.
   *
   * @return to be closed by the caller
   * @throws IllegalStateException if there are no labels
   */
  public Tensor labelTensor() {
    if (labels == null) {
      throw new IllegalStateException("this batch has no labels: no text was given");
    }
    int longest = labels.stream().mapToInt(row -> row.labels().length).max().orElse(0);
    long[] values = new long[labels.size() * longest];
    Arrays.fill(values, Encoding.IGNORED_LABEL);
    for (int i = 0; i < labels.size(); i++) {
      int[] row = labels.get(i).labels();
      for (int j = 0; j < row.length; j++) {
        values[i * longest + j] = row[j];
      }
    }
    return Tensor.of(values, labels.size(), longest);
  }

  @Override
  public void close() {
    if (features != null) {
      features.close();
    }
  }
}
