package io.github.w2vbert.benchmarks.peers;

import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.WeightType;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** All engines that this module brings, in the order of the table. */
final class Engines {
  /**
   * One engine.
   *
   * @param name on the command line
   * @param title its row of the table
   * @param files writes what the engine reads beside the checkpoint's own files, unless it is there
   * @param make is called in the engine's own process
   */
  record Kind(String name, String title, Consumer<Path> files, Supplier<Engine> make) {}

  /** LibTorch's product of large matrices: the machine's rate, measured in the same way. */
  static final Kind SGEMM = new Kind("sgemm", "sgemm", folder -> {}, SgemmEngine::new);

  /** The first one's logits are what the others' are compared with. */
  static final List<Kind> ALL =
      List.of(
          new Kind(
              "w2vbert",
              "w2vbert float32",
              folder -> {},
              () -> new W2vBertEngine(LoadOptions.DEFAULT, Engine.Opened.FLOAT32)),
          new Kind(
              "w2vbert-int8",
              "w2vbert int8",
              folder -> {},
              () -> new W2vBertEngine(LoadOptions.DEFAULT.withWeights(WeightType.INT8), 0.02)),
          new Kind(
              "w2vbert-bfloat16",
              "w2vbert bfloat16 weights",
              folder -> {},
              () -> new W2vBertEngine(LoadOptions.DEFAULT.withWeights(WeightType.BFLOAT16), 0.02)),
          new Kind("libtorch", "LibTorch operators", folder -> {}, LibTorchEngine::new),
          new Kind(
              "onnxruntime",
              "ONNX Runtime float32",
              OnnxFiles::write,
              () -> new OnnxRuntimeEngine(OnnxFiles.GRAPH, Engine.Opened.FLOAT32)),
          new Kind(
              "onnxruntime-int8",
              "ONNX Runtime int8",
              OnnxFiles::writeInt8,
              () -> new OnnxRuntimeEngine(OnnxFiles.INT8_GRAPH, Double.POSITIVE_INFINITY)));

  private Engines() {}

  /**
   * The engine of that name.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Kind named(String name) {
    if (name.equals(SGEMM.name)) {
      return SGEMM;
    }
    return ALL.stream()
        .filter(kind -> kind.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "engine is "
                        + name
                        + "; expected one of "
                        + String.join(", ", ALL.stream().map(Kind::name).toList())));
  }
}
