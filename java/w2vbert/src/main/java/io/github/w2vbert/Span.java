package io.github.w2vbert;

/**
 * A stretch of a clip: {@code audio.slice(span.from(), span.to())}.
 *
 * @param from first sample, not negative
 * @param to sample behind the last one, above {@code from}
 */
public record Span(int from, int to) {
  /**
   * Checks the ends.
   *
   * @throws IllegalArgumentException unless 0 &lt;= from &lt; to
   */
  public Span {
    if (from < 0 || to <= from) {
      throw new IllegalArgumentException(
          "the span goes from " + from + " to " + to + ", expected 0 <= from < to");
    }
  }

  /** Number of samples. */
  public int length() {
    return to - from;
  }
}
