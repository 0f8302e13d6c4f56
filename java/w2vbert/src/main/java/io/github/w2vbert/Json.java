package io.github.w2vbert;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Reads JSON. */
final class Json {
  static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.READ_ENUMS_USING_TO_STRING);

  private Json() {}

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
