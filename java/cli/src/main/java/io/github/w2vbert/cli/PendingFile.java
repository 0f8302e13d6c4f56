package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that appears complete or not at all: it is written under another name in the same folder
 * and renamed by {@link #commit}; {@link #close} removes what was not committed. A symbolic link
 * stays one: what it leads to is replaced.
 */
final class PendingFile implements AutoCloseable {
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;

  PendingFile(Path target) throws IOException {
    this.target = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    if (!Files.isDirectory(this.target.getParent())) {
      throw new NoSuchFileException(this.target.getParent().toString());
    }
    if (Files.isDirectory(target)) {
      throw new FileSystemException(target.toString(), null, "is a folder; expected a file name");
    }
    temporary = temporarySibling(this.target);
    channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    temporary.toFile().deleteOnExit(); // should the user interrupt us
  }

  /** A name that nothing has, beside `target`, which is absolute. */
  static Path temporarySibling(Path target) {
    return target.resolveSibling("." + UUID.randomUUID() + ".tmp"); // short enough for any folder
  }

  FileChannel channel() {
    return channel;
  }

  /** Gives the file its name, replacing what was there. */
  void commit() throws IOException {
    channel.close();
    Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(temporary);
  }
}
