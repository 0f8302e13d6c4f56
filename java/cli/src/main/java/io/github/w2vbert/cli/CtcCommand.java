package io.github.w2vbert.cli;

import io.github.w2vbert.LoadOptions;
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
              + " for CTC. Without it the default model is used, which knows English numbers, dates"
              + " and short commands.")
  private String model;

  @Mixin private LoadArguments loading;

  /** Checks what can be checked without a model, and reads what is smaller than one. */
  abstract void prepare() throws IOException;

  /** Works through the files and returns the exit status. */
  abstract int run(Transcriber transcriber) throws IOException;

  @Override
  public final Integer call() throws IOException {
    prepare();
    LoadOptions options = loading.options();
    if (model == null) {
      err()
          .println(
              "w2vbert: no --model given: using the default model, which knows English numbers,"
                  + " dates and short commands");
    }
    Path folder = ModelFolder.orDefault(model, err());
    try (Transcriber transcriber = Transcriber.fromPretrained(folder, options)) {
      return run(transcriber);
    }
  }
}
