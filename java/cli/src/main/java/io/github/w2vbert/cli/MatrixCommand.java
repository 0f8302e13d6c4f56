package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** A command that writes a matrix per audio file. */
abstract class MatrixCommand extends FilesCommand {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description =
          "What to write: OUT.safetensors with a tensor per file, named by the file's name without"
              + " its folder, or OUT.npy for a single file. It appears when all is done; files that"
              + " failed are not in it.")
  private Path output;

  private int written;

  /** Checks what can be checked without a file. */
  final void requireOutput() {
    if (!MatrixFile.isSupported(output)) {
      throw wrongUsage(
          "--output is " + output + "; expected a name that ends in .safetensors or .npy");
    }
    if (MatrixFile.isNpy(output) && files().size() != 1) {
      throw wrongUsage(
          "--output is "
              + output
              + ", which holds one matrix, but "
              + files().size()
              + " files are given; use a name that ends in .safetensors");
    }
    Set<String> seen = new HashSet<>();
    for (Path file : files()) {
      if (!seen.add(name(file))) {
        throw wrongUsage(
            "two files are named "
                + name(file)
                + "; the tensors of one output need different names");
      }
    }
  }

  private static String name(Path file) {
    return Objects.toString(file.getFileName(), file.toString());
  }

  /** Computes and writes the matrices of all files; the output is complete or absent. */
  final int write(int rate, int batch, Function<List<Audio>, List<Matrix>> compute)
      throws IOException {
    List<String> names = files().stream().map(MatrixCommand::name).toList();
    try (MatrixFile file = MatrixFile.create(output, names)) {
      int status =
          process(
              rate,
              batch,
              compute,
              (clip, matrix) -> {
                file.put(name(clip.file()), matrix);
                written++;
              });
      if (written > 0) {
        file.commit();
      }
      return status;
    }
  }
}
