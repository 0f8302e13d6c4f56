package io.github.w2vbert;

import io.github.w2vbert.internal.ResourceCache;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The model that comes with {@code io.github.w2vbert:w2vbert-platform}: a small one for CTC that
 * knows English numbers, dates and short commands, with a language model of them.
 *
 * <pre>{@code
 * try (Transcriber transcriber = Transcriber.fromPretrained(DefaultModel.directory())) {
 *   System.out.println(transcriber.text(Audio.read(Path.of("command.wav"))));
 * }
 * }</pre>
 *
 * <p>Its card, {@code README.md} in that folder, says what it was trained on, how well it does, and
 * under which licence it is, which is not that of the library.
 */
public final class DefaultModel {
  static final String RESOURCES = "io/github/w2vbert/model/en/";

  /** What the trainer writes, the language model, the card and the licence. */
  static final List<String> FILES =
      List.of(
          "config.json",
          "model.safetensors",
          "preprocessor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "language_model/2gram.arpa",
          "language_model/attrs.json",
          "README.md",
          "LICENSE");

  private DefaultModel() {}

  /**
   * The folder of the model, for all that opens one. It is extracted from the class path to
   * JavaCPP's cache ({@code org.bytedeco.javacpp.cachedir}, by default {@code ~/.javacpp/cache})
   * unless it is there, under a name that depends on its content; several processes may do that at
   * once.
   *
   * @throws W2vBertException if the model is not on the class path or cannot be extracted
   */
  public static Path directory() {
    Map<String, URL> resources = new LinkedHashMap<>();
    for (String name : FILES) {
      // The class loader: a class of a named module finds resources of its own module only.
      URL url = DefaultModel.class.getClassLoader().getResource(RESOURCES + name);
      if (url == null) {
        throw new W2vBertException(
            "the default model is not on the class path (no "
                + RESOURCES
                + name
                + "); depend on io.github.w2vbert:w2vbert-default-model, which w2vbert-platform"
                + " brings, and on the module path add --add-modules ALL-MODULE-PATH");
      }
      resources.put(name, url);
    }
    try {
      return ResourceCache.extract(resources, ResourceCache.folder());
    } catch (IOException e) {
      throw new W2vBertException(
          "the default model cannot be extracted to JavaCPP's cache folder ("
              + e
              + "); "
              + ResourceCache.HINT,
          e);
    }
  }
}
