package io.github.w2vbert.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.github.w2vbert.internal.CudaLibraries.Library;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CudaLibrariesTest {
  private static final Library PRODUCTS = new Library("libcublas.so.13", "libcublasLt.so.13");

  @TempDir Path temp;
  private Path named;
  private Path jar;
  private Path installed;
  private CudaLibraries libraries;

  @BeforeEach
  void places() throws IOException {
    named = Files.createDirectories(temp.resolve("named"));
    jar = Files.createDirectories(temp.resolve("jar/org/bytedeco/cuda/linux-x86_64"));
    installed = Files.createDirectories(temp.resolve("installed"));
    ClassLoader classPath =
        new URLClassLoader(new URL[] {temp.resolve("jar").toUri().toURL()}, null);
    libraries =
        new CudaLibraries(
            List.of(temp.resolve("empty"), named),
            classPath,
            List.of(temp.resolve("empty"), installed));
  }

  @Test
  void theOrderIsPropertyClassPathSystemLinker() throws IOException {
    assertEquals("left to the dynamic linker", libraries.describe().get("libcublas.so.13"));
    assertEquals(List.of(), libraries.files(PRODUCTS));
    for (Path folder : List.of(installed, jar, named)) {
      Files.writeString(folder.resolve("libcublas.so.13"), folder.toString());
      assertEquals(folder.toString(), libraries.describe().get("libcublas.so.13"));
      List<Path> files = libraries.files(PRODUCTS);
      assertEquals(1, files.size());
      assertEquals(folder.toString(), Files.readString(files.get(0)));
    }
  }

  @Test
  void companionsComeFirstAndFromTheSamePlaceOrNotAtAll() throws IOException {
    Files.createFile(installed.resolve("libcublas.so.13"));
    Files.createFile(named.resolve("libcublasLt.so.13"));
    assertEquals(List.of(installed.resolve("libcublas.so.13")), libraries.files(PRODUCTS));
    Files.createFile(installed.resolve("libcublasLt.so.13"));
    assertEquals(
        List.of(installed.resolve("libcublasLt.so.13"), installed.resolve("libcublas.so.13")),
        libraries.files(PRODUCTS));
  }

  @Test
  void librariesAreFoundIndependently() throws IOException {
    Files.createFile(named.resolve("libnccl.so.2"));
    Files.createFile(installed.resolve("libcudnn.so.9"));
    assertEquals(named.toString(), libraries.describe().get("libnccl.so.2"));
    assertEquals(installed.toString(), libraries.describe().get("libcudnn.so.9"));
  }

  @Test
  void aPlaceOnTheClassPathIsAJarOrAFolder() throws IOException {
    assertEquals(
        "/jars/cuda-redist.jar",
        CudaLibraries.describe(
            new URL("jar:file:/jars/cuda-redist.jar!/org/bytedeco/cuda/linux-x86_64/x.so")));
    assertEquals("/classes/a", CudaLibraries.describe(new URL("file:/classes/a/x.so")));
    assertEquals("missing", CudaLibraries.describe(null));
  }

  @Test
  void onlyMissingLibrariesOfNvidiaAreExplained() {
    assertNull(
        CudaLibraries.explainMissing(
            "libstdc++.so.6: cannot open shared object file: No such file or directory"));
    assertNull(CudaLibraries.explainMissing("libcublas.so.13: undefined symbol: f"));
  }
}
