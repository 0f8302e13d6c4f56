package io.github.w2vbert.internal;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** Writes text files. */
public final class TextFile {
  private TextFile() {}

  /**
   * Writes a text file that appears complete or not at all.
   *
   * @throws W2vBertException if it cannot be written
   */
  public static void write(Path file, String text) {
    Path draft = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      try {
        Files.writeString(draft, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW);
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(draft);
      }
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }
}
