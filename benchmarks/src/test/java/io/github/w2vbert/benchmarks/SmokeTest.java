package io.github.w2vbert.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark runs, agrees with its peer before it does, and finds its place in the table. */
class SmokeTest {
  private static final List<Class<?>> BENCHMARKS =
      List.of(
          BeamSearchBenchmark.class,
          CausalDepthwiseConv1dBenchmark.class,
          EncoderBenchmark.class,
          FrontEndBenchmark.class,
          JniBenchmark.class,
          PeakBenchmark.class,
          RelativePositionAttentionBenchmark.class,
          SmallModelBenchmark.class,
          TrainingStepBenchmark.class);

  /** Class and method, as JMH names them. */
  private static Set<String> methods() {
    Set<String> names = new TreeSet<>();
    for (Class<?> type : BENCHMARKS) {
      Arrays.stream(type.getMethods())
          .filter(method -> method.isAnnotationPresent(Benchmark.class))
          .forEach(method -> names.add(type.getName() + "." + method.getName()));
    }
    return names;
  }

  /** One call of each, in this process, with the smallest parameters. */
  private static OptionsBuilder once() {
    OptionsBuilder options = new OptionsBuilder();
    options
        .forks(0)
        .mode(Mode.SingleShotTime)
        .warmupIterations(0)
        .measurementIterations(1)
        .param("time", "50")
        .param("seconds", "1")
        .param("hotWords", "100")
        .shouldFailOnError(true)
        .verbosity(VerboseMode.SILENT);
    return options;
  }

  private static void run(Options options) throws RunnerException {
    System.setProperty("jmh.ignoreLock", "true"); // nothing is timed: others may run beside
    new Runner(options).run();
  }

  @Test
  void everyBenchmarkRunsAgreesWithItsPeerAndIsInTheTable(@TempDir Path folder)
      throws RunnerException, IOException {
    Path file = folder.resolve("results.json");
    run(once().resultFormat(ResultFormatType.JSON).result(file.toString()).build());

    var json = new ObjectMapper().readTree(file.toFile());
    Set<String> ran = new TreeSet<>();
    json.forEach(result -> ran.add(result.get("benchmark").textValue()));
    assertEquals(methods(), ran);

    List<String> rows = Table.markdown(json).lines().toList();
    // Two lines of heading; a row for each method without a peer, and one for each peer.
    long peers = ran.stream().filter(name -> name.contains("LibTorch")).count();
    assertEquals(2 + peers + withoutPeer(ran), rows.size(), () -> String.join("\n", rows));
    assertTrue(rows.stream().anyMatch(row -> row.contains("| 100 % |")), "the peak of itself");
  }

  private static long withoutPeer(Set<String> names) {
    Stream<String> ours = names.stream().filter(name -> !name.contains("LibTorch"));
    return ours.filter(
            name -> names.stream().noneMatch(other -> other.startsWith(name + "LibTorch")))
        .count();
  }

  @Test
  void aBenchmarkThatCannotBePreparedFails() {
    Options options =
        once().include(EncoderBenchmark.class.getName()).param("shape", "huge").build();
    assertThrows(RunnerException.class, () -> run(options));
  }

  @Test
  void differentOutputsAreRefused() {
    float[] values = {1, 2, 3};
    Agreement.require("same", values, new float[] {1, 2, 3.05f}, 0.1);
    var difference =
        assertThrows(
            IllegalStateException.class,
            () -> Agreement.require("x", values, new float[] {1, 2, 3.5f}, 0.1));
    assertTrue(
        difference.getMessage().startsWith("x[2] is 3.0 against 3.5"), difference.getMessage());
    assertThrows(
        IllegalStateException.class,
        () -> Agreement.require("NaN", new float[] {Float.NaN}, new float[] {Float.NaN}, 1));
    assertThrows(
        IllegalStateException.class, () -> Agreement.require("short", values, new float[2], 1));
  }
}
