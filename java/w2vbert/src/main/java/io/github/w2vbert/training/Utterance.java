package io.github.w2vbert.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * A recording, or a part of one, and what is said in it.
 *
 * @param audio a file that {@link io.github.w2vbert.Audio#read(Path)} reads
 * @param start in seconds; where the part begins
 * @param end in seconds; where it ends, or {@link Double#POSITIVE_INFINITY} for the end of the file
 * @param text what is said; null if that is not known
 * @param label of the whole part; null for none
 * @param labels of parts of it, for models that classify frames; may be empty
 * @param speaker null if that is not known
 * @param source where this was read, for messages: a file and a line
 */
public record Utterance(
    Path audio,
    double start,
    double end,
    String text,
    String label,
    List<LabelSpan> labels,
    String speaker,
    String source) {

  /**
   * @throws IllegalArgumentException unless {@code 0 <= start < end} and start is finite
   */
  public Utterance {
    Objects.requireNonNull(audio, "audio");
    Objects.requireNonNull(source, "source");
    labels = List.copyOf(labels);
    if (!(start >= 0 && start < end && Double.isFinite(start))) {
      throw new IllegalArgumentException(
          source + ": start is " + start + " and end is " + end + "; expected 0 <= start < end");
    }
  }

  /** A whole file with its text. */
  public static Utterance ofText(Path audio, String text) {
    return new Utterance(
        audio, 0, Double.POSITIVE_INFINITY, text, null, List.of(), null, audio.toString());
  }

  /** A whole file with its label. */
  public static Utterance ofLabel(Path audio, String label) {
    return new Utterance(
        audio, 0, Double.POSITIVE_INFINITY, null, label, List.of(), null, audio.toString());
  }

  /** The file, with the part that is meant unless it is the whole: {@code a.wav [1.5 s, 3.0 s]}. */
  String name() {
    return start == 0 && end == Double.POSITIVE_INFINITY
        ? audio.toString()
        : audio + " [" + start + " s, " + (Double.isInfinite(end) ? "end" : end + " s") + "]";
  }
}
