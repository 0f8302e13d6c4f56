package io.github.w2vbert.transcript;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/** Praat's text format for tiers of intervals that cover the whole time. */
final class TextGrid {
  private TextGrid() {}

  static String textGrid(Transcript transcript) {
    String[] names = {"segments", "words", "tokens"};
    Timeline[] tiers = {
      Timeline.ofSegments(transcript), Timeline.ofWords(transcript), Timeline.ofTokens(transcript)
    };
    long length = 0;
    for (Timeline tier : tiers) {
      length = Math.max(length, tier.length());
    }
    StringBuilder text = new StringBuilder("File type = \"ooTextFile\"\n");
    text.append("Object class = \"TextGrid\"\n\n");
    appendTimes(text, "", 0, length);
    text.append("tiers? <exists>\nsize = ").append(tiers.length).append("\nitem []:\n");
    for (int i = 0; i < tiers.length; i++) {
      text.append("    item [").append(i + 1).append("]:\n");
      text.append("        class = \"IntervalTier\"\n");
      text.append("        name = \"").append(names[i]).append("\"\n");
      appendTimes(text, "        ", 0, length);
      List<Timeline.Interval> intervals = withSilence(tiers[i], length);
      text.append("        intervals: size = ").append(intervals.size()).append('\n');
      for (int k = 0; k < intervals.size(); k++) {
        Timeline.Interval interval = intervals.get(k);
        text.append("        intervals [").append(k + 1).append("]:\n");
        appendTimes(text, "            ", interval.start(), interval.end());
        String label = Timeline.oneLine(interval.text()).replace("\"", "\"\"");
        text.append("            text = \"").append(label).append("\"\n");
      }
    }
    return text.toString();
  }

  /** The intervals of a tier, and empty ones between them. */
  private static List<Timeline.Interval> withSilence(Timeline tier, long length) {
    List<Timeline.Interval> all = new ArrayList<>();
    long end = 0;
    for (Timeline.Interval interval : tier.intervals()) {
      if (interval.start() > end) {
        all.add(new Timeline.Interval(end, interval.start(), "", 1));
      }
      all.add(interval);
      end = interval.end();
    }
    if (end < length) {
      all.add(new Timeline.Interval(end, length, "", 1));
    }
    return all;
  }

  private static void appendTimes(StringBuilder text, String indent, long start, long end) {
    text.append(indent).append("xmin = ").append(seconds(start)).append('\n');
    text.append(indent).append("xmax = ").append(seconds(end)).append('\n');
  }

  private static String seconds(long millis) {
    return BigDecimal.valueOf(millis, 3).stripTrailingZeros().toPlainString();
  }
}
