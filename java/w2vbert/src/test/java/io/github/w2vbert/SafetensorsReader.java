package io.github.w2vbert;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Reads the recorded tensors, independently of the library's own reader. */
final class SafetensorsReader {
  private SafetensorsReader() {}

  /** A tensor of type F32, F64, I64, I32 or BOOL, in C order and little-endian. */
  record Entry(String dtype, long[] shape, ByteBuffer data) {
    int elements() {
      return (int) Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    /** F32, or F64 rounded. */
    float[] floats() {
      float[] values = new float[elements()];
      switch (dtype) {
        case "F32" -> data.asFloatBuffer().get(values);
        case "F64" -> {
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) data.getDouble(i * Double.BYTES);
          }
        }
        default -> throw new IllegalStateException(dtype + " is no type of floating-point numbers");
      }
      return values;
    }

    /** F64, or F32 widened. */
    double[] doubles() {
      double[] values = new double[elements()];
      switch (dtype) {
        case "F64" -> data.asDoubleBuffer().get(values);
        case "F32" -> Arrays.setAll(values, i -> data.getFloat(i * Float.BYTES));
        default -> throw new IllegalStateException(dtype + " is no type of floating-point numbers");
      }
      return values;
    }

    /** I64, I32, or BOOL as 0 and 1. */
    long[] longs() {
      long[] values = new long[elements()];
      switch (dtype) {
        case "I64" -> data.asLongBuffer().get(values);
        case "I32" -> Arrays.setAll(values, i -> data.getInt(i * Integer.BYTES));
        case "BOOL" -> Arrays.setAll(values, data::get);
        default -> throw new IllegalStateException(dtype + " is no type of integers");
      }
      return values;
    }

    /** A tensor of the same type, to be closed by the caller. */
    Tensor tensor() {
      DType type =
          switch (dtype) {
            case "F32" -> DType.FLOAT32;
            case "F64" -> DType.FLOAT64;
            case "I64" -> DType.INT64;
            case "I32" -> DType.INT32;
            case "BOOL" -> DType.BOOL;
            default -> throw new IllegalStateException(dtype + " is not known");
          };
      Tensor tensor = Tensor.zeros(type, shape);
      tensor.asByteBuffer().put(data.duplicate());
      return tensor;
    }
  }

  static Map<String, Entry> read(Path file) {
    try {
      ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      byte[] header = new byte[Math.toIntExact(all.getLong())];
      all.get(header);
      int begin = all.position();
      Map<String, Entry> entries = new TreeMap<>();
      for (var field : new ObjectMapper().readTree(new String(header, UTF_8)).properties()) {
        if (!field.getKey().equals("__metadata__")) {
          entries.put(field.getKey(), entry(field.getValue(), all, begin));
        }
      }
      return entries;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Entry entry(JsonNode value, ByteBuffer all, int begin) {
    JsonNode sizes = value.get("shape");
    long[] shape = new long[sizes.size()];
    Arrays.setAll(shape, i -> sizes.get(i).longValue());
    int from = value.get("data_offsets").get(0).intValue();
    int to = value.get("data_offsets").get(1).intValue();
    ByteBuffer data = all.slice(begin + from, to - from).order(ByteOrder.LITTLE_ENDIAN);
    return new Entry(value.get("dtype").textValue(), shape, data);
  }
}
