package io.github.w2vbert.transcript;

/**
 * How words become segments. A segment ends where the next word would break a limit; a single word
 * beyond a limit is a segment (or a line) of its own. Between the words of a line are spaces, but
 * none between characters of scripts without (Chinese, Japanese, Thai, Lao, Khmer, Burmese).
 *
 * @param lineCharacters how many Unicode code points a line may have
 * @param lines how many lines a segment may have
 * @param seconds how long a segment may last
 * @param pause how many seconds without a word end a segment
 */
public record SegmentOptions(int lineCharacters, int lines, double seconds, double pause) {
  /** Two lines of 42 characters for at most 7 seconds; a pause of 0.8 seconds. */
  public static final SegmentOptions DEFAULT = new SegmentOptions(42, 2, 7, 0.8);

  /**
   * @throws IllegalArgumentException if a limit is not above 0
   */
  public SegmentOptions {
    requirePositive("lineCharacters", lineCharacters);
    requirePositive("lines", lines);
    requirePositive("seconds", seconds);
    requirePositive("pause", pause);
  }

  private static void requirePositive(String name, double value) {
    if (!(value > 0)) {
      throw new IllegalArgumentException(name + " is " + value + "; expected a number above 0");
    }
  }

  /** These options with lines of another length. */
  public SegmentOptions withLineCharacters(int value) {
    return new SegmentOptions(value, lines, seconds, pause);
  }

  /** These options with another number of lines. */
  public SegmentOptions withLines(int value) {
    return new SegmentOptions(lineCharacters, value, seconds, pause);
  }

  /** These options with segments of another length. */
  public SegmentOptions withSeconds(double value) {
    return new SegmentOptions(lineCharacters, lines, value, pause);
  }

  /** These options with another pause. */
  public SegmentOptions withPause(double value) {
    return new SegmentOptions(lineCharacters, lines, seconds, value);
  }
}
