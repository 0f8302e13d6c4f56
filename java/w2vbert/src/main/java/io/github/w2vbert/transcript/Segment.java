package io.github.w2vbert.transcript;

import java.util.List;
import java.util.Objects;

/**
 * A stretch of speech: what a subtitle shows at once.
 *
 * @param start in seconds
 * @param end in seconds, not before {@code start}
 * @param text of all words, with spaces between them (but for scripts without) or, where a line of
 *     a subtitle ends, line feeds
 * @param confidence between 0 and 1: the geometric mean of its words'; 1 if there are none
 * @param words in order
 */
public record Segment(double start, double end, String text, double confidence, List<Word> words) {
  /**
   * @throws IllegalArgumentException if a time is not finite, the end lies before the start, or the
   *     confidence is not between 0 and 1
   */
  public Segment {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(words, "words");
    Times.require("the segment '" + text + "'", start, end, confidence);
    words = List.copyOf(words);
  }
}
