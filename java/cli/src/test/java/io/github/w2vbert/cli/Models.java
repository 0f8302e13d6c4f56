package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Folders of tiny models with random weights and the feature extractor of the recorded cases. */
final class Models {
  static final List<String> LABELS = List.of("calm", "very angry", "sad");

  private static final String PREPROCESSOR = "preprocessor_config.json";
  private static final long SEED = 5;

  private Models() {}

  static Wav2Vec2BertConfig.Builder config() {
    return Wav2Vec2BertConfig.builder()
        .labels(LABELS)
        .featureProjectionInputDim(160)
        .hiddenSize(16)
        .numHiddenLayers(2)
        .numAttentionHeads(2)
        .intermediateSize(32)
        .convDepthwiseKernelSize(7)
        .classifierProjSize(8)
        .tdnnDim(List.of(8, 8))
        .tdnnKernel(List.of(3, 1))
        .tdnnDilation(List.of(1, 1))
        .xvectorOutputDim(6)
        .initializerRange(0.3); // so that results differ visibly
  }

  static Path sequenceClassifier(Path folder) throws IOException {
    try (var model = Wav2Vec2BertForSequenceClassification.initialize(config().build(), SEED)) {
      return save(model, folder);
    }
  }

  static Path frameClassifier(Path folder) throws IOException {
    return frameClassifier(folder, config().build());
  }

  static Path frameClassifier(Path folder, Wav2Vec2BertConfig config) throws IOException {
    try (var model = Wav2Vec2BertForAudioFrameClassification.initialize(config, SEED)) {
      return save(model, folder);
    }
  }

  static Path xVector(Path folder) throws IOException {
    try (var model = Wav2Vec2BertForXVector.initialize(config().build(), SEED)) {
      return save(model, folder);
    }
  }

  private static Path save(Wav2Vec2BertPreTrainedModel model, Path folder) throws IOException {
    model.savePretrained(folder);
    Files.copy(Cli.PLAIN.resolve(PREPROCESSOR), folder.resolve(PREPROCESSOR));
    return folder;
  }

  /** The configuration in a folder, to be changed. */
  static ObjectNode readConfig(Path folder) throws IOException {
    return (ObjectNode) Cli.JSON.readTree(folder.resolve("config.json").toFile());
  }

  static void writeConfig(Path folder, ObjectNode config) throws IOException {
    Cli.JSON.writeValue(folder.resolve("config.json").toFile(), config);
  }
}
