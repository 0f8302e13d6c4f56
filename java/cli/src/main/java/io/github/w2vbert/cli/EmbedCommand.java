package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech to hidden states. */
@Command(
    name = "embed",
    description = "Writes hidden states of audio files, float32 [time, hidden] each.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert embed call.wav --model w2v-bert-2.0 -o call.npy",
      "  w2vbert embed *.wav --model w2v-bert-2.0 --layer 17 -o corpus.safetensors"
    })
final class EmbedCommand extends MatrixCommand {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "Folder with config.json, model.safetensors and preprocessor_config.json.")
  private Path model;

  @Option(
      names = "--layer",
      paramLabel = "N",
      description =
          "Output of layer N; 0 is the input of the first layer. Later layers are not computed."
              + " Without it: the encoder's output, behind its adapter if it has one.")
  private Integer layer;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    requireOutput();
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(model);
        Wav2Vec2BertModel encoder = Wav2Vec2BertModel.fromPretrained(model)) {
      int layers = encoder.config().numHiddenLayers();
      if (layer != null && (layer < 0 || layer > layers)) {
        throw wrongUsage(
            "--layer is "
                + layer
                + "; the model in "
                + model
                + " has the hidden states 0 to "
                + layers);
      }
      return write(extractor.samplingRate(), batch, clips -> embed(clips, extractor, encoder));
    }
  }

  private List<Matrix> embed(
      List<Audio> clips, FeatureExtractor extractor, Wav2Vec2BertModel encoder) {
    try (RaggedFeatures features = extractor.extractRagged(clips);
        OutputList<BaseModelOutput> outputs =
            layer == null ? encoder.encode(features) : encoder.encode(features, layer)) {
      return outputs.stream().map(output -> Matrix.of(output.lastHiddenState())).toList();
    }
  }
}
