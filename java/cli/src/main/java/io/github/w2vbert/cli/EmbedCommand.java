package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.Pooling;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Speech to hidden states. */
@Command(
    name = "embed",
    description =
        "Writes hidden states of audio files, float32 [time, hidden] each, or [1, hidden] with"
            + " --pool.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert embed call.wav --model w2v-bert-2.0 -o call.npy",
      "  w2vbert embed *.wav --model w2v-bert-2.0 --layer 17 -o corpus.safetensors",
      "  w2vbert embed *.wav --model w2v-bert-2.0 --pool mean -o rows.npy"
    })
final class EmbedCommand extends MatrixCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description =
          ModelFolder.WHAT + "config.json, model.safetensors and preprocessor_config.json.")
  private String model;

  @Mixin private LoadArguments loading;

  @Mixin private LayerOption layer;

  @Option(
      names = "--pool",
      paramLabel = "HOW",
      converter = Words.Poolings.class,
      completionCandidates = Words.Poolings.class,
      description =
          "One row per file, taken over time: ${COMPLETION-CANDIDATES} (the mean, then the standard"
              + " deviation).")
  private Pooling pooling;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description =
          "What to write: OUT.safetensors with a tensor per file, named by the file's name without"
              + " its folder, or OUT.npy for a single file or, with --pool, the rows of all files"
              + " in order. It appears when all is done; tensors of files that failed are not in"
              + " it, and rows are not written if any file failed.")
  private Path output;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    requireOutput(output, pooling != null);
    LoadOptions options = loading.options();
    Path folder = ModelFolder.of(model, err());
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
        Wav2Vec2BertModel encoder = layer.open(folder, options)) {
      return write(
          output,
          extractor.samplingRate(),
          batch,
          clips -> embed(clips, extractor, encoder),
          (clip, matrix) -> {});
    }
  }

  private List<Matrix> embed(
      List<Audio> clips, FeatureExtractor extractor, Wav2Vec2BertModel encoder) {
    try (RaggedFeatures features = extractor.extractRagged(clips);
        OutputList<BaseModelOutput> outputs = layer.encode(encoder, features)) {
      return outputs.stream()
          .map(
              output ->
                  pooling == null
                      ? Matrix.of(output.lastHiddenState())
                      : Matrix.row(pooling.of(output, 0)))
          .toList();
    }
  }
}
