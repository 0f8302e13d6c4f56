package io.github.w2vbert.cli;

import java.util.List;
import java.util.stream.Collectors;

/** Rows of cells as text. */
final class Table {
  private Table() {}

  /** Lines with the cells of a column below each other. */
  static List<String> aligned(List<List<String>> rows) {
    int columns = rows.stream().mapToInt(List::size).max().orElse(0);
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], width(row.get(i)));
      }
    }
    return rows.stream().map(row -> align(row, widths)).toList();
  }

  private static int width(String cell) {
    return cell.codePointCount(0, cell.length());
  }

  private static String align(List<String> row, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      line.append(row.get(i)).append(" ".repeat(widths[i] - width(row.get(i)) + 2));
    }
    return line.toString().stripTrailing();
  }

  /**
   * A line of cells with tabs between them; tabs, line ends and backslashes in cells are escaped.
   */
  static String tsv(List<String> cells) {
    return cells.stream()
        .map(
            cell ->
                cell.replace("\\", "\\\\")
                    .replace("\t", "\\t")
                    .replace("\n", "\\n")
                    .replace("\r", "\\r"))
        .collect(Collectors.joining("\t"));
  }

  /** A line of cells with commas between them, quoted where RFC 4180 asks for it. */
  static String csv(List<String> cells) {
    return cells.stream()
        .map(
            cell ->
                cell.chars().anyMatch(character -> ",\"\r\n".indexOf(character) >= 0)
                    ? '"' + cell.replace("\"", "\"\"") + '"'
                    : cell)
        .collect(Collectors.joining(","));
  }
}
