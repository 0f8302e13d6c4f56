package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.ParameterInfo;
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
}
