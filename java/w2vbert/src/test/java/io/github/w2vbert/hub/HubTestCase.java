package io.github.w2vbert.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** A fake hub with a small model, and a cache of its own for each test. */
abstract class HubTestCase {
  static final String WEIGHTS = "model.safetensors";
  static final byte[] WEIGHT_BYTES = bytes(100_000, 7);

  @TempDir Path temp;
  Path cache;
  FakeHub hub;

  @BeforeEach
  void startHub() throws IOException {
    cache = temp.resolve("cache");
    hub = new FakeHub();
    hub.put("config.json", "{\"model_type\": \"wav2vec2-bert\"}");
    hub.put("vocab.json", "{\"a\": 0}");
    hub.put(WEIGHTS, WEIGHT_BYTES);
    hub.put("pytorch_model.bin", "a pickle");
    hub.put("onnx/model.onnx", "another format");
  }

  @AfterEach
  void stopHub() {
    hub.close();
  }

  static byte[] bytes(int count, long seed) {
    byte[] bytes = new byte[count];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** One connection, short waits. */
  HubOptions options() {
    return HubOptions.fromEnvironment(Map.of("HOME", temp.toString()))
        .withEndpoint(hub.endpoint())
        .withCache(cache)
        .withTimeouts(Duration.ofSeconds(5), Duration.ofSeconds(5))
        .withRanges(1, 1 << 20)
        .withRetries(2, Duration.ofMillis(1));
  }

  HubClient client() {
    return new HubClient(options());
  }

  HubClient offline() {
    return new HubClient(options().withOffline(true));
  }

  Path folder() {
    return cache.resolve("models--org--name");
  }

  Path blob(String name) {
    return folder().resolve("blobs").resolve(hub.etag(name));
  }

  Path partial(String name) {
    return folder().resolve("blobs").resolve(hub.etag(name) + ".w2vbert.incomplete");
  }

  Path snapshotFile(String name) {
    return folder().resolve("snapshots").resolve(FakeHub.COMMIT).resolve(name);
  }

  static List<String> names(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> !Files.isDirectory(file))
          .map(file -> folder.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  static void assertRefused(String expected, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(expected), error.getMessage());
  }

  static W2vBertException assertFails(String expected, Executable call) {
    W2vBertException error = assertThrows(W2vBertException.class, call);
    assertTrue(error.getMessage().contains(expected), error.getMessage());
    return error;
  }

  /** Nothing of a file is where a reader would find it. */
  void assertNotPublished(String name) throws IOException {
    assertEquals(false, Files.exists(blob(name)), "blob of " + name);
    assertEquals(List.of(), names(folder().resolve("snapshots")));
  }
}
