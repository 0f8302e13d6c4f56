package io.github.w2vbert.cli;

import io.github.w2vbert.Transcriber;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A command that works through audio files with a model for CTC. */
abstract class CtcCommand extends FilesCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      description =
          ModelFolder.WHAT
              + "config.json, model.safetensors, preprocessor_config.json and vocab.json of a model"
              + " for CTC. Without it a built-in test model prints nonsense.")
  private String model;

  @Mixin private WeightsOption weights;

  /** Checks what can be checked without a model, and reads what is smaller than one. */
  abstract void prepare() throws IOException;

  /** Works through the files and returns the exit status. */
  abstract int run(Transcriber transcriber) throws IOException;

  @Override
  public final Integer call() throws IOException {
    prepare();
    if (model != null) {
      return run(ModelFolder.of(model, err()));
    }
    err()
        .println(
            "w2vbert: no --model given: using the built-in test model, which prints nonsense until a"
                + " trained default model ships");
    try (GoldenCase builtIn = GoldenCase.extract()) {
      return run(builtIn.folder());
    }
  }

  private int run(Path folder) throws IOException {
    try (Transcriber transcriber = Transcriber.fromPretrained(folder, weights.loadOptions())) {
      return run(transcriber);
    }
  }
}
