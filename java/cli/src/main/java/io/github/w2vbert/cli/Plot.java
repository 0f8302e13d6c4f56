package io.github.w2vbert.cli;

import io.github.w2vbert.transcript.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A recording reduced to what a picture shows, whatever its format. */
record Plot(PlotData data, TimeAxis axis, Envelope envelope, MelPanel mel, TokenPanel tokens) {
  private static final double PIXELS_PER_SECOND = 120;
  private static final double NARROWEST = 960;
  private static final double WIDEST = 4000; // Raster.MAX_COLUMNS on a screen of two to one

  /** A line of the header. */
  record Fact(String name, String value) {}

  static Plot of(PlotData data) {
    return new Plot(
        data, TimeAxis.of(data), Envelope.of(data.audio()), MelPanel.of(data), TokenPanel.of(data));
  }

  /** Of the time axis, in pixels. */
  int width() {
    double width = Math.ceil(axis.seconds() * PIXELS_PER_SECOND);
    return (int) Math.max(NARROWEST, Math.min(WIDEST, width));
  }

  List<Fact> facts() {
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("Duration", duration()));
    facts.add(new Fact("Sampling rate", format("%,d Hz", data.audio().sampleRate())));
    facts.add(
        new Fact(
            "Output frames",
            format("%,d, %s each", data.posteriors().time(), seconds(data.secondsPerFrame()))));
    facts.add(new Fact("Words", format("%,d", data.words().size())));
    if (!data.words().isEmpty()) {
      double mean = data.words().stream().mapToDouble(Word::confidence).average().orElseThrow();
      facts.add(new Fact("Mean confidence", format("%.2f", mean)));
    }
    return facts;
  }

  private String duration() {
    double seconds = TimeAxis.duration(data);
    String exact = format("%.2f s", seconds);
    long whole = Math.round(seconds);
    if (whole < 60) {
      return exact;
    }
    return whole < 3600
        ? format("%d:%02d (%s)", whole / 60, whole % 60, exact)
        : format("%d:%02d:%02d (%s)", whole / 3600, whole / 60 % 60, whole % 60, exact);
  }

  String text() {
    return data.text().isBlank() ? "(nothing was recognised)" : data.text();
  }

  String melCaption() {
    return format("%d mel bins, energy (natural logarithm)", mel.raster().rows())
        + per("mean", mel.secondsPerColumn(), PlotData.MEL_SECONDS)
        + (mel.raster().hasMissing() ? ", grey: not a number" : "");
  }

  String tokenCaption() {
    int shown = tokens.labels().size() - 1;
    return (shown < tokens.matter()
            ? format("the %d of %d likely tokens that lead most frames", shown, tokens.matter())
            : "tokens that are the most likely of a frame or reach 0.1")
        + per("maximum", tokens.secondsPerColumn(), data.secondsPerFrame());
  }

  private static String per(String kind, double secondsPerColumn, double secondsPerFrame) {
    return isReduced(secondsPerColumn, secondsPerFrame)
        ? ", %s of %s per column".formatted(kind, seconds(secondsPerColumn))
        : "";
  }

  /** Whether a column stands for more than one frame. */
  private static boolean isReduced(double secondsPerColumn, double secondsPerFrame) {
    return secondsPerColumn > secondsPerFrame * (1 + 1e-9); // more than rounding
  }

  String wordCaption(WordLanes lanes) {
    if (data.words().isEmpty()) {
      return "none";
    }
    List<String> parts = new ArrayList<>();
    if (data.words().size() > WordLanes.MAX_WORDS) {
      parts.add(format("the first %,d of %,d", WordLanes.MAX_WORDS, data.words().size()));
    }
    if (lanes.placed().stream().anyMatch(word -> word.lane() == WordLanes.NO_LANE)) {
      parts.add("thin: without room for a label");
    }
    return String.join("; ", parts);
  }

  /** What the picture leaves out because the recording is long; empty if nothing. */
  String note() {
    boolean isReduced =
        isReduced(mel.secondsPerColumn(), PlotData.MEL_SECONDS)
            || isReduced(tokens.secondsPerColumn(), data.secondsPerFrame());
    return isReduced
        ? format("Long recording: the panels are reduced to %,d columns.", Raster.MAX_COLUMNS)
        : "";
  }

  static String seconds(double seconds) {
    return seconds < 1 ? format("%.0f ms", seconds * 1000) : format("%.2f s", seconds);
  }

  static String format(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
