package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.SegmentOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.Word;
import java.util.List;
import java.util.Objects;

/**
 * Where a text is said.
 *
 * @param tokens all labels in order, delimiters between words included
 * @param words in order
 * @param frames of the audio
 * @param logProbability of the most probable alignment
 */
public record Alignment(
    List<AlignedToken> tokens, List<AlignedWord> words, int frames, double logProbability) {
  /** Copies the lists. */
  public Alignment {
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(words, "words");
    tokens = List.copyOf(tokens);
    words = List.copyOf(words);
  }

  /**
   * The words in seconds.
   *
   * @param secondsPerFrame 0.02 for the encoder's frames, more with an adapter
   * @throws IllegalArgumentException if {@code secondsPerFrame} is not a finite number above 0
   */
  public List<Word> toWords(double secondsPerFrame) {
    FrameTimes times = new FrameTimes(secondsPerFrame);
    return words.stream().map(word -> word.inSeconds(times)).toList();
  }

  /**
   * The words in segments as {@link SegmentOptions#DEFAULT} makes them. For others, {@link
   * Transcript#of} takes {@link #toWords}.
   *
   * @param secondsPerFrame as for {@link #toWords}
   */
  public Transcript toTranscript(double secondsPerFrame) {
    return Transcript.of(
        toWords(secondsPerFrame), frames * secondsPerFrame, SegmentOptions.DEFAULT);
  }
}
