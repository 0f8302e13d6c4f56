package io.github.w2vbert.cli;

import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The option that chooses hidden states, and the encoder for them. */
final class LayerOption {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--layer",
      paramLabel = "N",
      description =
          "Output of layer N; 0 is the input of the first layer. Later layers are neither loaded"
              + " nor computed. Without it: the encoder's output, behind its adapter if it has"
              + " one.")
  private Integer layer;

  /** The layer, or null for the encoder's output. */
  Integer value() {
    return layer;
  }

  /** Loads as much of a model as the hidden states need. */
  Wav2Vec2BertModel open(Path model, LoadOptions options) {
    if (layer == null) {
      return Wav2Vec2BertModel.fromPretrained(model, options);
    }
    int layers = Wav2Vec2BertConfig.fromPretrained(model).numHiddenLayers();
    if (layer < 0 || layer > layers) {
      throw new ParameterException(
          spec.commandLine(),
          "--layer is "
              + layer
              + "; the model in "
              + model
              + " has the hidden states 0 to "
              + layers);
    }
    // An encoder has at least one layer.
    return Wav2Vec2BertModel.fromPretrained(model, options.withLayer(Math.max(1, layer)));
  }

  /** The chosen hidden states as the last ones; to be closed by the caller. */
  OutputList<BaseModelOutput> encode(Wav2Vec2BertModel encoder, RaggedFeatures features) {
    return layer == null ? encoder.encode(features) : encoder.encode(features, layer);
  }
}
