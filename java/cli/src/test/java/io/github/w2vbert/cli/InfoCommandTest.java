package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.DType;
import io.github.w2vbert.ParameterInfo;
import io.github.w2vbert.SaveOptions;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InfoCommandTest {
  @Test
  void jsonEqualsTheApi() throws IOException {
    Cli.Result result = Cli.run("info", Cli.PLAIN, "--json");
    assertEquals(0, result.status(), result.err());
    JsonNode node = Cli.JSON.readTree(result.out());

    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(Cli.PLAIN)) {
      List<ParameterInfo> parameters = model.parameters();
      long elements = parameters.stream().mapToLong(ParameterInfo::elements).sum();
      assertEquals("Wav2Vec2BertForCTC", node.at("/class").asText());
      assertEquals(Cli.JSON.readTree(model.config().toJson()), node.at("/config"));
      assertEquals(elements, node.at("/parameterCount").asLong());
      assertEquals(4 * elements, node.at("/parameterBytes").asLong());
      assertEquals(parameters.size(), node.at("/parameters").size());
      for (int i = 0; i < parameters.size(); i++) {
        JsonNode entry = node.at("/parameters").get(i);
        assertEquals(parameters.get(i).name(), entry.at("/name").asText());
        assertEquals(
            parameters.get(i).shape().toString(), entry.at("/shape").toString().replace(",", ", "));
        assertEquals(parameters.get(i).mapped(), entry.at("/mapped").asBoolean());
      }
    }
  }

  @Test
  void weightsOfFewerBitsTakeLessMemory() throws IOException {
    Cli.Result result = Cli.run("info", Cli.PLAIN, "--json", "--weights", "int8");
    assertEquals(0, result.status(), result.err());
    JsonNode node = Cli.JSON.readTree(result.out());
    long bytes = 0;
    for (JsonNode parameter : node.at("/parameters")) {
      bytes +=
          parameter.at("/elements").asLong()
              * switch (parameter.at("/dtype").asText()) {
                case "int8" -> 1;
                case "int16" -> 2;
                default -> 4;
              };
    }
    assertEquals(bytes, node.at("/parameterBytes").asLong());
    assertTrue(bytes < 3 * node.at("/parameterCount").asLong());
  }

  @Test
  void textListsEveryOptionAndParameter() throws IOException {
    Cli.Result result = Cli.run("info", Cli.PLAIN);
    assertEquals(0, result.status(), result.err());

    JsonNode node = Cli.JSON.readTree(Cli.run("info", Cli.PLAIN, "--json").out());
    for (var option : node.at("/config").properties()) {
      assertTrue(
          result
              .out()
              .lines()
              .anyMatch(
                  line ->
                      line.matches(
                          "  "
                              + option.getKey()
                              + " +"
                              + java.util.regex.Pattern.quote(option.getValue().toString()))),
          option.getKey());
    }
    for (JsonNode parameter : node.at("/parameters")) {
      String name = parameter.at("/name").asText();
      assertTrue(result.out().lines().anyMatch(line -> line.startsWith("  " + name + " ")), name);
    }
  }

  @Test
  void tensorsWithoutUseAreListed(@TempDir Path folder) throws IOException {
    Files.copy(Cli.PLAIN.resolve("model.safetensors"), folder.resolve("model.safetensors"));
    ObjectNode config = (ObjectNode) Cli.JSON.readTree(Cli.PLAIN.resolve("config.json").toFile());
    config.putArray("architectures").add("Wav2Vec2BertModel");
    Cli.JSON.writeValue(folder.resolve("config.json").toFile(), config);

    JsonNode node = Cli.JSON.readTree(Cli.run("info", folder, "--json").out());

    assertEquals("Wav2Vec2BertModel", node.at("/class").asText());
    assertEquals("[\"lm_head.bias\",\"lm_head.weight\"]", node.at("/unusedTensors").toString());
  }

  private static JsonNode json(Path model) throws IOException {
    Cli.Result result = Cli.run("info", model, "--json");
    assertEquals(0, result.status(), result.err());
    return Cli.JSON.readTree(result.out());
  }

  private static void requireLine(Path model, String line) {
    String text = Cli.run("info", model).out();
    assertTrue(text.lines().anyMatch(line::equals), line + " in " + text);
  }

  @Test
  void headsHaveTheirClassAndLabels(@TempDir Path folder) throws IOException {
    Path sequence = Models.sequenceClassifier(folder.resolve("sequence"));
    Path frames = Models.frameClassifier(folder.resolve("frames"));
    Path xVector = Models.xVector(folder.resolve("x"));

    assertEquals("Wav2Vec2BertForSequenceClassification", json(sequence).at("/class").asText());
    assertEquals("[\"calm\",\"very angry\",\"sad\"]", json(sequence).at("/labels").toString());
    assertEquals("Wav2Vec2BertForAudioFrameClassification", json(frames).at("/class").asText());
    assertEquals("[]", json(frames).at("/unusedTensors").toString());
    assertEquals(3, json(frames).at("/labels").size());
    assertEquals("Wav2Vec2BertForXVector", json(xVector).at("/class").asText());
    assertFalse(json(xVector).has("labels"));
    requireLine(frames, "class       Wav2Vec2BertForAudioFrameClassification");
    requireLine(frames, "labels      3");
  }

  @Test
  void adaptersAreDescribed() throws IOException {
    assertEquals("{\"layers\":1,\"stride\":2}", json(Cli.ADAPTER).at("/adapter").toString());
    requireLine(Cli.ADAPTER, "adapter     1 layer, one frame for 2 of the encoder");
    assertTrue(json(Cli.PLAIN).at("/adapter").isNull());
    requireLine(Cli.PLAIN, "adapter     none");
  }

  @Test
  void weightsAreDescribedAsTheyLieInTheirFiles(@TempDir Path folder) throws IOException {
    Path shards = folder.resolve("shards");
    try (var model = Wav2Vec2BertForCTC.fromPretrained(Cli.PLAIN)) {
      model.savePretrained(shards, new SaveOptions(DType.BFLOAT16, 30_000));
    }
    List<String> files =
        Cli.names(shards).stream().filter(name -> name.endsWith(".safetensors")).toList();
    long bytes = 0;
    for (String file : files) {
      bytes += Files.size(shards.resolve(file));
    }

    JsonNode node = json(shards);
    assertTrue(files.size() > 1);
    assertEquals(Cli.JSON.valueToTree(files), node.at("/weightFiles"));
    assertEquals(bytes, node.at("/weightBytes").asLong());
    assertEquals("[\"bfloat16\"]", node.at("/weightTypes").toString());
    requireLine(
        shards,
        "weights     " + ByteSize.text(bytes) + " of bfloat16 in " + files.size() + " files");
    assertEquals("[\"model.safetensors\"]", json(Cli.PLAIN).at("/weightFiles").toString());
    assertEquals("[\"float32\"]", json(Cli.PLAIN).at("/weightTypes").toString());
  }

  @Test
  void cardAndVocabularyAreDescribed(@TempDir Path folder) throws IOException {

    for (String name : Cli.names(Cli.PLAIN)) {
      Files.copy(Cli.PLAIN.resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("README.md"), "---\nlicense: mit\n---\n# Small\n");

    requireLine(folder, "title       Small");
    requireLine(folder, "licence     mit");
    Tokenizer tokenizer = Tokenizer.fromPretrained(folder);
    JsonNode vocabulary = json(folder).at("/vocabulary");
    assertEquals("mit", json(folder).at("/licence").asText());
    assertEquals(tokenizer.vocabularySize(), vocabulary.size());
    assertEquals(tokenizer.idToToken(3), vocabulary.get(3).asText());
    String line = "vocabulary  " + vocabulary.size() + " tokens: " + vocabulary.get(0).asText();
    assertTrue(Cli.run("info", folder).out().lines().anyMatch(text -> text.startsWith(line)), line);
    assertEquals(0, json(Models.xVector(folder.resolve("x"))).at("/vocabulary").size());
  }
}
