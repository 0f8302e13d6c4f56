package io.github.w2vbert;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Asks for the default model in a process of its own; see {@link DefaultModelTest}. */
public final class DefaultModelProbe {
  private DefaultModelProbe() {}

  /** Prints "found", the folder and the sizes of its files, or "refused: message". */
  public static void main(String[] args) throws IOException {
    try {
      Path folder = DefaultModel.directory();
      StringBuilder line = new StringBuilder("found " + folder);
      for (String name : DefaultModel.FILES) {
        line.append(' ').append(Files.size(folder.resolve(name)));
      }
      System.out.println(line);
    } catch (W2vBertException e) {
      System.out.println("refused: " + e.getMessage());
    }
  }
}
