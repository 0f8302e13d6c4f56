package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorCommandTest {
  @Test
  void passesHere() throws IOException {
    Cli.Result result = Cli.run("doctor");

    assertEquals("", result.err());
    for (WeightType weights : WeightType.values()) {
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
    for (WeightType weights : WeightType.values()) {
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
