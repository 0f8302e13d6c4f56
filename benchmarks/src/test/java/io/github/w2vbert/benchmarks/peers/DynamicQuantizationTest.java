package io.github.w2vbert.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.protobuf.ByteString;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** {@code y = x W + b + (x V) U} with constant W, V and U, quantised and run by ONNX Runtime. */
class DynamicQuantizationTest {
  private static final int ROWS = 7;
  private static final int WIDTH = 48;

  private final Random random = new Random(5);

  private TensorProto matrix(String name, boolean lastColumnIsZero) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.FLOAT.getNumber())
            .addAllDims(List.of((long) WIDTH, (long) WIDTH));
    for (int i = 0; i < WIDTH * WIDTH; i++) {
      boolean zero = lastColumnIsZero && i % WIDTH == WIDTH - 1;
      // Columns of different size need scales of their own.
      tensor.addFloatData(zero ? 0 : (float) random.nextGaussian() * (1 + i % WIDTH));
    }
    return tensor.build();
  }

  private static NodeProto node(String type, String left, String right, String output) {
    return NodeProto.newBuilder()
        .setOpType(type)
        .addInput(left)
        .addInput(right)
        .addOutput(output)
        .build();
  }

  private static ValueInfoProto rows(String name) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(ROWS));
    shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(WIDTH));
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder()
                        .setElemType(TensorProto.DataType.FLOAT.getNumber())
                        .setShape(shape)))
        .build();
  }

  private ModelProto model() {
    TensorProto.Builder bias =
        TensorProto.newBuilder()
            .setName("b")
            .setDataType(TensorProto.DataType.FLOAT.getNumber())
            .addDims(WIDTH);
    for (int i = 0; i < WIDTH; i++) {
      bias.addFloatData(i);
    }
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(16))
        .setGraph(
            GraphProto.newBuilder()
                .setName("test")
                .addInput(rows("x"))
                .addOutput(rows("y"))
                .addInitializer(matrix("W", true))
                .addInitializer(matrix("V", false))
                .addInitializer(matrix("U", false))
                .addInitializer(bias)
                .addNode(node("MatMul", "x", "W", "xW"))
                .addNode(node("Add", "xW", "b", "first"))
                .addNode(node("MatMul", "x", "V", "xV"))
                .addNode(node("MatMul", "xV", "U", "second"))
                .addNode(node("Add", "first", "second", "y")))
        .build();
  }

  private static ModelProto quantized(ModelProto model) {
    return DynamicQuantization.quantize(
        model,
        tensor -> {
          float[] values = new float[tensor.getFloatDataCount()];
          for (int i = 0; i < values.length; i++) {
            values[i] = tensor.getFloatData(i);
          }
          return values;
        },
        (tensor, values) -> tensor.setRawData(ByteString.copyFrom(values)));
  }

  private static float[] run(ModelProto model, float[] x) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OrtSession session = environment.createSession(model.toByteArray(), options);
          OnnxTensor input =
              OnnxTensor.createTensor(environment, FloatBuffer.wrap(x), new long[] {ROWS, WIDTH});
          OrtSession.Result result = session.run(Map.of("x", input))) {
        FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
        float[] y = new float[values.remaining()];
        values.get(y);
        return y;
      }
    }
  }

  @Test
  void productsOfConstantsBecomeIntegers() {
    ModelProto model = model();
    GraphProto graph = quantized(model).getGraph();
    List<String> types = graph.getNodeList().stream().map(NodeProto::getOpType).toList();
    assertEquals(
        List.of(
            // x is quantised once for two products
            "DynamicQuantizeLinear",
            "MatMulInteger",
            "Cast",
            "Mul",
            "Mul",
            "Add",
            "MatMulInteger",
            "Cast",
            "Mul",
            "Mul",
            "DynamicQuantizeLinear",
            "MatMulInteger",
            "Cast",
            "Mul",
            "Mul",
            "Add"),
        types);
    List<String> names =
        graph.getInitializerList().stream().map(TensorProto::getName).sorted().toList();
    assertEquals(
        List.of(
            "U_quantized",
            "U_scale",
            "U_zero_point",
            "V_quantized",
            "V_scale",
            "V_zero_point",
            "W_quantized",
            "W_scale",
            "W_zero_point",
            "b"),
        names);
    assertEquals(3L * WIDTH * WIDTH, DynamicQuantization.elements(model));
  }

  @Test
  void resultsStayClose() throws OrtException {
    float[] x = new float[ROWS * WIDTH];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    ModelProto model = model();
    float[] expected = run(model, x);
    float[] actual = run(quantized(model), x);
    // Column by column, since a wrong scale of a small one would hardly show in the whole.
    for (int column = 0; column < WIDTH; column++) {
      double differences = 0;
      double squares = 0;
      for (int i = column; i < expected.length; i += WIDTH) {
        differences += Math.pow(actual[i] - expected[i], 2);
        squares += Math.pow(expected[i], 2);
      }
      double relative = Math.sqrt(differences / squares);
      assertTrue(relative > 0 && relative < 0.1, "column " + column + ": " + relative);
    }
  }
}
