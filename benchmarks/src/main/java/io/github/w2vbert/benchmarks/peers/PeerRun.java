package io.github.w2vbert.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.benchmarks.EncoderWork;
import io.github.w2vbert.benchmarks.PeakBenchmark;
import io.github.w2vbert.benchmarks.ProcessMemory;
import io.github.w2vbert.benchmarks.Synthetic;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One run over all engines and cases. Each engine lives in a process of its own and only one
 * computes at a time: case after case, round after round, all of them have their turn.
 */
final class PeerRun {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Compared before anything is timed. */
  private static final List<Integer> AGREEMENT = List.of(2, 1);

  private static final double ENOUGH_SECONDS = 1; // of calls in one turn
  private static final int MOST_CALLS = 10; // in one turn
  private static final double BRIEF_SECONDS = 2; // calls of which each turn's first is a warm-up

  /** Such calls are long enough to be their own warm-up, and happen once in each process. */
  private static final double LONG_SECONDS = 60;

  private static final int PRODUCTS = 5; // for the machine's rate, each time

  /** From here on temporaries that are square in time are the most of the memory. */
  private static final long SQUARE_FROM = 1000;

  private static final double USABLE_MEMORY = 0.8;

  private final PeerOptions options;
  private final Path folder;
  private final EncoderWork work;
  private final List<Case> cases;
  private final Map<String, Measurements> measurements = new LinkedHashMap<>();
  private final Map<String, float[]> references = new HashMap<>(); // first logits of each case
  private final List<Double> rates = new ArrayList<>(); // GFLOP/s of the machine
  private double rateBefore;
  private double rateAfter;

  /** A batch that all engines encode. */
  private record Case(String name, Path file, long[] lengths) {
    /** Pairs of frames when it is padded. */
    double pairs() {
      return (double) lengths.length * longest() * longest();
    }

    long longest() {
      return Arrays.stream(lengths).max().getAsLong();
    }
  }

  /** An engine whose model is open. */
  private record Running(Measurements measurements, EngineProcess process) {}

  PeerRun(PeerOptions options, Wav2Vec2BertConfig config) throws IOException {
    this.options = options;
    this.folder = options.work().toAbsolutePath();
    this.work = EncoderWork.of(config);
    FormulaCheckpoint.write(folder, config);
    options.engines().forEach(name -> Engines.named(name).files().accept(folder));
    this.cases = new ArrayList<>();
    for (List<Integer> seconds : options.cases()) {
      cases.add(writeCase(seconds));
    }
  }

