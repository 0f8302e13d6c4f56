package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertModel;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Describes a checkpoint. */
@Command(
    name = "info",
    description = "Describes a model: its configuration and parameters.",
    footerHeading = "%nExamples:%n",
    footer = {"  w2vbert info my-model", "  w2vbert info my-model --json | jq .config.hidden_size"})
final class InfoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "MODEL",
      description = "Folder with config.json and model.safetensors (or its shards).")
  private Path model;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (Wav2Vec2BertPreTrainedModel loaded = load()) {
      if (json) {
        out.println(describe(loaded));
      } else {
        print(loaded, out);
      }
    }
    return 0;
  }

  /** Loads the class that the configuration names, or the encoder alone. */
  private Wav2Vec2BertPreTrainedModel load() {
    String ctc = Wav2Vec2BertForCTC.class.getSimpleName();
    return Wav2Vec2BertConfig.fromPretrained(model).architectures().contains(ctc)
        ? Wav2Vec2BertForCTC.fromPretrained(model)
        : Wav2Vec2BertModel.fromPretrained(model);
  }

  private static JsonNode config(Wav2Vec2BertPreTrainedModel loaded) throws IOException {
    return new ObjectMapper().readTree(loaded.config().toJson());
  }

  private static long elements(Wav2Vec2BertPreTrainedModel loaded) {
    return loaded.parameters().stream().mapToLong(ParameterInfo::elements).sum();
  }

  private static long mappedElements(Wav2Vec2BertPreTrainedModel loaded) {
    return loaded.parameters().stream()
        .filter(ParameterInfo::mapped)
        .mapToLong(ParameterInfo::elements)
        .sum();
  }

  private ObjectNode describe(Wav2Vec2BertPreTrainedModel loaded) throws IOException {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("model", model.toString());
    node.put("class", loaded.getClass().getSimpleName());
    node.set("config", config(loaded));
    node.put("parameterCount", elements(loaded));
    node.put("parameterBytes", Float.BYTES * elements(loaded));
    node.put("mappedBytes", Float.BYTES * mappedElements(loaded));
    ArrayNode unused = node.putArray("unusedTensors");
    loaded.loadReport().unexpected().forEach(unused::add);
    ArrayNode parameters = node.putArray("parameters");
    for (ParameterInfo parameter : loaded.parameters()) {
      ObjectNode entry = parameters.addObject().put("name", parameter.name());
      ArrayNode shape = entry.putArray("shape");
      parameter.shape().forEach(shape::add);
      entry.put("elements", parameter.elements()).put("mapped", parameter.mapped());
    }
    return node;
  }

  private void print(Wav2Vec2BertPreTrainedModel loaded, PrintWriter out) throws IOException {
    List<ParameterInfo> parameters = loaded.parameters();
    long bytes = Float.BYTES * elements(loaded);
    long mapped = Float.BYTES * mappedElements(loaded);
    out.printf("model       %s%n", model);
    out.printf("class       %s%n", loaded.getClass().getSimpleName());
    out.printf(Locale.ROOT, "parameters  %,d in %d tensors%n", elements(loaded), parameters.size());
    out.printf("memory      %s, and %s mapped from the file%n", size(bytes - mapped), size(mapped));
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
          "  %-" + nameWidth + "s  %-20s %s%n",
          parameter.name(),
          parameter.shape(),
          parameter.mapped() ? "mapped" : "in memory");
    }
  }

  private static String size(long bytes) {
    if (bytes < 1_000_000) {
      return String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
    }
    return bytes < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
