package io.github.w2vbert.transcript;

import io.github.w2vbert.internal.Spacing;
import java.util.List;
import java.util.Objects;

/**
 * What is said in a recording, and when.
 *
 * @param text of all segments
 * @param duration of the recording, in seconds
 * @param segments in order of their start
 */
public record Transcript(String text, double duration, List<Segment> segments) {
  /**
   * @throws IllegalArgumentException if the duration is not a finite number from 0 on
   */
  public Transcript {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(segments, "segments");
    Times.require("a transcript", 0, duration, 1);
    segments = List.copyOf(segments);
  }

  /**
   * A transcript of words, gathered into segments.
   *
   * @param words in order of their start
   * @param duration of the recording, in seconds
   * @throws IllegalArgumentException if the words are not in order, or the duration is not a finite
   *     number from 0 on
   */
  public static Transcript of(List<Word> words, double duration, SegmentOptions options) {
    Objects.requireNonNull(words, "words");
    Objects.requireNonNull(options, "options");
    String text = Spacing.join(words.stream().map(Word::text).toList());
    return new Transcript(text, duration, Segmenter.split(words, options));
  }

  /** The words of all segments. */
  public List<Word> words() {
    return segments.stream().flatMap(segment -> segment.words().stream()).toList();
  }
}
