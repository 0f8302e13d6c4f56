package io.github.w2vbert.cli;

import io.github.w2vbert.transcript.Word;
import java.util.ArrayList;
import java.util.List;

/**
 * The time that all panels of a plot share.
 *
 * @param seconds from its beginning, which is 0, to its end
 */
record TimeAxis(double seconds) {
  private static final double SHORTEST = 0.01;
  static final double TICK_PIXELS = 70; // at least, from one tick to the next
  static final List<Double> STEPS =
      List.of(
          0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0,
          60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0, 86_400.0);

  /** Long enough for everything that is drawn. */
  static TimeAxis of(PlotData data) {
    double seconds = Math.max(SHORTEST, duration(data));
    seconds = Math.max(seconds, data.mel().rows() * PlotData.MEL_SECONDS);
    seconds = Math.max(seconds, data.posteriors().time() * data.secondsPerFrame());
    for (Word word : data.words()) {
      seconds = Math.max(seconds, word.end());
    }
    return new TimeAxis(seconds);
  }

  static double duration(PlotData data) {
    return (double) data.audio().length() / data.audio().sampleRate();
  }

  /** The distance of ticks, in seconds, on an axis of this width. */
  double step(double pixels) {
    double least = TICK_PIXELS * seconds / pixels;
    for (double step : STEPS) {
      if (step >= least) {
        return step;
      }
    }
    double days = STEPS.get(STEPS.size() - 1);
    return Math.ceil(least / days) * days;
  }

  /** Ticks from 0 on. */
  List<Double> ticks(double step) {
    List<Double> ticks = new ArrayList<>();
    for (int i = 0; i * step <= seconds * (1 + 1e-9); i++) { // 3 * 0.1 is above 0.3
      ticks.add(i * step);
    }
    return ticks;
  }

  /** A tick in words: seconds on a short axis, otherwise minutes or hours too. */
  String label(double tick, double step) {
    int decimals = step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0;
    if (seconds < 60) {
      return fixed(tick, decimals);
    }
    double rounded = Double.parseDouble(fixed(tick, decimals)); // 59.99 is 1:00, not 0:60
    long minutes = (long) (rounded / 60);
    String rest = fixed(rounded - 60.0 * minutes, decimals);
    String padded = rest.indexOf('.') == 1 || rest.length() == 1 ? "0" + rest : rest;
    return seconds < 3600
        ? minutes + ":" + padded
        : Plot.format("%d:%02d:%s", minutes / 60, minutes % 60, padded);
  }

  /** What the labels are. */
  String unit() {
    return seconds < 60 ? "seconds" : seconds < 3600 ? "m:ss" : "h:mm:ss";
  }

  private static String fixed(double value, int decimals) {
    return Plot.format("%." + decimals + "f", value);
  }
}
