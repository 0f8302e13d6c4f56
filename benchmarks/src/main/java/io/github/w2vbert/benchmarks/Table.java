package io.github.w2vbert.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Turns JMH's JSON into the Markdown table of the README. */
public final class Table {
  private static final String PEER = "LibTorch"; // see Protocol
  private static final String PEAK = "PeakBenchmark";

  private Table() {}

  /** One line of JMH's results; times in nanoseconds. */
  private record Result(
      String question, String method, Map<String, String> parameters, double time, double error) {

    static Result of(JsonNode json) {
      String[] names = json.get("benchmark").textValue().split("\\.");
      Map<String, String> parameters = new TreeMap<>();
      json.path("params").forEachEntry((name, value) -> parameters.put(name, value.textValue()));
      JsonNode metric = json.get("primaryMetric");
      double unit = nanoseconds(metric.get("scoreUnit").textValue());
      return new Result(
          names[names.length - 2],
          names[names.length - 1],
          parameters,
          metric.get("score").doubleValue() * unit,
          // JMH writes "NaN" where a single iteration leaves no error.
          metric.get("scoreError").asDouble(Double.NaN) * unit);
    }

    private static double nanoseconds(String unit) {
      return switch (unit) {
        case "ns/op" -> 1;
        case "us/op" -> 1e3;
        case "ms/op" -> 1e6;
        case "s/op" -> 1e9;
        default ->
            throw new IllegalArgumentException("unit " + unit + "; expected a time per call");
      };
    }

    boolean isPeer() {
      return method.contains(PEER);
    }

    boolean isPeerOf(Result other) {
      return question.equals(other.question)
          && parameters.equals(other.parameters)
          && method.startsWith(other.method + PEER);
    }

    /** {@code LibTorch}, or {@code LibTorch fused}. */
    String peerName() {
      String variant = method.substring(method.indexOf(PEER) + PEER.length());
      return (PEER + " " + variant.toLowerCase(Locale.ROOT)).trim();
    }

    /** Operations per nanosecond, which is GFLOP/s, where operations are counted. */
    OptionalDouble speed() {
      OptionalDouble flops = flops();
      return flops.isPresent() ? OptionalDouble.of(flops.getAsDouble() / time) : flops;
    }

    private OptionalDouble flops() {
      return switch (question) {
        case PEAK -> OptionalDouble.of(PeakBenchmark.FLOPS);
        case "CausalDepthwiseConv1dBenchmark" ->
            OptionalDouble.of(CausalDepthwiseConv1dBenchmark.flops(integer("time")));
        case "RelativePositionAttentionBenchmark" ->
            OptionalDouble.of(AttentionInputs.flops(integer("time")));
        case "EncoderBenchmark" ->
            OptionalDouble.of(EncoderBenchmark.flops(parameters.get("shape"), integer("seconds")));
        default -> OptionalDouble.empty();
      };
    }

    private int integer(String parameter) {
      return Integer.parseInt(parameters.get(parameter));
    }
  }

  /** Argument: a file that {@code run} or {@code -rf json} wrote. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 1) {
      throw new IllegalArgumentException("expected one file with JMH's results as JSON");
    }
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    out.print(markdown(new ObjectMapper().readTree(Path.of(arguments[0]).toFile())));
  }

  /** The table: a row for every method and peer. */
  static String markdown(JsonNode json) {
    List<Result> results = new ArrayList<>();
    json.forEach(result -> results.add(Result.of(result)));
    OptionalDouble peak =
        results.stream()
            .filter(result -> result.question().equals(PEAK))
            .mapToDouble(result -> result.speed().getAsDouble())
            .findFirst();
    StringBuilder table = new StringBuilder();
    row(
        table,
        "question",
        "with",
        "value",
        "peer",
        "ratio",
        "GFLOP/s",
        "share of peak",
        "per second of audio");
    row(table, "---", "---", "---:", "---:", "---:", "---:", "---:", "---:");
    for (Result ours : results) {
      if (ours.isPeer()) {
        continue;
      }
      List<Result> peers = results.stream().filter(other -> other.isPeerOf(ours)).toList();
      if (peers.isEmpty()) {
        row(table, ours, "", "", peak);
      }
      for (Result peer : peers) {
        row(
            table,
            ours,
            peer.peerName() + " " + duration(peer.time()) + deviation(peer),
            String.format(Locale.ROOT, "%.2f", peer.time() / ours.time()),
            peak);
      }
    }
    return table.toString();
  }

  private static void row(
      StringBuilder table, Result ours, String peer, String ratio, OptionalDouble peak) {
    OptionalDouble speed = ours.speed();
    String seconds = ours.parameters().get("seconds");
    row(
        table,
        ours.question().replace("Benchmark", "") + "." + ours.method(),
        ours.parameters().entrySet().stream()
            .map(p -> p.getKey() + " " + p.getValue())
            .collect(Collectors.joining(", ")),
        duration(ours.time()) + deviation(ours),
        peer,
        ratio,
        speed.isPresent() ? significant(speed.getAsDouble()) : "",
        speed.isPresent() && peak.isPresent()
            ? String.format(Locale.ROOT, "%.0f %%", 100 * speed.getAsDouble() / peak.getAsDouble())
            : "",
        seconds == null ? "" : duration(ours.time() / Integer.parseInt(seconds)));
  }

  private static void row(StringBuilder table, String... cells) {
    table.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  /** Three significant digits in the unit that suits. */
  private static String duration(double nanoseconds) {
    if (nanoseconds < 1e3) {
      return significant(nanoseconds) + " ns";
    }
    if (nanoseconds < 1e6) {
      return significant(nanoseconds / 1e3) + " us";
    }
    return nanoseconds < 1e9
        ? significant(nanoseconds / 1e6) + " ms"
        : significant(nanoseconds / 1e9) + " s";
  }

  private static String significant(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Half the 99.9 % confidence interval, as JMH gives it. */
  private static String deviation(Result result) {
    return Double.isNaN(result.error())
        ? ""
        : String.format(Locale.ROOT, " ± %.0f %%", 100 * result.error() / result.time());
  }
}
