package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.LoadOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluatorTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("w2vbert.golden")).resolve("e2e/ctc_plain");
  private static final List<String> FILES =
      List.of(
          "model.safetensors",
          "preprocessor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json");

  @TempDir private Path folder;

  private IllegalArgumentException refusal() {
    return assertThrows(
        IllegalArgumentException.class,
        () -> Evaluator.fromPretrained(TrainingTask.CTC, folder, LoadOptions.DEFAULT));
  }

  @Test
  void namesWhatIsWrongInTheFolder() throws IOException {
    for (String name : FILES) {
      Files.copy(GOLDEN.resolve(name), folder.resolve(name));
    }
    String config = Files.readString(GOLDEN.resolve("config.json"));
    Path file = folder.resolve("config.json");
    Files.writeString(file, config.replace("\"vocab_size\": 32", "\"vocab_size\": null"));
    String message = refusal().getMessage();
    assertTrue(message.startsWith("vocab_size is null"), message);

    Files.writeString(file, config);
    Path language = Files.createDirectory(folder.resolve("language_model"));
    Files.writeString(language.resolve("1gram.arpa"), "");
    Files.writeString(language.resolve("2gram.arpa"), "");
    assertEquals(
        language + " has 2 language models (1gram.arpa, 2gram.arpa); expected one ARPA file",
        refusal().getMessage());
  }
}
