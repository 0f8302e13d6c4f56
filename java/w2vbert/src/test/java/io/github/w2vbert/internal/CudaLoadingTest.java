package io.github.w2vbert.internal;

import static io.github.w2vbert.internal.JavaProcess.build;
import static io.github.w2vbert.internal.JavaProcess.classPath;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.cuda.CudaProbe;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The way to CUDA with a driver, a plug-in and libraries that only have the names of NVIDIA's, on
 * machines with and without a GPU.
 */
class CudaLoadingTest {
  private static final String ALL = System.getProperty("java.class.path");

  @TempDir Path temp;
  private Path system;
  private Path libraries;

  @BeforeEach
  void fakes() throws IOException {
    system = Files.createDirectories(temp.resolve("system"));
    Files.copy(cmake("libfake_driver.so"), system.resolve("libcuda.so.1"));
    libraries = Files.createDirectories(temp.resolve("jar/org/bytedeco/cuda/linux-x86_64"));
  }

  @Test
  void thePresetsReachTheDriver() throws Exception {
    Files.copy(cmake("libfake_plugin.so"), system.resolve("libcudart.so.13"));
    assertEquals(
        """
        CudaDevice[index=0, name=Fake GPU 0, computeCapability=9.0, memoryBytes=85899345920, \
        multiprocessors=132, pciBusId=0000:00:00.0]
        CudaDevice[index=1, name=Fake GPU 1, computeCapability=9.0, memoryBytes=85899345920, \
        multiprocessors=132, pciBusId=0000:01:00.0]
        CudaMemory[freeBytes=85899345920, totalBytes=85899345920]
        created 4
        done true true
        0.5 ms
        float 7.0
        kept 1
        refused: CUDA's cuMemHostAlloc of 2147483647 bytes failed: out of memory \
        (CUDA_ERROR_OUT_OF_MEMORY)""",
        cudaProbe(ALL));
  }

  @Test
  void withoutThePresetsOnlyTheirPackageIsMissing() throws Exception {
    String withoutPresets = classPath(entry -> !new File(entry).getName().startsWith("cuda-"));
    assertTrue(probe(withoutPresets).startsWith("loaded "));
    assertEquals(
        "refused: JavaCPP Presets for CUDA (org.bytedeco:cuda) are not on the class path;"
            + " io.github.w2vbert:w2vbert-platform-gpu brings them",
        cudaProbe(withoutPresets));
  }

  @Test
  void withoutThePresetsNativeLibraryTheJarIsNamed() throws Exception {
    Files.copy(cmake("libfake_plugin.so"), system.resolve("libcudart.so.13"));
    String output =
        cudaProbe(classPath(entry -> !new File(entry).getName().matches("cuda-.*64.jar")));
    assertTrue(
        output.startsWith(
            "refused: the native library of JavaCPP Presets for CUDA (org.bytedeco:cuda, classifier"
                + " linux-x86_64) cannot be loaded; "),
        output);
    assertFalse(output.contains("\n"), output);
  }

  @Test
  void aDriverThatIsTooOldIsOneSentenceEverywhere() throws Exception {
    Path driver = system.resolve("libcuda.so.1");
    Files.delete(driver);
    Files.copy(cmake("libfake_old_driver.so"), driver);
    String problem = "the NVIDIA driver is too old: it supports CUDA 12.8, and CUDA 13.0 is needed";
    assertEquals("refused: CUDA cannot be used: " + problem, cudaProbe(ALL));
    List<String> lines = probe(ALL, "cuda").lines().toList();
    assertEquals(problem, lines.get(lines.size() - 2));
  }

  @Test
  void withLibTorchForTheCpuTheWayOutIsNamed() throws Exception {
    String output = probe(ALL, "cuda");
    assertTrue(output.contains("LibTorch from the class path computes on the CPU only"), output);
    assertTrue(output.contains("io.github.w2vbert:w2vbert-platform-gpu"), output);
  }

  @Test
  void thePlugInOpensFromTheClassPath() throws Exception {
    String jar = libTorchForCuda();
    for (String name : List.of("libcudart.so.13", "libcublas.so.13")) {
      Files.copy(cmake("libfake_plugin.so"), libraries.resolve(name));
    }
    Files.copy(cmake("libfake_plugin.so"), system.resolve("libnccl.so.2"));
    // Before the jar for the CPU or behind it.
    for (String classPath :
        List.of(jar + File.pathSeparator + ALL, ALL + File.pathSeparator + jar)) {
      String output = probe(classPath, "cuda");
      List<String> lines = output.lines().toList();
      assertTrue(lines.get(0).endsWith("(extracted from the class path, for CUDA)"), output);
      String torch = jar + "/org/bytedeco/pytorch/linux-x86_64-gpu";
      assertTrue(lines.contains("libtorch_cuda.so " + torch), output);
      assertTrue(lines.contains("libcublas.so.13 " + libraries), output);
      assertTrue(lines.contains("libnccl.so.2 " + system), output);
      assertTrue(lines.contains("plug-in opened"), output);
    }
  }

  @Test
  void withoutThePlugInItsJarIsNamed() throws Exception {
    String jar = libTorchForCuda();
    Files.delete(Path.of(jar, "io/github/w2vbert/internal/linux-x86_64-gpu/libw2vbert_cuda.so"));
    String output = probe(jar + File.pathSeparator + ALL, "cuda");
    assertTrue(output.contains("libw2vbert_cuda.so missing"), output);
    assertTrue(output.contains("which brings the linux-x86_64-gpu jars"), output);
  }

  /** A folder with what the jars for CUDA hold: LibTorch is that for the CPU. */
  private String libTorchForCuda() throws IOException {
    Path jar = temp.resolve("jar");
    Path cpu = build().resolve("libtorch/org/bytedeco/pytorch/linux-x86_64");
    Path torch = Files.createDirectories(jar.resolve("org/bytedeco/pytorch/linux-x86_64-gpu"));
    for (String name : List.of("libgomp.so.1", "libc10.so", "libtorch_cpu.so")) {
      Files.createSymbolicLink(torch.resolve(name), cpu.resolve(name).toAbsolutePath());
    }
    for (String name : List.of("libc10_cuda.so", "libtorch_cuda.so")) {
      Files.copy(cmake("libfake_plugin.so"), torch.resolve(name));
    }
    Path plugin = jar.resolve("io/github/w2vbert/internal/linux-x86_64-gpu/libw2vbert_cuda.so");
    Files.createDirectories(plugin.getParent());
    Files.copy(cmake("libfake_plugin.so"), plugin);
    return jar.toString();
  }

  private String cudaProbe(String classPath) throws IOException, InterruptedException {
    return JavaProcess.run(CudaProbe.class, classPath, List.of(), environment());
  }

  private String probe(String classPath, String... arguments)
      throws IOException, InterruptedException {
    return JavaProcess.run(LoaderProbe.class, classPath, List.of(), environment(), arguments);
  }

  private Map<String, String> environment() {
    return Map.of("LD_LIBRARY_PATH", system.toString());
  }

  private static Path cmake(String name) {
    return build().resolve("cmake").resolve(name);
  }
}
