package io.github.w2vbert.transcript;

import io.github.w2vbert.internal.Spacing;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Intervals in whole milliseconds that follow each other without overlap.
 *
 * @param length of the recording
 */
record Timeline(List<Interval> intervals, long length) {
  private static final Pattern LINE_BREAK = Pattern.compile("\\R");

  /**
   * Some text from {@code start} to {@code end}, which is later.
   *
   * @param confidence between 0 and 1
   */
  record Interval(long start, long end, String text, double confidence) {}

  /** The segments that have text. */
  static Timeline ofSegments(Transcript transcript) {
    return of(
        transcript.duration(),
        transcript.segments(),
        s -> new Timed(s.start(), s.end(), s.text(), s.confidence()));
  }

  /** The words that have text. */
  static Timeline ofWords(Transcript transcript) {
    return of(
        transcript.duration(),
        transcript.words(),
        w -> new Timed(w.start(), w.end(), w.text(), w.confidence()));
  }

  /** The tokens of all words that have text. */
  static Timeline ofTokens(Transcript transcript) {
    return of(
        transcript.duration(),
        transcript.words().stream().flatMap(word -> word.tokens().stream()).toList(),
        t -> new Timed(t.start(), t.end(), t.text(), t.confidence()));
  }

  /** A time in seconds, rounded to milliseconds. */
  static long millis(double seconds) {
    return Math.round(seconds * 1000);
  }

  /** The lines of a text, without spaces around them and without empty ones. */
  static List<String> lines(String text) {
    return LINE_BREAK.splitAsStream(text).map(String::strip).filter(l -> !l.isEmpty()).toList();
  }

  /** Text without line breaks; a space takes the place of one between words with spaces. */
  static String oneLine(String text) {
    return Spacing.join(lines(text));
  }

  private record Timed(double start, double end, String text, double confidence) {}

  private static <T> Timeline of(double duration, List<T> things, Function<T, Timed> timed) {
    List<Timed> all =
        things.stream()
            .map(timed)
            .filter(t -> !lines(t.text()).isEmpty())
            .sorted(Comparator.comparingDouble(Timed::start))
            .toList();
    int count = all.size();
    long length = Math.max(Math.max(1, count), millis(duration));
    long[] starts = new long[count + 1];
    long earliest = 0;
    for (int i = 0; i < count; i++) {
      // A millisecond is left to each of those that follow.
      starts[i] = Math.min(Math.max(millis(all.get(i).start()), earliest), length - (count - i));
      earliest = starts[i] + 1;
    }
    starts[count] = length;
    List<Interval> intervals = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      Timed t = all.get(i);
      long end = Math.min(Math.max(millis(t.end()), starts[i] + 1), starts[i + 1]);
      intervals.add(new Interval(starts[i], end, t.text(), t.confidence()));
    }
    return new Timeline(intervals, length);
  }
}
