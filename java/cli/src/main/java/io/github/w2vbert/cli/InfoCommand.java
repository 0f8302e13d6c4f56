package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Describes a checkpoint. */
@Command(
    name = "info",
    description = "Describes a model: its class, weights, configuration and parameters.",
    footerHeading = "%nExamples:%n",
    footer = {"  w2vbert info my-model", "  w2vbert info my-model --json | jq .config.hidden_size"})
final class InfoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = ModelFolder.LABEL,
      description = ModelFolder.WHAT + "config.json and model.safetensors (or its shards).")
  private String model;

  @Mixin private WeightsOption weights;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Path folder = ModelFolder.of(model, spec.commandLine().getErr());
    // The class that the configuration names, or the encoder alone.
    ModelClass type =
        ModelClass.of(Wav2Vec2BertConfig.fromPretrained(folder)).orElse(ModelClass.ENCODER);
    try (Wav2Vec2BertPreTrainedModel loaded = type.load(folder, weights.loadOptions())) {
      WeightFiles weights = WeightFiles.of(folder);
      if (json) {
        out.println(describe(type, loaded, weights));
      } else {
        print(type, loaded, weights, out);
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

  private ObjectNode describe(
      ModelClass type, Wav2Vec2BertPreTrainedModel loaded, WeightFiles weights) throws IOException {
    Wav2Vec2BertConfig options = loaded.config();
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("model", model);
    node.put("class", type.toString());
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
      ModelClass type, Wav2Vec2BertPreTrainedModel loaded, WeightFiles weights, PrintWriter out)
      throws IOException {
    Wav2Vec2BertConfig options = loaded.config();
    List<ParameterInfo> parameters = loaded.parameters();
    long bytes = bytes(loaded);
    long mapped = mappedBytes(loaded);
    out.printf("model       %s%n", model);
    out.printf("class       %s%n", type);
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
