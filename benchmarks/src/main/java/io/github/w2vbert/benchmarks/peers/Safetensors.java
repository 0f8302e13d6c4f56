package io.github.w2vbert.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Float32 parameters of a file that this module wrote, mapped where they lie. */
final class Safetensors {
  private record Entry(long[] shape, ByteBuffer bytes) {}

  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private long bytes;

  private Safetensors() {}

  static Safetensors open(Path file) throws IOException {
    Safetensors tensors = new Safetensors();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long length = map(channel, 0, Long.BYTES).getLong();
      byte[] header = new byte[Math.toIntExact(length)];
      map(channel, Long.BYTES, length).get(header);
      for (Map.Entry<String, JsonNode> field : new ObjectMapper().readTree(header).properties()) {
        if (field.getKey().equals("__metadata__")) {
          continue;
        }
        JsonNode offsets = field.getValue().get("data_offsets");
        long begin = offsets.get(0).longValue();
        long size = offsets.get(1).longValue() - begin;
        JsonNode sizes = field.getValue().get("shape");
        long[] shape = new long[sizes.size()];
        for (int i = 0; i < shape.length; i++) {
          shape[i] = sizes.get(i).longValue();
        }
        tensors.entries.put(
            field.getKey(), new Entry(shape, map(channel, Long.BYTES + length + begin, size)));
        tensors.bytes += size;
      }
    }
    return tensors;
  }

  private static ByteBuffer map(FileChannel channel, long position, long size) throws IOException {
    return channel
        .map(FileChannel.MapMode.READ_ONLY, position, size)
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  Set<String> names() {
    return entries.keySet();
  }

  long[] shape(String name) {
    return entry(name).shape.clone();
  }

  /** The values, little-endian, mapped for as long as the buffer is reachable. */
  ByteBuffer map(String name) {
    return entry(name).bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Of all values. */
  long bytes() {
    return bytes;
  }

  private Entry entry(String name) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalArgumentException("the checkpoint has no parameter " + name);
    }
    return entry;
  }
}
