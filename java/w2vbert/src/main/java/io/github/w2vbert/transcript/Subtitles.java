package io.github.w2vbert.transcript;

import java.util.Locale;
import java.util.regex.Pattern;

/** Segments as subtitles. */
final class Subtitles {
  private static final Pattern ARROWS = Pattern.compile("--+>");

  private Subtitles() {}

  static String srt(Transcript transcript) {
    StringBuilder text = new StringBuilder();
    int number = 1;
    for (Timeline.Interval cue : Timeline.ofSegments(transcript).intervals()) {
      text.append(number++).append('\n');
      appendTimes(text, cue, ',');
      // There is no way to escape; readers look for the arrow.
      text.append(ARROWS.matcher(lines(cue)).replaceAll("->")).append("\n\n");
    }
    return text.toString();
  }

  static String vtt(Transcript transcript) {
    StringBuilder text = new StringBuilder("WEBVTT\n\n");
    for (Timeline.Interval cue : Timeline.ofSegments(transcript).intervals()) {
      appendTimes(text, cue, '.');
      text.append(lines(cue).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
          .append("\n\n");
    }
    return text.toString();
  }

  private static void appendTimes(StringBuilder text, Timeline.Interval cue, char point) {
    text.append(clock(cue.start(), point))
        .append(" --> ")
        .append(clock(cue.end(), point))
        .append('\n');
  }

  /** {@code HH:MM:SS}, the point, and milliseconds; hours have more digits from 100 on. */
  private static String clock(long millis, char point) {
    return String.format(
        Locale.ROOT,
        "%02d:%02d:%02d%c%03d",
        millis / 3_600_000,
        millis / 60_000 % 60,
        millis / 1000 % 60,
        point,
        millis % 1000);
  }

  /** Without empty lines, as they would end the subtitle. */
  private static String lines(Timeline.Interval cue) {
    return String.join("\n", Timeline.lines(cue.text()));
  }
}
