package io.github.w2vbert.benchmarks.peers;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Turns the products of an ONNX graph into int8 as ONNX Runtime's {@code quantize_dynamic} does
 * with {@code op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True}: weights are
 * symmetric integers with a scale for each column; inputs become uint8 with one scale for all of
 * the batch, found at run time. A product
 *
 * <pre>{@code y = MatMul(x, w)}</pre>
 *
 * becomes
 *
 * <pre>{@code
 * x_quantized, x_scale, x_zero_point = DynamicQuantizeLinear(x)
 * y = Cast(MatMulInteger(x_quantized, w_quantized, x_zero_point, w_zero_point))
 *     * (x_scale * w_scale)
 * }</pre>
 */
final class DynamicQuantization {
  /**
   * Seven bits, {@code reduce_range}: with eight, its products of pairs saturate on processors
   * without VNNI, and the logits of the formula weights are 77 % off instead of 5 %.
   */
  private static final int LARGEST = 63;

  private final Map<String, TensorProto> weights;
  private final Function<TensorProto, float[]> values;
  private final Store store;
  private final GraphProto.Builder graph;
  private final Set<String> quantizedInputs = new HashSet<>();
  private final Set<String> quantizedWeights = new HashSet<>();

  /** Where the int8 values go. */
  interface Store {
    /** Gives the tensor its values, in the graph or outside. */
    void put(TensorProto.Builder tensor, byte[] values);
  }

  private DynamicQuantization(
      ModelProto model, Function<TensorProto, float[]> values, Store store) {
    this.weights = weights(model);
    this.values = values;
    this.store = store;
    this.graph = model.getGraph().toBuilder().clearNode().clearInitializer();
  }

  /** Weights of products, by name. */
  private static Map<String, TensorProto> weights(ModelProto model) {
    Map<String, TensorProto> matrices =
        model.getGraph().getInitializerList().stream()
            .filter(tensor -> tensor.getDimsCount() == 2)
            .filter(tensor -> tensor.getDataType() == TensorProto.DataType.FLOAT.getNumber())
            .collect(Collectors.toMap(TensorProto::getName, Function.identity()));
    Map<String, TensorProto> weights = new LinkedHashMap<>();
    for (NodeProto node : model.getGraph().getNodeList()) {
      if (node.getOpType().equals("MatMul") && matrices.containsKey(node.getInput(1))) {
        weights.put(node.getInput(1), matrices.get(node.getInput(1)));
      }
    }
    return weights;
  }

  /** The number of weights that become int8. */
  static long elements(ModelProto model) {
    return weights(model).values().stream()
        .mapToLong(tensor -> tensor.getDims(0) * tensor.getDims(1))
        .sum();
  }

  /**
   * The graph with int8 products.
   *
   * @param values of a float32 initializer, in C order
   */
  static ModelProto quantize(ModelProto model, Function<TensorProto, float[]> values, Store store) {
    DynamicQuantization quantization = new DynamicQuantization(model, values, store);
    for (NodeProto node : model.getGraph().getNodeList()) {
      boolean product =
          node.getOpType().equals("MatMul") && quantization.weights.containsKey(node.getInput(1));
      if (product) {
        quantization.product(node);
      } else {
        quantization.graph.addNode(node);
      }
    }
    quantization.keepOtherInitializers(model);
    return model.toBuilder().setGraph(quantization.graph).build();
  }

  private void product(NodeProto node) {
    String x = node.getInput(0);
    String w = node.getInput(1);
    String y = node.getOutput(0);
    if (quantizedInputs.add(x)) {
      add(
          "DynamicQuantizeLinear",
          List.of(x),
          List.of(x + "_quantized", x + "_scale", x + "_zero_point"));
    }
    if (quantizedWeights.add(w)) {
      addWeight(weights.get(w));
    }
    add(
        "MatMulInteger",
        List.of(x + "_quantized", w + "_quantized", x + "_zero_point", w + "_zero_point"),
        List.of(y + "_int32"));
    graph.addNode(
        node("Cast", List.of(y + "_int32"), List.of(y + "_cast"))
            .addAttribute(
                AttributeProto.newBuilder()
                    .setName("to")
                    .setType(AttributeProto.AttributeType.INT)
                    .setI(TensorProto.DataType.FLOAT.getNumber())));
    add("Mul", List.of(x + "_scale", w + "_scale"), List.of(y + "_scales"));
    add("Mul", List.of(y + "_cast", y + "_scales"), List.of(y));
  }

  private void add(String type, List<String> inputs, List<String> outputs) {
    graph.addNode(node(type, inputs, outputs));
  }

  private static NodeProto.Builder node(String type, List<String> inputs, List<String> outputs) {
    return NodeProto.newBuilder()
        .setName(outputs.get(0) + "_" + type)
        .setOpType(type)
        .addAllInput(inputs)
        .addAllOutput(outputs);
  }

  private void addWeight(TensorProto weight) {
    int columns = (int) weight.getDims(1);
    float[] matrix = values.apply(weight);
    float[] scales = new float[columns];
    for (int i = 0; i < matrix.length; i++) {
      int column = i % columns;
      scales[column] = Math.max(scales[column], Math.abs(matrix[i]) / LARGEST);
    }
    byte[] quantized = new byte[matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      float scale = scales[i % columns];
      quantized[i] = scale == 0 ? 0 : (byte) Math.rint(matrix[i] / scale);
    }
    TensorProto.Builder integers =
        tensor(weight.getName() + "_quantized", TensorProto.DataType.INT8, weight.getDimsList());
    store.put(integers, quantized);
    ByteBuffer bytes = ByteBuffer.allocate(columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(scales);
    List<Long> perColumn = List.of((long) columns);
    graph.addInitializer(integers);
    graph.addInitializer(
        tensor(weight.getName() + "_scale", TensorProto.DataType.FLOAT, perColumn)
            .setRawData(ByteString.copyFrom(bytes)));
    graph.addInitializer(
        tensor(weight.getName() + "_zero_point", TensorProto.DataType.INT8, perColumn)
            .setRawData(ByteString.copyFrom(new byte[columns])));
  }

  private static TensorProto.Builder tensor(
      String name, TensorProto.DataType type, List<Long> shape) {
    return TensorProto.newBuilder().setName(name).setDataType(type.getNumber()).addAllDims(shape);
  }

  private void keepOtherInitializers(ModelProto model) {
    Set<String> used =
        graph.getNodeList().stream()
            .flatMap(node -> node.getInputList().stream())
            .collect(Collectors.toSet());
    model.getGraph().getInitializerList().stream()
        .filter(tensor -> used.contains(tensor.getName()))
        .forEach(graph::addInitializer);
  }
}