  private Case writeCase(List<Integer> seconds) throws IOException {
    String name = seconds.stream().map(String::valueOf).collect(Collectors.joining("+"));
    Path file = folder.resolve("features-" + name + ".f32");
    List<Audio> clips = seconds.stream().map(Synthetic::audio).toList();
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}");
        RaggedFeatures features = extractor.extractRagged(clips)) {
      Batch.writeFloats(file, features.frames().toFloatArray());
      return new Case(name, file, features.lengths());
    }
  }

  /** Measures and returns all there is to know. */
  ObjectNode run() throws IOException {
    Case agreement = writeCase(AGREEMENT);
    for (int fork = 0; fork < options.forks(); fork++) {
      List<Running> engines = new ArrayList<>();
      try {
        start(engines);
        for (Running engine : engines) {
          if (fork == 0) {
            call(engine, agreement, 1, true);
          }
        }
        measure(engines, fork);
      } finally {
        for (Running engine : engines) {
          engine.process.close();
        }
      }
    }
    return results();
  }

  private void start(List<Running> engines) throws IOException {
    for (String name : options.engines()) {
      Measurements measured =
          measurements.computeIfAbsent(name, key -> new Measurements(Engines.named(name).title()));
      add(engines, measured, EngineProcess.java(name, options.threads()));
    }
    for (String command : options.commands()) {
      Measurements measured = measurements.computeIfAbsent(command, key -> new Measurements(""));
      // "exec": memory is measured by the process's number.
      List<String> shell = List.of("/bin/sh", "-c", "exec " + command);
      add(engines, measured, EngineProcess.start(command, shell));
    }
  }

  private void add(List<Running> engines, Measurements measured, EngineProcess process)
      throws IOException {
    engines.add(new Running(measured, process)); // to be closed in any case
    measured.bare = process.megabytes("VmRSS");
    JsonNode answer = open(process);
    measured.name = answer.get("engine").textValue();
    measured.weightBytes = answer.get("weight_bytes").longValue();
    measured.tolerance = answer.path("tolerance").asDouble(Double.POSITIVE_INFINITY);
    measured.openSeconds.add(answer.get("seconds").doubleValue());
    progress("%s is open after %.2f s", measured.name, answer.get("seconds").doubleValue());
  }

  private JsonNode open(EngineProcess process) throws IOException {
    return process.ask(
        JSON.createObjectNode().put("open", folder.toString()).put("threads", options.threads()));
  }

  private void measure(List<Running> engines, int fork) throws IOException {
    try (EngineProcess sgemm = EngineProcess.java(Engines.SGEMM.name(), options.threads())) {
      open(sgemm);
      double before = rate(sgemm);
      rateBefore = fork == 0 ? before : rateBefore;
      for (int i = 0; i < cases.size(); i++) {
        refuseTooLarge(engines, i);
        for (int round = 0; round < options.rounds(); round++) {
          rate(sgemm);
          List<Running> order = new ArrayList<>(engines);
          Collections.rotate(order, -(fork + round)); // nobody always follows the same one
          for (Running engine : order) {
            turn(engine, cases.get(i), fork, round);
          }
        }
      }
      rateAfter = rate(sgemm);
    }
  }

  /**
   * Leaves an engine out of a case whose temporaries, square in time, would not fit into memory by
   * what it needed before; and ends its process when there are no smaller cases to come.
   */
  private void refuseTooLarge(List<Running> engines, int index) throws IOException {
    Case one = cases.get(index);
    for (Running engine : engines) {
      Measurements measured = engine.measurements;
      Measurements.Cell cell = measured.cell(one.name);
      double needed = 0;
      for (Case other : cases) {
        Measurements.Cell before = measured.cells.get(other.name);
        if (other.longest() >= SQUARE_FROM && before != null && before.peak > 0) {
          double square = measured.beyondWeights(before) * one.pairs() / other.pairs();
          needed = square + measured.weightBytes / 1e6 + measured.bare;
        }
      }
      if (cell.peak > 0 || needed <= USABLE_MEMORY * ProcessMemory.total()) {
        continue;
      }
      cell.failure = String.format(Locale.ROOT, "would need about %.0f GB", needed / 1e3);
      boolean smaller =
          cases.subList(index, cases.size()).stream().anyMatch(c -> c.pairs() < one.pairs());
      if (!smaller) {
        engine.process.close();
      }
    }
  }

  /** Warms up where it must, then calls and counts. */
  private void turn(Running engine, Case one, int fork, int round) throws IOException {
    Measurements.Cell cell = engine.measurements.cell(one.name);
    boolean longCalls = round > 0 && !cell.seconds.isEmpty() && last(cell) > LONG_SECONDS;
    if (cell.failure != null || longCalls) {
      return;
    }
    try {
      engine.process.resetPeak();
      double before = round == 0 ? call(engine, one, 1, fork == 0).get(0) : last(cell);
      if (round == 0 && before > LONG_SECONDS) {
        cell.seconds.add(before);
      } else {
        int calls = (int) Math.min(MOST_CALLS, Math.ceil(ENOUGH_SECONDS / before));
        int warmUp = round > 0 && before < BRIEF_SECONDS ? 1 : 0;
        List<Double> seconds = call(engine, one, warmUp + calls, false);
        cell.seconds.addAll(seconds.subList(warmUp, seconds.size()));
      }
      cell.peak = Math.max(cell.peak, engine.process.megabytes("VmHWM"));
      cell.anonymous = Math.max(cell.anonymous, engine.process.megabytes("RssAnon"));
      progress(
          "fork %d, round %d, %s s: %s %.3f s",
          fork + 1, round + 1, one.name, engine.measurements.name, last(cell));
    } catch (EngineProcess.EngineFailure e) {
      cell.failure = e.getMessage();
      progress("%s", e.getMessage());
    }
  }

  private static double last(Measurements.Cell cell) {
    return cell.seconds.get(cell.seconds.size() - 1);
  }

  private List<Double> call(Running engine, Case one, int calls, boolean compares)
      throws IOException {
    ObjectNode request =
        JSON.createObjectNode().put("run", calls).put("input", one.file.toString());
    request.set("lengths", JSON.valueToTree(one.lengths));
    Path file = folder.resolve("logits.f32");
    if (compares) {
      request.put("logits", file.toString());
    }
    List<Double> seconds = new ArrayList<>();
    engine.process.ask(request).get("seconds").forEach(value -> seconds.add(value.doubleValue()));
    if (compares) {
      compare(engine.measurements, one, Batch.readFloats(file));
      Files.delete(file);
    }
    return seconds;
  }

  /** Refuses logits that are too far from the first engine's. */
  private void compare(Measurements measured, Case one, float[] logits) {
    float[] reference = references.putIfAbsent(one.name, logits);
    double difference = reference == null ? 0 : relativeRms(reference, logits);
    measured.cell(one.name).difference = difference;
    if (!(difference <= measured.tolerance)) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "logits of %s for %s s are off by %.2g of their root mean square; expected at most"
                  + " %.2g",
              measured.name,
              one.name,
              difference,
              measured.tolerance));
    }
  }

  private static double relativeRms(float[] reference, float[] values) {
    if (reference.length != values.length) {
      throw new IllegalStateException(
          values.length + " logits; expected " + reference.length + " as of the first engine");
    }
    double squares = 0;
    double differences = 0;
    for (int i = 0; i < values.length; i++) {
      double difference = (double) values[i] - reference[i];
      differences += difference * difference;
      squares += (double) reference[i] * reference[i];
    }
    return Math.sqrt(differences / squares);
  }

  /** The median of a few products, in GFLOP/s. */
  private double rate(EngineProcess sgemm) throws IOException {
    ObjectNode request = JSON.createObjectNode().put("run", PRODUCTS + 1);
    request.put("input", cases.get(0).file.toString());
    request.set("lengths", JSON.valueToTree(cases.get(0).lengths));
    List<Double> seconds = new ArrayList<>();
    sgemm.ask(request).get("seconds").forEach(value -> seconds.add(value.doubleValue()));
    double rate = PeakBenchmark.FLOPS / Measurements.median(seconds.subList(1, seconds.size()));
    rates.add(rate * 1e-9);
    progress("sgemm %.1f GFLOP/s", rate * 1e-9);
    return rate * 1e-9;
  }

  private ObjectNode results() throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    json.put("processor", processor());
    json.put("threads", options.threads());
    json.put("forks", options.forks());
    json.put("rounds", options.rounds());
    json.put("java", System.getProperty("java.version"));
    json.put("libtorch", W2vBert.libTorchVersion());
    ObjectNode sgemm = json.putObject("sgemm_gflops");
    sgemm.put("before", rateBefore);
    sgemm.put("after", rateAfter);
    sgemm.put("median", Measurements.median(rates));
    sgemm.set("all", Measurements.array(rates));
    Map<String, Double> flops = new LinkedHashMap<>();
    ObjectNode batches = json.putObject("cases");
    for (Case one : cases) {
      flops.put(one.name, work.flops(one.lengths));
      ObjectNode batch = batches.putObject(one.name).put("gflop", flops.get(one.name) * 1e-9);
      batch.set("frames", JSON.valueToTree(one.lengths));
    }
    ObjectNode engines = json.putObject("engines");
    measurements.forEach((name, measured) -> engines.set(name, measured.toJson(flops)));
    return json;
  }

  /** The processor's name as Linux has it. */
  static String processor() throws IOException {
    return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
        .filter(line -> line.startsWith("model name"))
        .map(line -> line.replaceFirst("^[^:]*:\\s*", ""))
        .findFirst()
        .orElse("unknown");
  }

  private static void progress(String format, Object... values) {
    System.err.printf(Locale.ROOT, format + "%n", values);
  }
}
