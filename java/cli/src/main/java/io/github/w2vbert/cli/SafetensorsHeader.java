package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The header of a safetensors file whose size is settled before the tensors' shapes are known: the
 * format allows spaces after the JSON text. So tensors are written as they come, once.
 */
final class SafetensorsHeader {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int ALIGNMENT = 8;

  private final int capacity; // bytes of the JSON text and its padding
  private final ObjectNode tensors = JsonNodeFactory.instance.objectNode();
  private long dataBytes;

  /** A header with room for tensors of the given names. */
  SafetensorsHeader(List<String> names) throws IOException {
    ObjectNode widest = JsonNodeFactory.instance.objectNode();
    for (String name : names) {
      describe(widest, name, Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE);
    }
    int bytes = MAPPER.writeValueAsBytes(widest).length;
    capacity = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void describe(
      ObjectNode node, String name, long rows, long columns, long begin, long end) {
    ObjectNode tensor = node.putObject(name).put("dtype", "F32");
    tensor.putArray("shape").add(rows).add(columns);
    tensor.putArray("data_offsets").add(begin).add(end);
  }

  /** Notes the tensor whose numbers follow those of the previous one. */
  void add(String name, Matrix matrix) {
    long end = dataBytes + (long) Float.BYTES * matrix.values().length;
    describe(tensors, name, matrix.rows(), matrix.columns(), dataBytes, end);
    dataBytes = end;
  }

  /** Bytes before the first tensor. */
  int totalBytes() {
    return Long.BYTES + capacity;
  }

  /** The length, the JSON text and its padding. */
  ByteBuffer toBytes() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(totalBytes()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(capacity).put(MAPPER.writeValueAsBytes(tensors));
    while (bytes.hasRemaining()) {
      bytes.put((byte) ' ');
    }
    return bytes.flip();
  }
}
