package io.github.w2vbert.internal;

import static io.github.w2vbert.internal.JavaProcess.build;
import static io.github.w2vbert.internal.JavaProcess.classPath;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading happens once per process, so most tests start processes of their own. */
class NativeLibraryTest {
  @TempDir Path temp;

  @Test
  void aColdCacheWorksAlthoughTheSystemHasAnotherLibTorch() throws Exception {
    // What the dynamic linker finds under LibTorch's names is another library altogether.
    Path system = Files.createDirectories(temp.resolve("system"));
    Path impostor = library("libc10.so");
    for (String name : List.of("libtorch_cpu.so", "libtorch.so", "libc10.so")) {
      Files.copy(impostor, system.resolve(name));
    }
    String output =
        probe(
            System.getProperty("java.class.path"),
            List.of("-Dorg.bytedeco.javacpp.cachedir=" + temp.resolve("cache")),
            Map.of("LD_LIBRARY_PATH", system.toString()),
            "preset");
    assertTrue(output.contains("sum 7.0"), output);
    assertTrue(output.contains("loaded"), output);
  }

  @Test
  void aCachedLibraryOfEqualSizeAndTimeIsNotTakenForAnother() throws Exception {
    // Two builds of one version: all files of a jar that can be reproduced have the same time.
    String folder = "io/github/w2vbert/internal/linux-x86_64/";
    FileTime time = FileTime.from(Instant.parse("2026-01-01T00:00:00Z"));
    Path jar = temp.resolve("w2vbert-natives.jar");
    Path cache = temp.resolve("cache");
    Path stale = Files.createDirectories(cache.resolve(jar.getFileName()).resolve(folder));
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar));
        Stream<Path> libraries = Files.list(build().resolve("natives").resolve(folder))) {
      for (Path library : libraries.toList()) {
        String name = library.getFileName().toString();
        out.putNextEntry(new ZipEntry(folder + name).setLastModifiedTime(time));
        out.write(Files.readAllBytes(library));
        out.closeEntry();
        Path old = Files.write(stale.resolve(name), new byte[(int) Files.size(library)]);
        Files.setLastModifiedTime(old, time);
      }
    }
    String natives = build().resolve("natives").toString();
    String output =
        probe(
            classPath(entry -> !entry.equals(natives)) + File.pathSeparator + jar,
            List.of("-Dorg.bytedeco.javacpp.cachedir=" + cache),
            Map.of());
    assertTrue(output.startsWith("loaded"), output);
  }

  @Test
  void anExplicitFolderIsUsedWithoutFallback() throws Exception {
    Path folder = Files.createDirectories(temp.resolve("libraries"));
    for (Path root : List.of(build().resolve("libtorch"), build().resolve("natives"))) {
      try (Stream<Path> files = Files.walk(root)) {
        for (Path file : files.filter(f -> f.getFileName().toString().contains(".so")).toList()) {
          Files.createSymbolicLink(folder.resolve(file.getFileName()), file.toAbsolutePath());
        }
      }
    }
    List<String> options =
        List.of(
            "-Dw2vbert.library.path=" + folder,
            "-Dorg.bytedeco.javacpp.cachedir=" + Files.createDirectories(temp.resolve("cache")));
    String withoutNatives =
        classPath(entry -> !entry.equals(build().resolve("natives").toString()));
    String output = probe(withoutNatives, options, Map.of());
    assertTrue(output.startsWith("loaded"), output);

    Files.delete(folder.resolve("libjniNative.so"));
    output = probe(System.getProperty("java.class.path"), options, Map.of());
    assertEquals(
        "refused: "
            + folder
            + " has no libjniNative.so; w2vbert.library.path must name a folder that holds it",
        output);
  }

  @Test
  void aMissingClassifierJarIsNamed() throws Exception {
    for (String missing : List.of("natives", "pytorch", "openblas")) {
      String output =
          probe(
              classPath(
                  entry ->
                      missing.equals("natives")
                          ? !entry.equals(build().resolve("natives").toString())
                          : !(new File(entry).getName().startsWith(missing)
                              && entry.endsWith("-linux-x86_64.jar"))),
              List.of(),
              Map.of());
      assertTrue(output.startsWith("refused: the native libraries of "), output);
      assertTrue(output.contains("io.github.w2vbert:w2vbert-platform"), output);
      assertFalse(output.contains("\n"), output);
    }
  }

  @Test
  void aCacheFolderThatCannotBeMadeIsNamed() throws Exception {
    Path file = Files.writeString(temp.resolve("file"), "not a folder");
    String output =
        probe(
            System.getProperty("java.class.path"),
            List.of("-Dorg.bytedeco.javacpp.cachedir=" + file.resolve("cache")),
            Map.of());
    assertTrue(output.startsWith("refused: "), output);
    assertTrue(output.contains("-Dorg.bytedeco.javacpp.cachedir=DIR"), output);
    assertFalse(output.contains("\n"), output);
  }

  @Test
  void theInstructionSetCanBeForced() throws Exception {
    String classPath = System.getProperty("java.class.path");
    assertEquals(
        "loaded portable", probe(classPath, List.of(), Map.of("W2VBERT_SIMD", "portable")));
    String output = probe(classPath, List.of(), Map.of("W2VBERT_SIMD", "fast"));
    assertTrue(
        output.contains(
            "W2VBERT_SIMD is 'fast'; expected 'portable', 'avx2', 'avx512' or 'avx512vnni'"),
        output);
  }

  @Test
  void aThreadWithASmallStackMayBeTheFirst() throws Exception {
    String output = probe(System.getProperty("java.class.path"), List.of(), Map.of(), "small");
    assertTrue(output.startsWith("loaded"), output);
  }

  @Test
  void otherPlatformsAreRefusedByName() {
    NativeLibrary.checkPlatform("Linux", "amd64", false);
    for (String[] platform :
        new String[][] {{"Linux", "aarch64"}, {"Mac OS X", "x86_64"}, {"Windows 11", "amd64"}}) {
      String message =
          assertThrows(
                  W2vBertException.class,
                  () -> NativeLibrary.checkPlatform(platform[0], platform[1], false))
              .getMessage();
      assertTrue(message.contains(platform[0] + " on " + platform[1]), message);
    }
    String message =
        assertThrows(
                W2vBertException.class, () -> NativeLibrary.checkPlatform("Linux", "amd64", true))
            .getMessage();
    assertTrue(message.contains("musl"), message);
  }

  @Test
  void messagesOfTheDynamicLinkerAreExplained() {
    assertTrue(
        NativeLibrary.explain("libc.so.6: version `GLIBC_2.34' not found (required by x.so)")
            .startsWith("this system's glibc is too old"));
    assertTrue(
        NativeLibrary.explain("libstdc++.so.6: version `GLIBCXX_3.4.30' not found")
            .startsWith("this system's libstdc++ is too old"));
    assertTrue(
        NativeLibrary.explain("x.so: failed to map segment from shared object").contains("noexec"));
    assertTrue(
        NativeLibrary.explain("Native Library x already loaded in another classloader")
            .contains("another class loader"));
    assertEquals(
        "CUDA's libcupti.so.13 was not found: install CUDA 13 with cuDNN 9 and NCCL 2, or name the"
            + " folders that hold its libraries with -Dw2vbert.cuda.path=DIR:DIR",
        NativeLibrary.explain(
            "/cache/libtorch_cpu.so: libcupti.so.13: cannot open shared object file: No such file"
                + " or directory"));
  }

  private static String probe(
      String classPath, List<String> options, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    return JavaProcess.run(LoaderProbe.class, classPath, options, environment, arguments);
  }

  private static Path library(String name) throws IOException {
    try (Stream<Path> files = Files.walk(build().resolve("libtorch"))) {
      return files.filter(f -> f.endsWith(name)).findFirst().orElseThrow();
    }
  }
}
