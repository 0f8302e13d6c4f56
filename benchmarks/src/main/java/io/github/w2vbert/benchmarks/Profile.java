package io.github.w2vbert.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.w2vbert.Audio;
import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.benchmarks.peers.FormulaCheckpoint;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * Where does the time from samples to logits go, stage by stage, and how far is each from what its
 * operations and bytes allow? Samples of {@code perf}, taken while this process runs the real
 * shape, are grouped by the names of native functions, see {@link Stages}.
 */
public final class Profile {
  private static final int SAMPLES_PER_SECOND = 997;
  private static final double LEAST_SECONDS = 4; // of samples
  private static final int PASSES = 5; // for the machine's rate
  private static final long STREAMED = 64 << 20; // elements, far more than any cache has

  private final StageFloors floors;
  private final Stages stages = Stages.read();
  private final Path samples;

  private Profile(StageFloors floors, Path folder) throws IOException {
    this.floors = floors;
    this.samples = folder.resolve("perf.data");
  }

  /** Arguments: the folder for the checkpoint; seconds of audio, 1 10 30 if absent. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length < 1) {
      throw new IllegalArgumentException("expected a folder and perhaps seconds");
    }
    requirePerf();
    Path folder = Path.of(arguments[0]).toAbsolutePath();
    int[] seconds =
        arguments.length > 1
            ? Arrays.stream(arguments).skip(1).mapToInt(Integer::parseInt).toArray()
            : new int[] {1, 10, 30};
    Wav2Vec2BertConfig config = FormulaCheckpoint.realShape();
    FormulaCheckpoint.write(folder, config);
    double gflops = PeakBenchmark.FLOPS / fastest(product()) * 1e-9;
    double bandwidth = STREAMED * Float.BYTES / fastest(stream()) * 1e-9;
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    out.printf(
        Locale.ROOT,
        "%d threads, %s; floors from %.1f GFLOP/s of sgemm and %.1f GB/s of reading%n",
        W2vBert.threads(),
        W2vBert.simdLevel(),
        gflops,
        bandwidth);
    Profile profile = new Profile(new StageFloors(config, gflops * 1e9, bandwidth * 1e9), folder);
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}");
        Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder)) {
      for (int length : seconds) {
        out.println();
        out.print(profile.markdown(extractor, model, length));
      }
    }
  }

  private static void requirePerf() throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder("perf", "--version").start();
    } catch (IOException e) {
      throw new IllegalStateException(
          "the profile needs the command perf, which is not there: install linux-perf or"
              + " linux-tools",
          e);
    }
    if (process.waitFor() != 0) {
      throw new IllegalStateException(
          "perf --version fails: " + new String(process.getErrorStream().readAllBytes(), UTF_8));
    }
  }

  private static Supplier<Long> product() {
    PeakBenchmark product = new PeakBenchmark();
    product.prepare();
    return product::product;
  }

  private static Supplier<Long> stream() {
    Tensor values = LibTorch.normal(1, STREAMED);
    return () -> LibTorch.run(values::sum);
  }

  /** Seconds of the fastest of a few calls. */
  private static double fastest(Supplier<Long> call) {
    double best = Double.POSITIVE_INFINITY;
    for (int i = 0; i < PASSES; i++) {
      long start = System.nanoTime();
      call.get();
      best = Math.min(best, (System.nanoTime() - start) * 1e-9);
    }
    return best;
  }

  private String markdown(FeatureExtractor extractor, Wav2Vec2BertForCTC model, int length)
      throws IOException, InterruptedException {
    Audio clip = Synthetic.audio(length);
    Runnable pass = () -> pass(extractor, model, clip);
    pass.run();
    Process perf = record();
    int passes = 0;
    long start = System.nanoTime();
    do {
      pass.run();
      passes++;
    } while ((System.nanoTime() - start) * 1e-9 < LEAST_SECONDS);
    double seconds = (System.nanoTime() - start) * 1e-9 / passes;
    perf.destroy(); // it writes what it has and ends
    perf.waitFor();
    return table(length, seconds, shares(report(), stages));
  }

  private static void pass(FeatureExtractor extractor, Wav2Vec2BertForCTC model, Audio clip) {
    try (RaggedFeatures features = extractor.extractRagged(List.of(clip));
        OutputList<CtcOutput> outputs = model.encode(features)) {
      outputs.get(0).logits().elements();
    }
  }

  private Process record() throws IOException, InterruptedException {
    Process perf =
        new ProcessBuilder(
                "perf",
                "record",
                "--quiet",
                "--freq=" + SAMPLES_PER_SECOND,
                "--event=cycles",
                "--output=" + samples,
                "--pid=" + ProcessHandle.current().pid())
            .inheritIO()
            .start();
    // Until it is attached. Passes that it misses do no harm: shares are of what it saw.
    if (perf.waitFor(1, TimeUnit.SECONDS)) {
      throw new IllegalStateException("perf record ended with " + perf.exitValue());
    }
    return perf;
  }

  private String report() throws IOException, InterruptedException {
    Process perf =
        new ProcessBuilder(
                "perf",
                "report",
                "--stdio",
                "--quiet",
                "--no-demangle",
                "--percent-limit=0",
                "--fields=overhead,dso,symbol",
                "--field-separator=;",
                "--input=" + samples)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String text = new String(perf.getInputStream().readAllBytes(), UTF_8);
    if (perf.waitFor() != 0 || text.isBlank()) {
      throw new IllegalStateException("perf report of " + samples + " ended without a report");
    }
    Files.delete(samples);
    return text;
  }

  /** Per cent of each stage, from lines {@code per cent;library;[.] symbol}. */
  static Map<String, Double> shares(String report, Stages stages) {
    Map<String, Double> shares = stages.zeros();
    for (String line : report.lines().toList()) {
      String[] fields = line.split(";", 3);
      if (fields.length == 3) {
        double share = Double.parseDouble(fields[0].replace("%", "").strip());
        String symbol = fields[2].strip().replaceFirst("^\\[.\\] ", "");
        shares.merge(stages.of(fields[1].strip() + " " + symbol), share, Double::sum);
      }
    }
    return shares;
  }

  private String table(int length, double seconds, Map<String, Double> shares) {
    Map<String, Double> least = floors.seconds(length);
    StringBuilder table = new StringBuilder();
    table.append("| ").append(length).append(" s | ms | share | floor, ms | of the floor |\n");
    table.append("| --- | ---: | ---: | ---: | ---: |\n");
    shares.forEach(
        (stage, share) ->
            row(table, stage, seconds * share / 100, share, least.getOrDefault(stage, 0.0)));
    double all = least.values().stream().mapToDouble(Double::doubleValue).sum();
    row(table, "all", seconds, 100, all);
    return table.toString();
  }

  private static void row(
      StringBuilder table, String stage, double seconds, double share, double floor) {
    table.append(
        String.format(
            Locale.ROOT,
            "| %s | %.2f | %.1f %% | %.2f | %s |%n",
            stage,
            seconds * 1e3,
            share,
            floor * 1e3,
            floor > 0 ? String.format(Locale.ROOT, "%.2f", seconds / floor) : ""));
  }
}
