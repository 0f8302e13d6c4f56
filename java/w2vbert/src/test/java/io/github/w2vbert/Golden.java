package io.github.w2vbert;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Where the recorded results of the reference lie. */
final class Golden {
  private Golden() {}

  private static final String PROPERTY = "w2vbert.golden";

  /** The cases of this project, for tests that need a particular one. */
  static Path dir() {
    return above("native/tests/golden");
  }

  /**
   * The cases to run: the folder that the property {@code w2vbert.golden} names, or this project's.
   */
  static Path chosen() {
    String property = System.getProperty(PROPERTY);
    return property == null ? dir() : above(property);
  }

  /** One group of the cases to run; a group that the chosen folder lacks is this project's. */
  static Path group(String group) {
    Path folder = chosen().resolve(group);
    return Files.isDirectory(folder) ? folder : dir().resolve(group);
  }

  /** A folder, absolute or relative to the working directory or one above it. */
  private static Path above(String folder) {
    Path start = Path.of("").toAbsolutePath();
    for (Path parent = start; parent != null; parent = parent.getParent()) {
      Path candidate = parent.resolve(folder);
      if (Files.isDirectory(candidate)) {
        return candidate;
      }
    }
    throw new IllegalStateException("no folder " + folder + " in or above " + start);
  }

  /** The folders in {@code group} that hold a case, in alphabetical order: at least one. */
  static List<Path> cases(String group) {
    Path folder = group(group);
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> cases =
          files.filter(file -> Files.exists(file.resolve("case.json"))).sorted().toList();
      if (cases.isEmpty()) {
        throw new IllegalStateException(folder + " holds no case");
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(Path file) {
    try {
      return new ObjectMapper().readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
