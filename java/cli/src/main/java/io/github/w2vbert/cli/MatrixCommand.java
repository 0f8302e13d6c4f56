package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import picocli.CommandLine.ExitCode;

/** A command that writes a matrix per audio file. */
abstract class MatrixCommand extends FilesCommand {
  private int computed;

  /**
   * Checks what can be checked without a file.
   *
   * @param stacks whether a .npy file takes the matrices of all files, one below the other
   */
  final void requireOutput(Path output, boolean stacks) {
    if (!MatrixFile.isSupported(output)) {
      throw wrongUsage(
          "--output is " + output + "; expected a name that ends in .safetensors or .npy");
    }
    if (MatrixFile.isNpy(output)) {
      if (!stacks && files().size() != 1) {
        throw wrongUsage(
            "--output is "
                + output
                + ", which holds one matrix, but "
                + files().size()
                + " files are given; use a name that ends in .safetensors");
      }
      return; // names are not kept
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

  /**
   * Computes the matrices of all files, writes them and hands them on; the output is complete or
   * absent.
   *
   * @param output null for none
   */
  final int write(
      Path output,
      int rate,
      int batch,
      Function<List<Audio>, List<Matrix>> compute,
      Sink<Matrix> next)
      throws IOException {
    List<String> names = files().stream().map(MatrixCommand::name).toList();
    try (MatrixFile file = output == null ? null : MatrixFile.create(output, names)) {
      int status =
          process(
              rate,
              batch,
              compute,
              (clip, matrix) -> {
                if (file != null) {
                  file.put(name(clip.file()), matrix);
                }
                next.accept(clip, matrix);
                computed++;
              });
      if (file != null && computed > 0) {
        if (MatrixFile.isNpy(output) && computed < files().size()) {
          err()
              .println(
                  "w2vbert: "
                      + output
                      + " is not written: its rows are those of all files, and "
                      + (files().size() - computed)
                      + " of "
                      + files().size()
                      + " failed");
          return ExitCode.SOFTWARE;
        }
        file.commit();
      }
      return status;
    }
  }
}
