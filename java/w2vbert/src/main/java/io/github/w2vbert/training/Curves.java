package io.github.w2vbert.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.internal.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The log of a run as a page of curves that needs nothing else: no network, no script. It is
 * well-formed XML, too.
 */
public final class Curves {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int WIDTH = 800;
  private static final int HEIGHT = 220;
  private static final int LEFT = 80;
  private static final int BOTTOM = 30;
  private static final int MOST_POINTS = 800; // of a curve; neighbours are averaged
  private static final int TICKS = 4;

  private static final String STYLE =
      """
      body { font: 14px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; \
      padding: 0 1em; color: #1b1f24; background: #fff; }
      h2 { font-size: 1.1em; margin-bottom: 0; }
      svg { width: 100%; height: auto; }
      path { fill: none; stroke: #0b62c4; stroke-width: 1.5; }
      circle { fill: #0b62c4; }
      line { stroke: #d0d7de; }
      text { font: 11px system-ui, sans-serif; fill: #59636e; }
      @media (prefers-color-scheme: dark) {
        body { color: #e6edf3; background: #0d1117; }
        path { stroke: #58a6ff; } circle { fill: #58a6ff; }
        line { stroke: #30363d; } text { fill: #9198a1; }
      }
      """;

  /** A point of a curve. */
  private record Point(double step, double value) {}

  private Curves() {}

  /**
   * Writes {@code curves.html} beside the log of a run: loss, learning rate, gradient norm, and
   * what evaluations found.
   *
   * @param output of the run
   * @throws IllegalArgumentException if there is no log, or it is none
   * @throws W2vBertException if a file cannot be read or written
   */
  public static void write(Path output) {
    Path log = output.resolve(TrainingLog.FILE);
    Path page = output.resolve("curves.html");
    if (!Files.isRegularFile(log)) {
      throw new IllegalArgumentException(output + " has no " + TrainingLog.FILE);
    }
    String text;
    try {
      text = page(log);
    } catch (IOException e) {
      throw new W2vBertException("cannot read " + log + ": " + e, e);
    }
    TextFile.write(page, text);
  }

  private static String page(Path log) throws IOException {
    List<Point> loss = new ArrayList<>();
    List<Point> rate = new ArrayList<>();
    List<Point> norm = new ArrayList<>();
    List<Point> errors = new ArrayList<>();
    List<Point> characters = new ArrayList<>();
    List<Point> evaluationLoss = new ArrayList<>();
    String metric = "error";
    int number = 0;
    for (String line : Files.readAllLines(log)) {
      JsonNode event = event(log, ++number, line);
      double step = event.path("step").asDouble();
      switch (event.path("event").asText()) {
        case "step" -> {
          add(loss, step, event.path("loss"));
          add(rate, step, event.path("learningRate"));
          add(norm, step, event.path("gradientNorm"));
        }
        case "evaluation" -> {
          metric = event.path("metric").asText();
          add(errors, step, event.path("error"));
          add(characters, step, event.path("characterError"));
          add(evaluationLoss, step, event.path("loss"));
        }
        default -> {} // no curve
      }
    }
    return """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>Training</title>
        <style>
        """
        + STYLE
        + "</style>\n</head>\n<body>\n<h1>Training</h1>\n"
        + chart("Loss", averaged(loss))
        + chart("Learning rate", averaged(rate))
        + chart("Gradient norm", averaged(norm))
        + chart(metric + " of the evaluation", errors)
        + chart("CER of the evaluation", characters)
        + chart("Loss of the evaluation", evaluationLoss)
        + "</body>\n</html>\n";
  }

  private static JsonNode event(Path log, int number, String line) {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          log + ":" + number + ": not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /** Numbers that are not finite stand in the log as text. */
  private static void add(List<Point> points, double step, JsonNode value) {
    if (value.isNumber()) {
      points.add(new Point(step, value.doubleValue()));
    }
  }

  private static List<Point> averaged(List<Point> points) {
    int size = (points.size() + MOST_POINTS - 1) / MOST_POINTS;
    List<Point> means = new ArrayList<>();
    for (int begin = 0; begin < points.size(); begin += size) {
      List<Point> part = points.subList(begin, Math.min(begin + size, points.size()));
      means.add(
          new Point(
              part.stream().mapToDouble(Point::step).average().orElseThrow(),
              part.stream().mapToDouble(Point::value).average().orElseThrow()));
    }
    return means;
  }

  /** A curve with its axes; nothing of no points. */
  private static String chart(String title, List<Point> points) {
    if (points.isEmpty()) {
      return "";
    }
    double last = Math.max(1, points.get(points.size() - 1).step);
    double low = Math.min(0, points.stream().mapToDouble(Point::value).min().orElseThrow());
    double high = points.stream().mapToDouble(Point::value).max().orElseThrow();
    double span = high > low ? high - low : 1;
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s by step\">\n",
            title, WIDTH, HEIGHT, title));
    for (int tick = 0; tick <= TICKS; tick++) {
      double value = low + span * tick / TICKS;
      double y = y(value, low, span);
      svg.append(
          format(
              "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\""
                  + " text-anchor=\"end\">%.3g</text>\n",
              LEFT, y, WIDTH - 10, y, LEFT - 6, y + 4, value));
      double step = last * tick / TICKS;
      svg.append(
          format(
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
              x(step, last), HEIGHT - 8, step));
    }
    svg.append(
        points.stream()
            .map(point -> format("%.1f,%.1f", x(point.step, last), y(point.value, low, span)))
            .collect(Collectors.joining(" L", "<path d=\"M", "\"/>\n")));
    if (points.size() <= 50) {
      for (Point point : points) {
        svg.append(
            format(
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>step %.0f: %.4g</title></circle>\n",
                x(point.step, last), y(point.value, low, span), point.step, point.value));
      }
    }
    return svg.append("</svg>\n").toString();
  }

  private static double x(double step, double last) {
    return LEFT + (WIDTH - 10 - LEFT) * step / last;
  }

  private static double y(double value, double low, double span) {
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 10) * (value - low) / span;
  }

  private static String format(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
