package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How the default model gets from the class path into a folder, on files that stand for it and in
 * processes of their own. What it hears is tested where it is on the class path.
 */
class DefaultModelTest {
  @TempDir Path temp;

  @Test
  void severalProcessesFindTheSameWholeFolder() throws Exception {
    Path classPathRoot = temp.resolve("artifact");
    Path model = Files.createDirectories(classPathRoot.resolve(DefaultModel.RESOURCES));
    StringBuilder sizes = new StringBuilder();
    for (int i = 0; i < DefaultModel.FILES.size(); i++) {
      byte[] content = new byte[i * 100_000];
      Path file = model.resolve(DefaultModel.FILES.get(i));
      Files.createDirectories(file.getParent());
      Files.write(file, content);
      sizes.append(' ').append(content.length);
    }
    Path cache = temp.resolve("cache");
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(start(cache, classPathRoot));
    }
    List<String> found = new ArrayList<>();
    for (Process process : processes) {
      found.add(output(process));
    }
    assertEquals(1, found.stream().distinct().count(), found.toString());
    assertTrue(found.get(0).startsWith("found " + cache.resolve("w2vbert-")), found.get(0));
    assertTrue(found.get(0).endsWith(sizes.toString()), found.get(0));
    try (Stream<Path> folders = Files.list(cache)) {
      assertEquals(1, folders.count());
    }
  }

  @Test
  void aMissingArtifactIsNamed() throws Exception {
    String output = output(start(temp, temp.resolve("nothing")));
    assertTrue(output.startsWith("refused: the default model is not on the class path"), output);
    assertTrue(output.contains("io.github.w2vbert:w2vbert-default-model"), output);
    assertFalse(output.contains("\n"), output);
  }

  @Test
  void aCacheFolderThatCannotBeMadeIsNamed() throws Exception {
    Path model = Files.createDirectories(temp.resolve("artifact").resolve(DefaultModel.RESOURCES));
    for (String name : DefaultModel.FILES) {
      Files.createDirectories(model.resolve(name).getParent());
      Files.writeString(model.resolve(name), name);
    }
    Path cache = Files.writeString(temp.resolve("file"), "not a folder").resolve("cache");

    String output = output(start(cache, temp.resolve("artifact")));
    assertTrue(output.startsWith("refused: the default model cannot be extracted"), output);
    assertTrue(output.contains(temp.resolve("file").toString()), output);
    assertTrue(output.contains("-Dorg.bytedeco.javacpp.cachedir=DIR"), output);
    assertFalse(output.contains("\n"), output);
  }

  private static Process start(Path cache, Path classPathRoot) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Dorg.bytedeco.javacpp.cachedir=" + cache,
            "-cp",
            System.getProperty("java.class.path") + File.pathSeparator + classPathRoot,
            DefaultModelProbe.class.getName())
        .redirectErrorStream(true)
        .start();
  }

  private static String output(Process process) throws IOException, InterruptedException {
    byte[] output = process.getInputStream().readAllBytes();
    String text = new String(output, StandardCharsets.UTF_8).strip();
    assertEquals(0, process.waitFor(), text);
    return text;
  }
}
