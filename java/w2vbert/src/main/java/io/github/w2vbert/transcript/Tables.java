package io.github.w2vbert.transcript;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Pattern;

/** Transcripts as lines of fields. */
final class Tables {
  private static final Pattern SPACES = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

  private Tables() {}

  static String tsv(Transcript transcript) {
    StringBuilder table = new StringBuilder("start\tend\ttext\n");
    for (Timeline.Interval segment : Timeline.ofSegments(transcript).intervals()) {
      String text = Timeline.oneLine(segment.text()).replace("\\", "\\\\").replace("\t", "\\t");
      table.append(segment.start()).append('\t').append(segment.end()).append('\t');
      table.append(text).append('\n');
    }
    return table.toString();
  }

  static String ctm(Transcript transcript, String name) {
    StringBuilder table = new StringBuilder();
    for (Timeline.Interval word : Timeline.ofWords(transcript).intervals()) {
      table.append(field(name)).append(" 1 ");
      table.append(BigDecimal.valueOf(word.start(), 3)).append(' ');
      table.append(BigDecimal.valueOf(word.end() - word.start(), 3)).append(' ');
      table.append(field(word.text())).append(' ');
      table.append(String.format(Locale.ROOT, "%.4f", word.confidence())).append('\n');
    }
    return table.toString();
  }

  private static String field(String text) {
    return SPACES.matcher(text.strip()).replaceAll("_");
  }
}
