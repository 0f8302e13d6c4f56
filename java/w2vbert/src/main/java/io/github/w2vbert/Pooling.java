package io.github.w2vbert;

import java.util.List;

/**
 * One vector for a whole utterance, and its comparison with others. Sums are in float64. Of an
 * output of {@code forward} the valid frames count, which must come first (padding on the right).
 *
 * <pre>{@code
 * try (OutputList<BaseModelOutput> outputs = model.encode(features, 17)) {
 *   float[] first = Pooling.MEAN.of(outputs.get(0), 0);
 *   float[] second = Pooling.MEAN.of(outputs.get(1), 0);
 *   double similarity = Pooling.cosine(first, second);
 * }
 * }</pre>
 */
public enum Pooling {
  /** The mean over time: {@code [width]}. */
  MEAN,
  /**
   * The mean over time, then the standard deviation with {@code n - 1} in the denominator: {@code
   * [2 width]} (Snyder et al. 2018). The deviation of a single frame is 0.
   */
  STATISTICS;

  /**
   * Pools the last hidden state of one utterance.
   *
   * @param utterance 0 for the first (and only one of an output of {@code encode})
   * @throws IllegalArgumentException if there is no such utterance or it has no valid frame
   * @throws IllegalStateException if the output is closed
   */
  public float[] of(BaseModelOutput output, int utterance) {
    BaseModelOutput.requireUtterance(utterance, output.lengths().size());
    Tensor hidden = output.lastHiddenState();
    int width = Math.toIntExact(hidden.size(-1));
    int time = Math.toIntExact(hidden.size(-2));
    int frames = Math.toIntExact(output.lengths().get(utterance));
    float[] values = hidden.toFloatArray();
    return of(values, utterance * time * width, frames, width);
  }

  /**
   * Pools rows of numbers.
   *
   * @param rows {@code [frames, width]} in C order
   * @throws IllegalArgumentException if there is no frame, or the rows do not have this width
   */
  public float[] of(float[] rows, int width) {
    if (width < 1 || rows.length % width != 0) {
      throw new IllegalArgumentException(rows.length + " numbers are not rows of width " + width);
    }
    return of(rows, 0, rows.length / width, width);
  }

  private float[] of(float[] values, int begin, int frames, int width) {
    if (frames < 1) {
      throw new IllegalArgumentException("there are " + frames + " frames; expected at least one");
    }
    double[] mean = new double[width];
    for (int t = 0; t < frames; t++) {
      for (int i = 0; i < width; i++) {
        mean[i] += values[begin + t * width + i];
      }
    }
    for (int i = 0; i < width; i++) {
      mean[i] /= frames;
    }
    float[] pooled = new float[this == MEAN ? width : 2 * width];
    for (int i = 0; i < width; i++) {
      pooled[i] = (float) mean[i];
    }
    if (this == STATISTICS) {
      for (int i = 0; i < width; i++) {
        double squares = 0;
        for (int t = 0; t < frames; t++) {
          double deviation = values[begin + t * width + i] - mean[i];
          squares += deviation * deviation;
        }
        pooled[width + i] = (float) Math.sqrt(squares / Math.max(1, frames - 1));
      }
    }
    return pooled;
  }

  /**
   * The cosine of the angle between two vectors, from -1 to 1; 0 if one of them is zero.
   *
   * @throws IllegalArgumentException if they are not equally long
   */
  public static double cosine(float[] a, float[] b) {
    if (a.length != b.length) {
      throw new IllegalArgumentException(
          "the vectors have " + a.length + " and " + b.length + " numbers; expected equally many");
    }
    double product = 0;
    double squaresA = 0;
    double squaresB = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      squaresA += (double) a[i] * a[i];
      squaresB += (double) b[i] * b[i];
    }
    if (squaresA == 0 || squaresB == 0) {
      return 0;
    }
    return Math.max(-1, Math.min(1, product / Math.sqrt(squaresA) / Math.sqrt(squaresB)));
  }

  /**
   * The cosine of every pair, {@code [size, size]}.
   *
   * @throws IllegalArgumentException if the vectors are not equally long
   */
  public static double[][] cosines(List<float[]> vectors) {
    double[][] cosines = new double[vectors.size()][vectors.size()];
    for (int i = 0; i < cosines.length; i++) {
      for (int j = 0; j <= i; j++) {
        cosines[i][j] = cosine(vectors.get(i), vectors.get(j));
        cosines[j][i] = cosines[i][j];
      }
    }
    return cosines;
  }
}
