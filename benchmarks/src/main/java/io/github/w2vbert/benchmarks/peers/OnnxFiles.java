package io.github.w2vbert.benchmarks.peers;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The model as ONNX, with the weights of the checkpoint in the same folder: the recorded graph, and
 * the same with int8 products.
 */
final class OnnxFiles {
  static final String GRAPH = "model.onnx";
  static final String INT8_GRAPH = "model_int8.onnx";

  private static final String DATA = "model.onnx_data"; // the name that the graph has for it
  private static final String INT8_DATA = "model_int8.onnx_data";
  private static final String LAYOUT = "weights.json"; // of DATA

  private OnnxFiles() {}

  /** Writes the float32 graph and its weights, unless they are there. */
  static void write(Path folder) {
    try (InputStream graph = OnnxFiles.class.getResourceAsStream(GRAPH);
        InputStream text = OnnxFiles.class.getResourceAsStream(LAYOUT)) {
      Files.write(folder.resolve(GRAPH), graph.readAllBytes());
      JsonNode layout = new ObjectMapper().readTree(text);
      Safetensors weights = Safetensors.open(folder.resolve(FormulaCheckpoint.WEIGHTS));
      FormulaCheckpoint.writeOnce(
          folder.resolve(DATA),
          layout.get("total_bytes").longValue(),
          out -> write(layout.get("tensors"), weights, out));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tensors one after the other, in the layout's order. */
  private static void write(JsonNode tensors, Safetensors weights, OutputStream out)
      throws IOException {
    long position = 0;
    for (JsonNode tensor : tensors) {
      String name = tensor.get("parameter").textValue();
      ByteBuffer values = weights.map(name);
      if (tensor.get("offset").longValue() != position
          || tensor.get("bytes").longValue() != values.remaining()) {
        throw new IllegalArgumentException(
            "the graph wants "
                + tensor
                + ", but there are "
                + values.remaining()
                + " bytes to write at "
                + position);
      }
      position += values.remaining();
      byte[] bytes = new byte[values.remaining()];
      if (tensor.get("transposed").booleanValue()) {
        transpose(values.asFloatBuffer(), weights.shape(name), bytes);
      } else {
        values.get(bytes);
      }
      out.write(bytes);
    }
  }

  private static void transpose(FloatBuffer values, long[] shape, byte[] into) {
    FloatBuffer out = ByteBuffer.wrap(into).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    int rows = (int) shape[0];
    int columns = (int) shape[1];
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        out.put(values.get(row * columns + column));
      }
    }
  }

  /** Writes the int8 graph and its weights, unless they are there; and the float32 ones. */
  static void writeInt8(Path folder) {
    write(folder);
    try {
      ModelProto model = ModelProto.parseFrom(Files.readAllBytes(folder.resolve(GRAPH)));
      FormulaCheckpoint.writeOnce(
          folder.resolve(INT8_DATA),
          DynamicQuantization.elements(model),
          out -> writeInt8(model, folder, out));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void writeInt8(ModelProto model, Path folder, OutputStream out)
      throws IOException {
    ExternalData weights = new ExternalData(out);
    Map<String, JsonNode> layout = new HashMap<>();
    try (InputStream text = OnnxFiles.class.getResourceAsStream(LAYOUT)) {
      for (JsonNode tensor : new ObjectMapper().readTree(text).get("tensors")) {
        layout.put(tensor.get("tensor").textValue(), tensor);
      }
    }
    Safetensors checkpoint = Safetensors.open(folder.resolve(FormulaCheckpoint.WEIGHTS));
    ModelProto quantized =
        DynamicQuantization.quantize(
            model,
            initializer -> {
              String name = layout.get(initializer.getName()).get("parameter").textValue();
              ByteBuffer values = checkpoint.map(name);
              byte[] transposed = new byte[values.remaining()];
              transpose(values.asFloatBuffer(), checkpoint.shape(name), transposed);
              float[] floats = new float[transposed.length / Float.BYTES];
              ByteBuffer.wrap(transposed)
                  .order(ByteOrder.LITTLE_ENDIAN)
                  .asFloatBuffer()
                  .get(floats);
              return floats;
            },
            weights);
    Files.write(folder.resolve(INT8_GRAPH), quantized.toByteArray());
  }

  /** Appends tensors to the file beside the int8 graph. */
  private static final class ExternalData implements DynamicQuantization.Store {
    private final OutputStream out;
    private long position;

    ExternalData(OutputStream out) {
      this.out = out;
    }

    @Override
    public void put(TensorProto.Builder tensor, byte[] values) {
      tensor.setDataLocation(TensorProto.DataLocation.EXTERNAL);
      tensor.addExternalData(entry("location", INT8_DATA));
      tensor.addExternalData(entry("offset", Long.toString(position)));
      tensor.addExternalData(entry("length", Long.toString(values.length)));
      position += values.length;
      try {
        out.write(values);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Bytes of all weights that the graph has in other files. */
  static long weightBytes(Path graph) throws IOException {
    return ModelProto.parseFrom(Files.readAllBytes(graph)).getGraph().getInitializerList().stream()
        .flatMap(tensor -> tensor.getExternalDataList().stream())
        .filter(entry -> entry.getKey().equals("length"))
        .mapToLong(entry -> Long.parseLong(entry.getValue()))
        .sum();
  }
}
