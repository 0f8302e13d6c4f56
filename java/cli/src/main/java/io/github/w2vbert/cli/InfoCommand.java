package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Describes a checkpoint. */
@Command(
    name = "info",
    description =
        "Describes a model: its class, weights, vocabulary, licence, configuration and parameters.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert info",
      "  w2vbert info my-model",
      "  w2vbert info my-model --json | jq .config.hidden_size"
    })
final class InfoCommand implements Callable<Integer> {
  private static final int MOST_TOKENS = 100; // that fit into a few lines

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = ModelFolder.LABEL,
      arity = "0..1",
      description =
          ModelFolder.WHAT
              + "config.json and model.safetensors (or its shards). Without it: the default model.")
  private String model;

  @Mixin private LoadArguments loading;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    LoadOptions options = loading.options();
    Path folder = ModelFolder.orDefault(model, spec.commandLine().getErr());
    // The class that the configuration names, or the encoder alone.
    ModelClass type =
        ModelClass.of(Wav2Vec2BertConfig.fromPretrained(folder)).orElse(ModelClass.ENCODER);
    try (Wav2Vec2BertPreTrainedModel loaded = type.load(folder, options)) {
      WeightFiles weights = WeightFiles.of(folder);
      if (json) {
        out.println(describe(folder, type, loaded, weights));
      } else {
        print(folder, type, loaded, weights, out);
      }
    }
    return 0;
  }

  private static JsonNode config(Wav2Vec2BertPreTrainedModel loaded) throws IOException {
    return new ObjectMapper().readTree(loaded.config().toJson());
  }

  private static long elements(Wav2Vec2BertPreTrainedModel loaded) {
    return loaded.parameters().stream().mapToLong(ParameterInfo::elements).sum();
  }

  private static long bytes(Wav2Vec2BertPreTrainedModel loaded) {
    return loaded.parameters().stream().mapToLong(ParameterInfo::bytes).sum();
  }

  private static long mappedBytes(Wav2Vec2BertPreTrainedModel loaded) {
    return loaded.parameters().stream()
        .filter(ParameterInfo::mapped)
        .mapToLong(ParameterInfo::bytes)
        .sum();
  }

  private String name(Path folder) {
    return model == null ? folder.toString() : model;
  }

  /**
   * The tokens of a model for CTC in order; empty for other models, and without a tokenizer that
   * this library can use: its model may be fine.
   */
  private static List<String> vocabulary(ModelClass type, Path folder) {
    if (type != ModelClass.CTC || !Files.exists(folder.resolve("vocab.json"))) {
      return List.of();
    }
    try {
      Tokenizer tokenizer = Tokenizer.fromPretrained(folder);
      return IntStream.range(0, tokenizer.vocabularySize()).mapToObj(tokenizer::idToToken).toList();
    } catch (IllegalArgumentException e) {
      return List.of();
    }
  }

  private ObjectNode describe(
      Path folder, ModelClass type, Wav2Vec2BertPreTrainedModel loaded, WeightFiles weights)
      throws IOException {
    Wav2Vec2BertConfig options = loaded.config();
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("model", name(folder));
    node.put("licence", CardFile.of(folder).licence());
    node.put("class", type.toString());
    ArrayNode vocabulary = node.putArray("vocabulary");
    vocabulary(type, folder).forEach(vocabulary::add);
    if (type.hasLabels()) {
      ArrayNode labels = node.putArray("labels");
      ModelClass.labels(options).forEach(labels::add);
    }
    if (options.addAdapter()) {
      node.putObject("adapter")
          .put("layers", options.numAdapterLayers())
          .put("stride", options.outputStride());
    } else {
      node.putNull("adapter");
    }
    ArrayNode files = node.putArray("weightFiles");
    weights.files().forEach(files::add);
    node.put("weightBytes", weights.bytes());
    ArrayNode types = node.putArray("weightTypes");
    weights.types().forEach(types::add);
    node.set("config", config(loaded));
    node.put("parameterCount", elements(loaded));
    node.put("parameterBytes", bytes(loaded));
    node.put("mappedBytes", mappedBytes(loaded));
    ArrayNode unused = node.putArray("unusedTensors");
    loaded.loadReport().unexpected().forEach(unused::add);
    ArrayNode parameters = node.putArray("parameters");
    for (ParameterInfo parameter : loaded.parameters()) {
      ObjectNode entry = parameters.addObject().put("name", parameter.name());
      ArrayNode shape = entry.putArray("shape");
      parameter.shape().forEach(shape::add);
      entry.put("elements", parameter.elements()).put("dtype", parameter.dtype().toString());
      entry.put("mapped", parameter.mapped());
    }
    return node;
  }

  private void print(
      Path folder,
      ModelClass type,
      Wav2Vec2BertPreTrainedModel loaded,
      WeightFiles weights,
      PrintWriter out)
      throws IOException {
    Wav2Vec2BertConfig options = loaded.config();
    List<ParameterInfo> parameters = loaded.parameters();
    long bytes = bytes(loaded);
    long mapped = mappedBytes(loaded);
    CardFile card = CardFile.of(folder);
    List<String> vocabulary = vocabulary(type, folder);
    out.printf("model       %s%n", name(folder));
    if (!card.title().isEmpty()) {
      out.printf("title       %s%n", card.title());
    }
    if (!card.licence().isEmpty()) {
      out.printf("licence     %s%n", card.licence());
    }
    out.printf("class       %s%n", type);
    if (!vocabulary.isEmpty()) {
      out.printf("vocabulary  %s%n", text(vocabulary));
    }
    if (type.hasLabels()) {
      out.printf("labels      %d%n", options.numLabels());
    }
    out.printf("adapter     %s%n", adapter(options));
    out.printf("weights     %s%n", weights);
    out.printf(Locale.ROOT, "parameters  %,d in %d tensors%n", elements(loaded), parameters.size());
    out.printf(
        "memory      %s, and %s mapped from the file%n",
        ByteSize.text(bytes - mapped), ByteSize.text(mapped));
    if (!loaded.loadReport().unexpected().isEmpty()) {
      out.printf("unused      %s%n", String.join(", ", loaded.loadReport().unexpected()));
    }

    out.printf("%nconfig%n");
    JsonNode config = config(loaded);
    int optionWidth = 0;
    for (String option : (Iterable<String>) config::fieldNames) {
      optionWidth = Math.max(optionWidth, option.length());
    }
    for (var option : config.properties()) {
      out.printf("  %-" + optionWidth + "s  %s%n", option.getKey(), option.getValue());
    }

    out.printf("%nparameters%n");
    int nameWidth = parameters.stream().mapToInt(p -> p.name().length()).max().orElse(1);
    for (ParameterInfo parameter : parameters) {
      out.printf(
          "  %-" + nameWidth + "s  %-20s %-8s %s%n",
          parameter.name(),
          parameter.shape(),
          parameter.dtype(),
          parameter.mapped() ? "mapped" : "in memory");
    }
  }

  /** Such as {@code 28 tokens: | a b c}; of large vocabularies the number alone. */
  private static String text(List<String> vocabulary) {
    String count = vocabulary.size() + " tokens";
    return vocabulary.size() > MOST_TOKENS ? count : count + ": " + String.join(" ", vocabulary);
  }

  private static String adapter(Wav2Vec2BertConfig options) {
    return options.addAdapter()
        ? options.numAdapterLayers()
            + (options.numAdapterLayers() == 1 ? " layer" : " layers")
            + ", one frame for "
            + options.outputStride()
            + " of the encoder"
        : "none";
  }
}
