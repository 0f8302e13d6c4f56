package io.github.w2vbert.decoding;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** Reads the folder {@code language_model} of a checkpoint. */
final class LanguageModelFiles {
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private LanguageModelFiles() {}

  /** The decoder with the folder's model and weights; itself if there is no folder or no model. */
  static BeamSearchDecoder addTo(BeamSearchDecoder decoder, Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return decoder;
    }
    List<Path> models;
    try (Stream<Path> files = Files.list(folder)) {
      models = files.filter(LanguageModelFiles::isArpa).sorted().toList();
    }
    if (models.isEmpty()) {
      return decoder;
    }
    if (models.size() > 1) {
      throw new IllegalArgumentException(
          folder
              + " has "
              + models.size()
              + " language models ("
              + String.join(
                  ", ", models.stream().map(file -> file.getFileName().toString()).toList())
              + "); expected one ARPA file");
    }
    Path attributes = folder.resolve("attrs.json");
    BeamOptions options =
        Files.exists(attributes) ? weights(attributes, decoder.options()) : decoder.options();
    return decoder.withOptions(options).withModel(NgramModel.read(models.get(0)));
  }

  private static boolean isArpa(Path file) {
    String name = file.getFileName().toString();
    return name.endsWith(".arpa") || name.endsWith(".arpa.gz");
  }

  private static BeamOptions weights(Path file, BeamOptions defaults) throws IOException {
    JsonNode attributes;
    try {
      attributes = JSON.readTree(Files.readString(file));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is no JSON: " + e.getOriginalMessage(), e);
    }
    if (!attributes.isObject()) {
      throw new IllegalArgumentException(file + " holds no object, expected alpha and beta");
    }
    JsonNode boundary = attributes.path("score_boundary");
    if (!boundary.isMissingNode() && !boundary.equals(JSON.getNodeFactory().booleanNode(true))) {
      throw new IllegalArgumentException(
          file + ": score_boundary is " + boundary + ", expected true: ends of sentences count");
    }
    BeamOptions options = defaults;
    options = change(options, file, attributes, "alpha", BeamOptions::withModelWeight);
    options = change(options, file, attributes, "beta", BeamOptions::withWordBonus);
    // There it counts as a part of the language model's logarithm to base 10.
    double scale = Math.log(10) * options.modelWeight();
    return change(
        options,
        file,
        attributes,
        "unk_score_offset",
        (changed, offset) -> changed.withUnknownWordScore(scale * offset));
  }

  private static BeamOptions change(
      BeamOptions options,
      Path file,
      JsonNode attributes,
      String name,
      BiFunction<BeamOptions, Double, BeamOptions> change) {
    JsonNode value = attributes.path(name);
    if (value.isMissingNode()) {
      return options;
    }
    if (!value.isNumber()) {
      throw new IllegalArgumentException(
          file + ": " + name + " is " + value + ", expected a number");
    }
    try {
      return change.apply(options, value.doubleValue());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ": " + name + ": " + e.getMessage(), e);
    }
  }
}
