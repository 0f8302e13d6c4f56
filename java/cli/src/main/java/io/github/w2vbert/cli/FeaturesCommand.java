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
      paramLabel = "DIR",
      required = true,
      description = "Folder with preprocessor_config.json.")
  private Path model;

  @Override
  public Integer call() throws IOException {
    requireOptions(1);
    requireOutput();
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(model)) {
      return write(
          extractor.samplingRate(),
          1,
          clips -> {
            try (RaggedFeatures features = extractor.extractRagged(clips)) {
              return List.of(Matrix.of(features.frames()));
            }
          });
    }
  }
}
