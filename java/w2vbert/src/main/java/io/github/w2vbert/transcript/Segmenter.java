package io.github.w2vbert.transcript;

import io.github.w2vbert.internal.Spacing;
import java.util.ArrayList;
import java.util.List;

/** Gathers words into segments; each takes as many as fit. */
final class Segmenter {
  private final SegmentOptions options;
  private final List<Segment> segments = new ArrayList<>();
  private final List<Word> words = new ArrayList<>(); // of the segment at hand
  private final StringBuilder text = new StringBuilder();
  private int lines;
  private int lineLength; // in code points
  private double end;

  private Segmenter(SegmentOptions options) {
    this.options = options;
  }

  /**
   * @throws IllegalArgumentException if the words are not in order of their start
   */
  static List<Segment> split(List<Word> words, SegmentOptions options) {
    Segmenter segmenter = new Segmenter(options);
    for (int i = 0; i < words.size(); i++) {
      Word word = words.get(i);
      if (i > 0 && word.start() < words.get(i - 1).start()) {
        throw new IllegalArgumentException(
            "word "
                + i
                + ", '"
                + word.text()
                + "', starts at "
                + word.start()
                + " seconds; expected at least "
                + words.get(i - 1).start()
                + ", the start of the word before");
      }
      segmenter.add(word);
    }
    segmenter.finish();
    return segmenter.segments;
  }

  private void add(Word word) {
    int length = word.text().codePointCount(0, word.text().length());
    String separator =
        words.isEmpty() ? "" : Spacing.separator(words.get(words.size() - 1).text(), word.text());
    long longer = (long) lineLength + separator.length() + length;
    boolean sameLine = longer <= options.lineCharacters();
    if (!words.isEmpty() && (isLate(word) || (!sameLine && lines == options.lines()))) {
      finish();
    }
    if (words.isEmpty()) {
      lines = 1;
      lineLength = length;
    } else if (sameLine) {
      text.append(separator);
      lineLength = (int) longer;
    } else {
      text.append('\n');
      lines++;
      lineLength = length;
    }
    text.append(word.text());
    words.add(word);
    end = Math.max(end, word.end());
  }

  private boolean isLate(Word word) {
    return word.start() - end >= options.pause()
        || word.end() - words.get(0).start() > options.seconds();
  }

  private void finish() {
    if (words.isEmpty()) {
      return;
    }
    double sum = 0;
    for (Word word : words) {
      sum += Math.log(word.confidence());
    }
    double confidence = Math.exp(sum / words.size());
    segments.add(new Segment(words.get(0).start(), end, text.toString(), confidence, words));
    words.clear();
    text.setLength(0);
    end = 0;
  }
}
