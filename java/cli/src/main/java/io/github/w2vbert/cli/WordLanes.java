package io.github.w2vbert.cli;

import io.github.w2vbert.transcript.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Puts words into lanes so that their labels, which may be wider than they last, stay apart. */
final class WordLanes {
  static final int MAX_LANES = 3;

  /** Most words that are drawn. */
  static final int MAX_WORDS = 20_000;

  /** The place of a word whose label has no room. */
  static final int NO_LANE = -1;

  /** A word and its lane, or {@link #NO_LANE}. */
  record Placed(Word word, int lane) {}

  private final List<Placed> placed = new ArrayList<>();

  /**
   * Places the first {@value #MAX_WORDS} words.
   *
   * @param labelWidth of a word's label, in pixels
   */
  WordLanes(List<Word> words, double pixelsPerSecond, ToDoubleFunction<Word> labelWidth) {
    double[] ends = new double[MAX_LANES]; // of what each lane holds, in pixels
    for (Word word : words.subList(0, Math.min(words.size(), MAX_WORDS))) {
      double start = word.start() * pixelsPerSecond;
      int lane = 0;
      while (lane < MAX_LANES && ends[lane] > start) {
        lane++;
      }
      if (lane < MAX_LANES) {
        double labelEnd = start + labelWidth.applyAsDouble(word);
        ends[lane] = Math.max(word.end() * pixelsPerSecond, labelEnd);
      }
      placed.add(new Placed(word, lane < MAX_LANES ? lane : NO_LANE));
    }
  }

  List<Placed> placed() {
    return placed;
  }

  /** Lanes in use, at least one. */
  int count() {
    return 1 + placed.stream().mapToInt(Placed::lane).filter(lane -> lane > 0).max().orElse(0);
  }
}
