package io.github.w2vbert.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What one engine has shown in all of its processes. */
final class Measurements {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** One case. */
  static final class Cell {
    /** Of every call that counts. */
    final List<Double> seconds = new ArrayList<>();

    /** The most that was resident during a call, in MB. */
    double peak;

    /** Of that, what belongs to no file. */
    double anonymous;

    /** How far its logits are off, relative; negative if not compared. */
    double difference = -1;

    /** Why there is no time, or null. */
    String failure;
  }

  final String title;
  final Map<String, Cell> cells = new LinkedHashMap<>();
  String name = "";
  long weightBytes;
  double tolerance;
  final List<Double> openSeconds = new ArrayList<>();

  /** Resident before it opened the model: the Java machine and libraries, in MB. */
  double bare;

  Measurements(String title) {
    this.title = title;
  }

  Cell cell(String name) {
    return cells.computeIfAbsent(name, key -> new Cell());
  }

  /** Memory of a case that is neither weights nor there before the model, in MB. */
  double beyondWeights(Cell cell) {
    return cell.peak - weightBytes / 1e6 - bare;
  }

  /**
   * As JSON.
   *
   * @param flops useful work of each case
   */
  ObjectNode toJson(Map<String, Double> flops) {
    ObjectNode json = JSON.createObjectNode();
    json.put("title", title.isEmpty() ? name : title);
    json.put("engine", name);
    json.put("weights_mb", weightBytes / 1e6);
    json.put("process_mb", bare);
    json.set("open_seconds", array(openSeconds));
    ObjectNode all = json.putObject("cases");
    cells.forEach(
        (key, cell) -> {
          ObjectNode one = all.putObject(key);
          if (cell.failure != null) {
            one.put("failure", cell.failure);
          }
          if (cell.difference >= 0) {
            one.put("relative_rms", cell.difference);
          }
          if (!cell.seconds.isEmpty()) {
            one.put("median_seconds", median(cell.seconds));
            one.put("gflops", flops.get(key) / median(cell.seconds) * 1e-9);
            one.put("peak_rss_mb", cell.peak);
            one.put("anonymous_mb", cell.anonymous);
            one.put("beyond_weights_mb", beyondWeights(cell));
            one.set("seconds", array(cell.seconds));
          }
        });
    return json;
  }

  static ArrayNode array(Collection<Double> values) {
    ArrayNode array = JSON.createArrayNode();
    values.forEach(array::add);
    return array;
  }

  static double median(Collection<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int half = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(half)
        : (sorted.get(half - 1) + sorted.get(half)) / 2;
  }
}
