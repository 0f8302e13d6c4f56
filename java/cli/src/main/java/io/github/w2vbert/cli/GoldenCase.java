package io.github.w2vbert.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The recorded run of the reference that ships with this program: a tiny model with random weights,
 * a clip, and what the reference made of it. Lies in a temporary folder until it is closed.
 */
final class GoldenCase implements AutoCloseable {
  static final String CASE = "case.json";
  static final String CLIP = "audio_0.wav";
  static final String OUTPUTS = "outputs.safetensors";

  private static final List<String> FILES =
      List.of(
          CASE,
          CLIP,
          OUTPUTS,
          "config.json",
          "model.safetensors",
          "preprocessor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json");

  private final Path folder;

  private GoldenCase(Path folder) {
    this.folder = folder;
  }

  static GoldenCase extract() throws IOException {
    GoldenCase extracted = new GoldenCase(Files.createTempDirectory("w2vbert-"));
    try {
      extracted.folder.toFile().deleteOnExit(); // should the user interrupt us; files go before it
      for (String name : FILES) {
        Path file = extracted.folder.resolve(name);
        file.toFile().deleteOnExit();
        try (InputStream in = GoldenCase.class.getResourceAsStream("golden/" + name)) {
          Files.copy(in, file);
        }
      }
    } catch (IOException | RuntimeException e) {
      extracted.close();
      throw e;
    }
    return extracted;
  }

  Path folder() {
    return folder;
  }

  @Override
  public void close() throws IOException {
    for (String name : FILES) {
      Files.deleteIfExists(folder.resolve(name));
    }
    Files.deleteIfExists(folder);
  }
}
