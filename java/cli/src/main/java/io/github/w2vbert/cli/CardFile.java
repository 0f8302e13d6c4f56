package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a model's card, {@code README.md} in its folder, says to machines.
 *
 * @param title its first heading; empty if there is none
 * @param licence as the fields before its text name it; empty if they do not
 */
record CardFile(String title, String licence) {
  private static final String BORDER = "---"; // before and after the fields
  private static final String LICENCE = "license:";
  private static final String HEADING = "# ";

  /** Of a folder without a card both are empty. */
  static CardFile of(Path folder) throws IOException {
    Path file = folder.resolve("README.md");
    if (!Files.isRegularFile(file)) {
      return new CardFile("", "");
    }
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8); // whatever it holds
    List<String> lines = text.lines().toList();
    int fields = 0; // the line behind them
    if (!lines.isEmpty() && lines.get(0).equals(BORDER)) {
      fields = Math.max(0, lines.subList(1, lines.size()).indexOf(BORDER) + 1);
    }
    return new CardFile(
        after(HEADING, lines.subList(fields, lines.size())),
        after(LICENCE, lines.subList(0, fields)).replaceAll("^['\"]|['\"]$", ""));
  }

  private static String after(String beginning, List<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith(beginning))
        .map(line -> line.substring(beginning.length()).strip())
        .findFirst()
        .orElse("");
  }
}
