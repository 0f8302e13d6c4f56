package io.github.w2vbert;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** Reads and writes JSON files. */
final class Json {
  static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.READ_ENUMS_USING_TO_STRING);

  private Json() {}

  /**
   * Writes a text file that appears complete or not at all.
   *
   * @throws W2vBertException if it cannot be written
   */
  static void write(Path file, String text) {
    Path draft = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      try {
        Files.writeString(draft, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW);
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(draft);
      }
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }

  /** Reads text that the native library wrote. */
  static ObjectNode readObject(String json) {
    return read(json, ObjectNode.class);
  }

  /** Reads text that the native library wrote. */
  static <T> T read(String json, Class<T> type) {
    try {
      return MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new W2vBertException("the native library wrote JSON that cannot be read: " + e, e);
    }
  }
}
