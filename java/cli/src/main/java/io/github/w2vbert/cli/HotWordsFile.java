package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A file of hot words: a phrase in each line, and behind a tab its weight if it is not 1. */
final class HotWordsFile {
  private HotWordsFile() {}

  /**
   * The phrases with their weights; blank lines are passed over.
   *
   * @throws IllegalArgumentException if it is not UTF-8, or a line is malformed
   */
  static Map<String, Double> read(Path file) throws IOException {
    Map<String, Double> phrases = new LinkedHashMap<>();
    List<String> lines = Utf8.read(file).lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        String[] parts = lines.get(i).split("\t", 2);
        String where = file + ": line " + (i + 1);
        if (parts[0].isBlank()) {
          throw new IllegalArgumentException(where + " has no phrase; expected one before the tab");
        }
        phrases.put(parts[0].strip(), parts.length == 1 ? 1.0 : weight(parts[1].strip(), where));
      }
    }
    return phrases;
  }

  private static double weight(String text, String where) {
    double weight;
    try {
      weight = Double.parseDouble(text);
    } catch (NumberFormatException e) {
      weight = Double.NaN;
    }
    if (!(weight > 0 && weight <= Double.MAX_VALUE)) {
      throw new IllegalArgumentException(
          where + " has the weight '" + text + "'; expected a finite number above 0");
    }
    return weight;
  }
}
