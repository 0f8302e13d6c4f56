package io.github.w2vbert.cli;

import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.LogProbabilities;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The probabilities of a plot: a row for each token that matters, in the order of their ids, and
 * one for the blank at the bottom.
 *
 * @param labels of the rows, from the top
 * @param matter how many tokens win a frame or come near it; {@link #MAX_TOKENS} of them are shown
 * @param secondsPerColumn 0 if there is no frame
 */
record TokenPanel(Raster raster, List<Label> labels, int matter, double secondsPerColumn) {
  /** Most rows besides the blank's. */
  static final int MAX_TOKENS = 30;

  /**
   * What a row is called.
   *
   * @param isText whether it is the token's own text rather than a description of it
   */
  record Label(String text, boolean isText) {}

  private static final double NEAR = Math.log(0.1);
  private static final int LABEL_CODE_POINTS = 8;

  static TokenPanel of(PlotData data) {
    LogProbabilities posteriors = data.posteriors();
    CtcVocabulary vocabulary = data.vocabulary();
    List<Integer> matter = tokensThatMatter(posteriors, vocabulary.blank());
    List<Integer> rows = new ArrayList<>(matter.stream().limit(MAX_TOKENS).sorted().toList());
    rows.add(vocabulary.blank());

    int columns = Math.min(posteriors.time(), Raster.MAX_COLUMNS);
    byte[] pixels = new byte[rows.size() * columns];
    for (int r = 0; r < rows.size(); r++) {
      for (int c = 0; c < columns; c++) {
        double highest = Double.NEGATIVE_INFINITY;
        int end = Raster.begin(c + 1, columns, posteriors.time());
        for (int t = Raster.begin(c, columns, posteriors.time()); t < end; t++) {
          highest = Math.max(highest, posteriors.get(t, rows.get(r)));
        }
        pixels[r * columns + c] = ColorMap.index(Math.exp(highest));
      }
    }
    return new TokenPanel(
        new Raster(rows.size(), columns, pixels, ColorMap.VIRIDIS),
        rows.stream().map(token -> label(vocabulary, token)).toList(),
        matter.size(),
        columns == 0 ? 0 : posteriors.time() * data.secondsPerFrame() / columns);
  }

  /** Tokens other than the blank, those that win most frames first. */
  private static List<Integer> tokensThatMatter(LogProbabilities posteriors, int blank) {
    int[] wins = new int[posteriors.vocabulary()];
    for (int token : posteriors.bestPath()) {
      wins[token]++;
    }
    float[] highest = new float[posteriors.vocabulary()];
    Arrays.fill(highest, Float.NEGATIVE_INFINITY);
    for (int t = 0; t < posteriors.time(); t++) {
      for (int token = 0; token < highest.length; token++) {
        highest[token] = Math.max(highest[token], posteriors.get(t, token));
      }
    }
    return IntStream.range(0, wins.length)
        .filter(token -> token != blank && (wins[token] > 0 || highest[token] >= NEAR))
        .boxed()
        .sorted(
            Comparator.<Integer>comparingInt(token -> -wins[token])
                .thenComparingDouble(token -> -highest[token]))
        .toList();
  }

  /** A token as people can read it: nothing invisible, nothing long. */
  static Label label(CtcVocabulary vocabulary, int token) {
    String text = vocabulary.tokens().get(token);
    if (token == vocabulary.blank()) {
      return new Label("blank", false);
    }
    if (token == vocabulary.wordDelimiter()) {
      return new Label("space", false);
    }
    if (text == null || text.isEmpty()) {
      return new Label("#" + token, false);
    }
    int[] points = text.codePoints().toArray();
    StringBuilder label = new StringBuilder(isMark(points[0]) ? "\u25cc" : ""); // carries the mark
    for (int i = 0; i < Math.min(points.length, LABEL_CODE_POINTS); i++) {
      if (isVisible(points[i])) {
        label.appendCodePoint(points[i]);
      } else {
        label.append("U+%04X".formatted(points[i]));
      }
    }
    if (points.length > LABEL_CODE_POINTS) {
      label.append('\u2026');
    }
    return new Label(label.toString(), true);
  }

  private static boolean isMark(int point) {
    int type = Character.getType(point);
    return type == Character.NON_SPACING_MARK
        || type == Character.COMBINING_SPACING_MARK
        || type == Character.ENCLOSING_MARK;
  }

  private static boolean isVisible(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.SPACE_SEPARATOR,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
