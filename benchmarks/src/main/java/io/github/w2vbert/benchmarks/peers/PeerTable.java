package io.github.w2vbert.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The Markdown table of a run's JSON. */
final class PeerTable {
  private static final String MEMORY_CASE = "30";
  private static final String NOTHING = "–";

  private PeerTable() {}

  static String markdown(JsonNode results) {
    List<String> cases = new ArrayList<>();
    results.get("cases").fieldNames().forEachRemaining(cases::add);
    String memoryCase = cases.contains(MEMORY_CASE) ? MEMORY_CASE : cases.get(cases.size() - 1);
    JsonNode sgemm = results.get("sgemm_gflops");
    double rate = sgemm.get("median").doubleValue();
    StringBuilder table = new StringBuilder();
    table.append(
        String.format(
            Locale.ROOT,
            "%s, %d threads, JDK %s, LibTorch %s, %s; %d processes of each engine with %d rounds,"
                + " medians.%nsgemm %.1f GFLOP/s (before %.1f, after %.1f).%n"
                + "Seconds, and in brackets useful work in %% of sgemm.%n%n",
            results.get("processor").textValue(),
            results.get("threads").intValue(),
            results.get("java").textValue(),
            results.get("libtorch").textValue(),
            results.get("date").textValue(),
            results.get("forks").intValue(),
            results.get("rounds").intValue(),
            rate,
            sgemm.get("before").doubleValue(),
            sgemm.get("after").doubleValue()));
    List<String> heading = new ArrayList<>(List.of("engine"));
    for (String name : cases) {
      heading.add(
          name.contains("+")
              ? name.split("\\+").length + " ragged (" + name.replace("+", ", ") + " s)"
              : name + " s");
    }
    heading.add("peak RSS at " + memoryCase + " s");
    heading.add("beyond the weights");
    heading.add("opened in");
    heading.add("logits off by");
    row(table, heading);
    List<String> line = new ArrayList<>(List.of("---"));
    heading.stream().skip(1).forEach(cell -> line.add("---:"));
    row(table, line);
    List<String> notes = new ArrayList<>();
    for (JsonNode engine : results.get("engines")) {
      row(table, engineRow(engine, cases, memoryCase, rate));
      for (String name : cases) {
        JsonNode failure = engine.get("cases").path(name).path("failure");
        if (failure.isTextual()) {
          notes.add(engine.get("title").textValue() + ", " + name + " s: " + failure.textValue());
        }
      }
    }
    if (!notes.isEmpty()) {
      table.append("\nNot measured:\n");
      notes.forEach(note -> table.append("- ").append(note).append('\n'));
    }
    return table.toString();
  }

  private static List<String> engineRow(
      JsonNode engine, List<String> cases, String memoryCase, double rate) {
    List<String> cells = new ArrayList<>(List.of(engine.get("title").textValue()));
    double worst = 0;
    for (String name : cases) {
      JsonNode cell = engine.get("cases").path(name);
      worst = Math.max(worst, cell.path("relative_rms").doubleValue());
      cells.add(
          cell.has("median_seconds")
              ? String.format(
                  Locale.ROOT,
                  "%s (%.0f)",
                  significant(cell.get("median_seconds").doubleValue()),
                  100 * cell.get("gflops").doubleValue() / rate)
              : NOTHING);
    }
    JsonNode memory = engine.get("cases").path(memoryCase);
    boolean measured = memory.has("peak_rss_mb");
    cells.add(
        measured
            ? String.format(Locale.ROOT, "%.2f GB", memory.get("peak_rss_mb").doubleValue() / 1e3)
            : NOTHING);
    cells.add(
        measured
            ? String.format(Locale.ROOT, "%.0f MB", memory.get("beyond_weights_mb").doubleValue())
            : NOTHING);
    cells.add(significant(Measurements.median(doubles(engine.get("open_seconds")))) + " s");
    cells.add(String.format(Locale.ROOT, "%.2g %%", 100 * worst));
    return cells;
  }

  private static List<Double> doubles(JsonNode array) {
    List<Double> values = new ArrayList<>();
    array.forEach(value -> values.add(value.doubleValue()));
    return values;
  }

  private static void row(StringBuilder table, List<String> cells) {
    table.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private static String significant(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }
}
