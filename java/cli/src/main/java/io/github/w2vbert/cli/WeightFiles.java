package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The weights of a model folder that has been loaded, as they lie in its files.
 *
 * @param files without their folder
 * @param bytes of all files
 * @param types names of the tensors' element types, such as float32
 */
record WeightFiles(List<String> files, long bytes, SortedSet<String> types) {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final long MAX_HEADER_BYTES = 100_000_000; // of the format

  static WeightFiles of(Path folder) throws IOException {
    List<String> files = files(folder);
    long bytes = 0;
    SortedSet<String> types = new TreeSet<>();
    for (String file : files) {
      bytes += Files.size(folder.resolve(file));
      for (JsonNode tensor : header(folder.resolve(file))) {
        if (tensor.has("dtype")) { // the metadata has none
          types.add(typeName(tensor.get("dtype").asText()));
        }
      }
    }
    return new WeightFiles(files, bytes, types);
  }

  private static List<String> files(Path folder) throws IOException {
    if (Files.exists(folder.resolve(SINGLE))) {
      return List.of(SINGLE);
    }
    SortedSet<String> shards = new TreeSet<>();
    MAPPER
        .readTree(folder.resolve(INDEX).toFile())
        .path("weight_map")
        .forEach(shard -> shards.add(shard.asText()));
    return new ArrayList<>(shards);
  }

  private static JsonNode header(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      long length = read(channel, Long.BYTES, file).getLong();
      if (length < 0 || length > Math.min(MAX_HEADER_BYTES, channel.size() - Long.BYTES)) {
        throw new IOException(file + " has a header of " + length + " bytes, longer than the file");
      }
      return MAPPER.readTree(read(channel, (int) length, file).array());
    }
  }

  private static ByteBuffer read(FileChannel channel, int count, Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        throw new IOException(file + " ends within its header");
      }
    }
    return bytes.flip();
  }

  private static String typeName(String name) {
    return switch (name) {
      case "F16" -> "float16";
      case "F32" -> "float32";
      case "F64" -> "float64";
      case "BF16" -> "bfloat16";
      default -> name.toLowerCase(Locale.ROOT);
    };
  }

  /** For example {@code 1.16 GB of bfloat16 in 1 file}. */
  @Override
  public String toString() {
    return ByteSize.text(bytes)
        + " of "
        + String.join(" and ", types)
        + " in "
        + files.size()
        + (files.size() == 1 ? " file" : " files");
  }
}
