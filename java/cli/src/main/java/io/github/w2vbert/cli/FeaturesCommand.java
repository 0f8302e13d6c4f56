package io.github.w2vbert.cli;

import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.RaggedFeatures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech to the input of a model. */
@Command(
    name = "features",
    description =
        "Writes the input features of audio files, float32 [time, width] each, without padding.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert features call.wav --model w2v-bert-2.0 -o call.npy",
      "  w2vbert features *.wav --model w2v-bert-2.0 -o corpus.safetensors"
    })
final class FeaturesCommand extends MatrixCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description = ModelFolder.WHAT + "preprocessor_config.json.")
  private String model;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description =
          "What to write: OUT.safetensors with a tensor per file, named by the file's name without"
              + " its folder, or OUT.npy for a single file. It appears when all is done; files that"
              + " failed are not in it.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    requireOptions(1);
    requireOutput(output, false);
    Path folder = ModelFolder.withoutWeights(model, err());
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder)) {
      return write(
          output,
          extractor.samplingRate(),
          1,
          clips -> {
            try (RaggedFeatures features = extractor.extractRagged(clips)) {
              return List.of(Matrix.of(features.frames()));
            }
          },
          (clip, matrix) -> {});
    }
  }
}
