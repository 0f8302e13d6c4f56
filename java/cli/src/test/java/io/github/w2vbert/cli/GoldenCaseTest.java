package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class GoldenCaseTest {
  @Test
  void holdsTheRecordedFilesUntilItIsClosed() throws IOException {
    Path folder;
    try (GoldenCase extracted = GoldenCase.extract()) {
      folder = extracted.folder();
      for (String name : Cli.names(folder)) {
        byte[] recorded = Files.readAllBytes(Cli.PLAIN.resolve(name));
        assertArrayEquals(recorded, Files.readAllBytes(folder.resolve(name)), name);
      }
    }

    assertFalse(Files.exists(folder), folder + " remains");
  }
}
