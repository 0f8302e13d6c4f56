package io.github.w2vbert.cli;

import static io.github.w2vbert.WeightType.BFLOAT16;
import static io.github.w2vbert.WeightType.FLOAT16;
import static io.github.w2vbert.WeightType.FLOAT32;
import static io.github.w2vbert.WeightType.FLOAT8;
import static io.github.w2vbert.WeightType.INT8;

import io.github.w2vbert.CudaDriver;
import io.github.w2vbert.DefaultModel;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.WeightType;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Describes the installation and checks that it computes right. */
@Command(
    name = "doctor",
    description = {
      "Describes this installation and checks its results against a recorded run of the reference,",
      "with weights of every type, and on every GPU that can be used. Exit status 1 if they differ."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  w2vbert doctor", "  W2VBERT_SIMD=portable w2vbert doctor"})
final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    try (GoldenCase builtIn = GoldenCase.extract()) {
      return examine(builtIn.folder(), spec.commandLine().getOut());
    }
  }

  /** Prints the report and returns the exit status; `folder` holds the case to check. */
  static int examine(Path folder, PrintWriter out) throws IOException {
    line(out, "w2vbert", Version.read());
    line(
        out,
        "platform",
        property("os.name") + " " + property("os.version") + ", " + property("os.arch"));
    line(
        out,
        "java",
        property("java.version") + ", " + property("java.vm.name") + ", " + property("java.home"));
    line(
        out,
        "threads",
        W2vBert.threads()
            + " of "
            + Runtime.getRuntime().availableProcessors()
            + " processors, "
            + W2vBert.concurrency()
            + " computing call(s) at a time");
    line(out, "libtorch", W2vBert.libTorchVersion() + ", " + W2vBert.nativeSource());
    describeGpus(out, W2vBert.cudaDriver());
    describeCudaLibraries(out, W2vBert.cudaLibraries());
    line(out, "model", defaultModel());
    try {
      line(out, "kernels", W2vBert.simdLevel());
      String refusal = W2vBert.registrationFailure();
      line(out, "operators", refusal.isEmpty() ? "registered with LibTorch" : refusal);
      boolean passed = true;
      for (WeightType weights : List.of(FLOAT32, FLOAT16, BFLOAT16, INT8)) {
        passed &= check(folder, SelfCheck.CPU, weights, out);
      }
      List<CudaDriver.Device> gpus = usableGpus();
      for (int gpu = 0; gpu < gpus.size(); gpu++) {
        for (WeightType weights : gpuTypes(gpus.get(gpu).computeCapability())) {
          passed &= check(folder, "cuda:" + gpu, weights, out);
        }
      }
      return passed ? ExitCode.OK : ExitCode.SOFTWARE;
    } catch (W2vBertException e) {
      line(out, "self-check", "FAIL: " + Failures.oneLine(e.getMessage()));
      return ExitCode.SOFTWARE;
    }
  }

  private static List<CudaDriver.Device> usableGpus() {
    List<CudaDriver.Device> gpus = W2vBert.cudaDriver().devices();
    return gpus.isEmpty() || !W2vBert.cudaProblem().isEmpty() ? List.of() : gpus;
  }

  /** The types of weights that a GPU takes with LibTorch 2.10. */
  static List<WeightType> gpuTypes(String computeCapability) {
    double capability = Double.parseDouble(computeCapability);
    return capability < 9 || capability >= 11
        ? List.of(FLOAT32, FLOAT16, BFLOAT16)
        : List.of(FLOAT32, FLOAT16, BFLOAT16, FLOAT8);
  }

  private static boolean check(Path folder, String device, WeightType weights, PrintWriter out)
      throws IOException {
    SelfCheck check = SelfCheck.run(folder, device, weights);
    line(out, "self-check", check.toString());
    return check.passed();
  }

  /** The model that commands take if none is named, or why there is none. */
  private static String defaultModel() throws IOException {
    try {
      Path folder = DefaultModel.directory();
      CardFile card = CardFile.of(folder);
      return card.title()
          + ", "
          + WeightFiles.of(folder)
          + ", "
          + Tokenizer.fromPretrained(folder).vocabularySize()
          + " tokens, licence "
          + card.licence()
          + ", in "
          + folder;
    } catch (W2vBertException | IllegalArgumentException e) {
      return "none: " + Failures.oneLine(e.getMessage());
    }
  }

  private static void describeGpus(PrintWriter out, CudaDriver driver) {
    for (CudaDriver.Device device : driver.devices()) {
      String memory = String.format(Locale.ROOT, "%.1f GiB", device.memoryBytes() / 0x1p30);
      line(
          out,
          "gpu",
          device.name() + ", compute capability " + device.computeCapability() + ", " + memory);
    }
    if (driver.devices().isEmpty()) {
      line(out, "gpu", "none: " + driver.problem());
      return;
    }
    String problem = W2vBert.cudaProblem();
    line(
        out,
        "cuda",
        "driver for CUDA "
            + driver.version()
            + ", plug-in "
            + (problem.isEmpty() ? "opened" : "not opened: " + problem));
  }

  /** A line for each place of libraries, given by their names. */
  static void describeCudaLibraries(PrintWriter out, Map<String, String> places) {
    Map<String, List<String>> libraries = new LinkedHashMap<>();
    places.forEach(
        (library, place) ->
            libraries.computeIfAbsent(place, key -> new ArrayList<>()).add(library));
    libraries.forEach((place, names) -> line(out, "cuda", String.join(", ", names) + ": " + place));
  }

  private static String property(String name) {
    return System.getProperty(name);
  }

  private static void line(PrintWriter out, String what, String value) {
    out.printf(Locale.ROOT, "%-11s %s%n", what, value);
  }
}
