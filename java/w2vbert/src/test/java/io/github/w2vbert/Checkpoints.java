package io.github.w2vbert;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Small models and checkpoint folders for tests. */
final class Checkpoints {
  /** Columns of the input of {@link #smallConfig}. */
  static final int WIDTH = 40;

  private Checkpoints() {}

  /** Width 32, two layers, 40 input columns, 20 tokens. */
  static Wav2Vec2BertConfig.Builder smallConfig() {
    return Wav2Vec2BertConfig.builder()
        .hiddenSize(32)
        .outputHiddenSize(32)
        .numHiddenLayers(2)
        .numAttentionHeads(4)
        .intermediateSize(48)
        .featureProjectionInputDim(WIDTH)
        .convDepthwiseKernelSize(7)
        .leftMaxPositionEmbeddings(8)
        .rightMaxPositionEmbeddings(4)
        .vocabSize(20);
  }

  /** Writes {@code config.json} and {@code model.safetensors} of a model. */
  static void save(Wav2Vec2BertPreTrainedModel model, Path folder) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try {
      for (ParameterInfo parameter : model.parameters()) {
        tensors.put(parameter.name(), model.parameter(parameter.name()));
      }
      save(tensors, folder);
    } finally {
      Closing.all(tensors.values().toArray(Tensor[]::new));
    }
    Files.writeString(folder.resolve("config.json"), model.config().toJson());
  }

  /** Writes {@code model.safetensors}. */
  static void save(Map<String, Tensor> tensors, Path folder) throws IOException {
    ObjectNode header = new ObjectMapper().createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Tensor tensor = entry.getValue();
      ObjectNode field = header.putObject(entry.getKey());
      field.put("dtype", name(tensor.dtype()));
      for (long size : tensor.shape()) {
        field.withArray("shape").add(size);
      }
      field.withArray("shape");
      field.withArray("data_offsets").add(data.size());
      byte[] bytes = new byte[tensor.asByteBuffer().remaining()];
      tensor.asByteBuffer().get(bytes);
      data.writeBytes(bytes);
      field.withArray("data_offsets").add(data.size());
    }
    Files.createDirectories(folder);
    Files.write(folder.resolve("model.safetensors"), file(header.toString(), data.toByteArray()));
  }

  /** A safetensors file of the given parts. */
  static byte[] file(String header, byte[] data) {
    byte[] text = header.getBytes(UTF_8);
    return ByteBuffer.allocate(Long.BYTES + text.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length)
        .put(text)
        .put(data)
        .array();
  }

  private static String name(DType type) {
    return switch (type) {
      case FLOAT16 -> "F16";
      case BFLOAT16 -> "BF16";
      case FLOAT32 -> "F32";
      case FLOAT64 -> "F64";
      case INT32 -> "I32";
      case INT64 -> "I64";
      case INT16 -> "I16";
      case INT8 -> "I8";
      case UINT8 -> "U8";
      case BOOL -> "BOOL";
      case FLOAT8 -> "F8_E4M3";
    };
  }
}
