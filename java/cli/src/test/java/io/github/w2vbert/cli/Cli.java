package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.Audio;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Runs the command in this process, and reads what it wrote. */
final class Cli {
  static final ObjectMapper JSON = new ObjectMapper();

  /** The recorded end-to-end cases. */
  static final Path PLAIN = golden("e2e/ctc_plain");

  static final Path ADAPTER = golden("e2e/ctc_adapter_batch");

  private Cli() {}

  /** What a run printed, and its exit status. */
  record Result(int status, String out, String err) {}

  static Result run(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        Main.commandLine()
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    return new Result(status, out.toString(), err.toString());
  }

  /** Runs it with bytes on the standard input. */
  static Result runWithInput(byte[] input, Object... arguments) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input));
    try {
      return run(arguments);
    } finally {
      System.setIn(before);
    }
  }

  private static Path golden(String name) {
    Path folder = Path.of("../../native/tests/golden");
    return folder.resolve(name).toAbsolutePath().normalize();
  }

  static JsonNode recorded(Path folder) throws IOException {
    return JSON.readTree(folder.resolve("case.json").toFile());
  }

  /** One channel per array. */
  static Path wav(Path file, int rate, float[]... channels) throws IOException {
    float[] interleaved = new float[channels.length * channels[0].length];
    for (int i = 0; i < interleaved.length; i++) {
      interleaved[i] = channels[i % channels.length][i / channels.length];
    }
    Audio.ofInterleaved(interleaved, channels.length, rate).writeWav(file);
    return file;
  }

  static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads a safetensors file as its specification says, and checks that it has no holes. */
  static Map<String, Matrix> readSafetensors(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(bytes.getLong())];
    bytes.get(header);
    ByteBuffer data = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    Map<String, Matrix> tensors = new LinkedHashMap<>();
    int next = 0;
    for (var entry : JSON.readTree(new String(header, StandardCharsets.UTF_8)).properties()) {
      JsonNode tensor = entry.getValue();
      int begin = tensor.at("/data_offsets/0").intValue();
      int end = tensor.at("/data_offsets/1").intValue();
      if (header[0] != '{' || begin != next || !tensor.at("/dtype").asText().equals("F32")) {
        throw new IllegalArgumentException(file + ": " + entry);
      }
      tensors.put(entry.getKey(), matrix(tensor.at("/shape"), data, begin, end));
      next = end;
    }
    if (next != data.capacity()) {
      throw new IllegalArgumentException(file + " has " + data.capacity() + " bytes, not " + next);
    }
    return tensors;
  }

  private static Matrix matrix(JsonNode shape, ByteBuffer data, int begin, int end) {
    float[] values = new float[(end - begin) / Float.BYTES];
    data.position(begin);
    data.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return new Matrix(shape.get(0).longValue(), shape.get(1).longValue(), values);
  }

  /** Reads a NumPy file of version 1.0 with float32 in C order. */
  static Matrix readNpy(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[8];
    bytes.get(magic);
    byte[] header = new byte[bytes.getShort()];
    bytes.get(header);
    String text = new String(header, StandardCharsets.US_ASCII);
    var shape =
        java.util.regex.Pattern.compile(
                "\\{'descr': '<f4', 'fortran_order': False, 'shape': \\((\\d+), (\\d+)\\), \\} *\n")
            .matcher(text);
    if (!"\u0093NUMPY\1\0".equals(new String(magic, StandardCharsets.ISO_8859_1))
        || !shape.matches()
        || bytes.position() % 64 != 0) {
      throw new IllegalArgumentException(file + ": " + text);
    }
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return new Matrix(Long.parseLong(shape.group(1)), Long.parseLong(shape.group(2)), values);
  }
}
