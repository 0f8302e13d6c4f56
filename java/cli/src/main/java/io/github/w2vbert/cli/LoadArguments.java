package io.github.w2vbert.cli;

import io.github.w2vbert.DeviceOptions;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.WeightType;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How the weights of a model are stored, and where it computes. */
final class LoadArguments {
  private static final Pattern GRAPHS = Pattern.compile("none|\\d{1,9}(,\\d{1,9})*");

  private static final String NEEDED = "a GPU; choose one with --device cuda";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      defaultValue = "float32",
      converter = Words.StoredTypes.class,
      completionCandidates = Words.StoredTypes.class,
      description =
          "How the model is kept in memory: ${COMPLETION-CANDIDATES}. Those of 16 bits need half the"
              + " memory; int8 (on the CPU) needs a third, is 1.6 times as fast, and off by 1 to 2"
              + " percent; float8 (on GPUs of compute capability 9 and 10) needs a third, and is"
              + " off by 5 to 12 percent."
              + " Default: ${DEFAULT-VALUE}.")
  private WeightType type;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description =
          "Where the model computes: cpu, cuda (the first GPU) or cuda:N, there in the type of"
              + " --weights, which is not int8 then. Default: ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--graphs",
      paramLabel = "FRAMES",
      description =
          "On a GPU: lengths up to which single recordings are computed by CUDA graphs, in input"
              + " frames, 50 per second with the usual extractor, such as 100,200,400; or none."
              + " Default: lengths from 1 to 30 seconds.")
  private String graphs;

  @Option(
      names = "--warm-up",
      description =
          "On a GPU: capture all graphs when the model is opened rather than when they are needed.")
  private boolean warmUp;

  @Option(
      names = "--memory-limit",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description =
          "On a GPU: the most of its memory that the model may take, such as 8GB or 8GiB.")
  private Long memoryLimit;

  @Option(
      names = "--sessions",
      paramLabel = "N",
      description =
          "On a GPU: calls that the model computes at the same time, 1 to "
              + DeviceOptions.MAX_SESSIONS
              + "; each takes memory. Default: "
              + DeviceOptions.DEFAULT_SESSIONS
              + ".")
  private Integer sessions;

  /**
   * The options that the arguments make.
   *
   * @throws picocli.CommandLine.ParameterException if they are wrong
   */
  LoadOptions options() {
    Usage usage = new Usage(command.commandLine());
    DeviceOptions chosen =
        usage.change(DeviceOptions.CPU, "--device", device, (cpu, name) -> DeviceOptions.of(name));
    Boolean warms = warmUp ? true : null;
    boolean onGpu = !chosen.equals(DeviceOptions.CPU);
    usage.requireEffect("--graphs", graphs, onGpu, NEEDED);
    usage.requireEffect("--warm-up", warms, onGpu, NEEDED);
    usage.requireEffect("--memory-limit", memoryLimit, onGpu, NEEDED);
    usage.requireEffect("--sessions", sessions, onGpu, NEEDED);
    chosen = usage.change(chosen, "--graphs", graphs, LoadArguments::withGraphs);
    chosen = usage.change(chosen, "--warm-up", warms, (gpu, on) -> gpu.withWarmUp());
    chosen = usage.change(chosen, "--memory-limit", memoryLimit, DeviceOptions::withMemoryLimit);
    chosen = usage.change(chosen, "--sessions", sessions, DeviceOptions::withSessions);
    return LoadOptions.DEFAULT.withWeights(type).withDevice(chosen);
  }

  private static DeviceOptions withGraphs(DeviceOptions options, String text) {
    if (!GRAPHS.matcher(text).matches()) {
      throw new IllegalArgumentException("expected numbers such as 100,200,400, or none");
    }
    return text.equals("none")
        ? options.withoutGraphs()
        : options.withGraphBuckets(
            Stream.of(text.split(",")).mapToInt(Integer::parseInt).toArray());
  }
}
