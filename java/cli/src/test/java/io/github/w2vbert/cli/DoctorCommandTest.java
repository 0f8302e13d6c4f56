package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.CudaDriver;
import io.github.w2vbert.DefaultModel;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.WeightType;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorCommandTest {
  private static final Set<WeightType> ON_CPU = EnumSet.complementOf(EnumSet.of(WeightType.FLOAT8));

  @Test
  void passesHere() throws IOException {
    Cli.Result result = Cli.run("doctor");

    assertEquals("", result.err());
    for (WeightType weights : ON_CPU) {
      String check = "self-check  PASS in " + weights + ": logits differ";
      assertTrue(result.out().contains(check), result.out());
    }
    assertTrue(result.out().contains("kernels     " + W2vBert.simdLevel()), result.out());
    assertTrue(result.out().contains(W2vBert.nativeSource()), result.out());
    assertTrue(
        result.out().lines().anyMatch(line -> line.startsWith("model       w2vbert-en-commands, ")),
        result.out());
    assertTrue(result.out().contains(DefaultModel.directory().toString()), result.out());
    CudaDriver driver = W2vBert.cudaDriver();
    String gpu =
        driver.devices().isEmpty()
            ? "gpu         none: " + driver.problem()
            : "gpu         " + driver.devices().get(0).name();
    assertTrue(result.out().contains(gpu), result.out());
    assertEquals(0, result.status());
  }

  @Test
  void failsIfTheLogitsDiffer(@TempDir Path folder) throws IOException {
    copyCase(folder);
    Path outputs = folder.resolve(GoldenCase.OUTPUTS);
    byte[] bytes = Files.readAllBytes(outputs);
    int headerBytes = bytes[0] & 0xFF | (bytes[1] & 0xFF) << 8; // logits_f64 follow first
    bytes[8 + headerBytes + 7] ^= (byte) 0x80; // the sign of one logit
    Files.write(outputs, bytes);

    String report = failure(folder);
    for (WeightType weights : ON_CPU) {
      assertTrue(report.contains("self-check  FAIL in " + weights + ": logits differ"), report);
    }
  }

  @Test
  void failsIfTheTextDiffers(@TempDir Path folder) throws IOException {
    copyCase(folder);
    ObjectNode recorded = (ObjectNode) Cli.recorded(folder);
    recorded.putArray("text").add("something else");
    Cli.JSON.writeValue(folder.resolve(GoldenCase.CASE).toFile(), recorded);

    assertTrue(failure(folder).contains("expected 'something else'"));
  }

  @Test
  void float8IsCheckedWhereAGpuHasIt() {
    List<WeightType> others = List.of(WeightType.FLOAT32, WeightType.FLOAT16, WeightType.BFLOAT16);
    for (String capability : List.of("8.0", "8.9", "11.0", "12.0")) {
      assertEquals(others, DoctorCommand.gpuTypes(capability));
    }
    for (String capability : List.of("9.0", "10.0", "10.3")) {
      assertTrue(DoctorCommand.gpuTypes(capability).containsAll(others));
      assertTrue(DoctorCommand.gpuTypes(capability).contains(WeightType.FLOAT8));
    }
  }

  @Test
  void theTextOfFloat8DoesNotMatter() {
    SelfCheck check = new SelfCheck("cuda:0", WeightType.FLOAT8, 0.05, 0.15, "", "a text", null);
    assertTrue(check.passed());
    assertEquals(
        "PASS in float8 on cuda:0: logits differ from the reference in float64 by a relative RMS of"
            + " 0.050 (allowed: 0.15)",
        check.toString());
    assertFalse(new SelfCheck("cuda:0", WeightType.FLOAT8, 0.2, 0.15, "", "a text", null).passed());
  }

  @Test
  void librariesOfCudaAreListedByPlace() {
    Map<String, String> places = new LinkedHashMap<>();
    places.put("libcudart.so.13", "/jars/cuda-redist.jar");
    places.put("libcublas.so.13", "/usr/local/cuda/lib64");
    places.put("libcufft.so.12", "/jars/cuda-redist.jar");
    StringWriter out = new StringWriter();
    DoctorCommand.describeCudaLibraries(new PrintWriter(out, true), places);

    assertEquals(
        """
        cuda        libcudart.so.13, libcufft.so.12: /jars/cuda-redist.jar
        cuda        libcublas.so.13: /usr/local/cuda/lib64
        """,
        out.toString());
  }

  private static void copyCase(Path folder) throws IOException {
    for (String name : Cli.names(Cli.PLAIN)) {
      Files.copy(Cli.PLAIN.resolve(name), folder.resolve(name));
    }
  }

  private static String failure(Path folder) throws IOException {
    StringWriter out = new StringWriter();
    assertEquals(1, DoctorCommand.examine(folder, new PrintWriter(out)));
    return out.toString();
  }
}
