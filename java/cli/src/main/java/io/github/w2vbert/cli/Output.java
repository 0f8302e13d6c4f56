package io.github.w2vbert.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Where the texts that are made of recordings go. */
final class Output {
  private final PrintWriter out; // null: to files
  private final boolean namesRecordings;
  private final Path folder; // made with the first file; null: none
  private final Map<Path, Path> targets; // by recording

  private Output(PrintWriter out, boolean namesRecordings, Path folder, Map<Path, Path> targets) {
    this.out = out;
    this.namesRecordings = namesRecordings;
    this.folder = folder;
    this.targets = targets;
  }

  /** The standard output, on which {@link #writeLines} names several recordings. */
  static Output standard(FilesCommand command) {
    return new Output(command.out(), command.files().size() > 1, null, Map.of());
  }

  /** A file for the only recording. */
  static Output file(FilesCommand command, Path file) throws IOException {
    Map<Path, Path> targets = Map.of(command.files().get(0), file);
    requireTargets(command, targets);
    new PendingFile(file).close(); // it can be written: known before anything is computed
    return new Output(null, false, null, targets);
  }

  /** A file per recording in a folder, which is made if it is not there. */
  static Output folder(FilesCommand command, Path folder, String extension) throws IOException {
    Map<Path, Path> recordings = new LinkedHashMap<>(); // by target
    Map<Path, Path> targets = new LinkedHashMap<>();
    for (Path recording : command.files()) {
      Path target = folder.resolve(FilesCommand.stem(recording) + "." + extension);
      Path other = recordings.put(target, recording);
      if (other != null) {
        throw command.wrongUsage(
            other + " and " + recording + " would both be written to " + target);
      }
      targets.put(recording, target);
    }
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw command.wrongUsage(
          "--output is "
              + folder
              + ", a file, but "
              + targets.size()
              + " files are given; name a folder");
    }
    requireTargets(command, targets);
    Path first = targets.values().iterator().next();
    new PendingFile(Files.exists(folder) ? first : folder).close();
    return new Output(null, false, folder, targets);
  }

  private static void requireTargets(FilesCommand command, Map<Path, Path> targets)
      throws IOException {
    Set<Path> recordings = new HashSet<>();
    for (Path recording : targets.keySet()) {
      if (Files.exists(recording)) {
        recordings.add(recording.toRealPath());
      }
    }
    for (Path target : targets.values()) {
      if (!Files.exists(target)) {
        continue;
      }
      if (!Files.isRegularFile(target)) {
        throw new FileSystemException(
            target.toString(), null, "is no regular file; expected one, or a new name");
      }
      if (recordings.contains(target.toRealPath())) {
        throw command.wrongUsage("--output would replace the recording " + target);
      }
    }
  }

  /** Whether it is the standard output. */
  boolean isStandard() {
    return out != null;
  }

  /** Writes lines; on the standard output with the name of the recording if there are several. */
  void writeLines(Path recording, String lines) throws IOException {
    write(recording, namesRecordings ? named(recording, lines) : lines);
  }

  private static String named(Path recording, String lines) {
    return lines.lines().map(line -> recording + ": " + line + "\n").collect(Collectors.joining());
  }

  /**
   * Writes a text as it is.
   *
   * @throws IOException if it cannot be written: then a file is as it was
   */
  void write(Path recording, String text) throws IOException {
    if (out == null) {
      if (folder != null && !Files.isDirectory(folder)) {
        Files.createDirectory(folder);
      }
      writeFile(targets.get(recording), text.getBytes(StandardCharsets.UTF_8));
      return;
    }
    out.print(text);
    if (out.checkError()) { // nobody reads on: spare the computation
      throw new IOException("standard output cannot be written");
    }
  }

  /** Writes a file that appears complete or not at all. */
  static void writeFile(Path target, byte[] content) throws IOException {
    try (PendingFile file = new PendingFile(target)) {
      ByteBuffer bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        file.channel().write(bytes);
      }
      file.commit();
    }
  }
}
