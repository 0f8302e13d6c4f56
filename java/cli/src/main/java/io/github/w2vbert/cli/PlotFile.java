package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/** Draws a recording and what was recognised in it into a file. */
final class PlotFile {
  static {
    System.setProperty("java.awt.headless", "true"); // whatever DISPLAY says: nothing is shown
  }

  private PlotFile() {}

  /**
   * Checks, before anything is computed, that {@link #write} can write this file.
   *
   * @throws IllegalArgumentException if its name does not end in .html, .htm or .png
   * @throws io.github.w2vbert.W2vBertException if it is a .png and Java finds no font
   * @throws IOException if its folder does not exist or it is a folder
   */
  static void check(Path file) throws IOException {
    if (!isHtml(file) && !isPng(file)) {
      String name = String.valueOf(file.getFileName());
      int dot = name.lastIndexOf('.');
      throw new IllegalArgumentException(
          file
              + (dot < 0 ? " has no ending" : " ends in " + name.substring(dot))
              + "; expected a name that ends in .html, .htm or .png");
    }
    Path parent = file.toAbsolutePath().getParent();
    if (!Files.isDirectory(parent)) {
      throw new NoSuchFileException(parent.toString());
    }
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "is a folder; expected a file name");
    }
    if (isPng(file)) {
      PlotPng.requireFonts();
    }
  }

  /**
   * Writes a page or a picture, as the file's ending says. It appears complete or not at all: it is
   * written under another name in the same folder and renamed, replacing what was there.
   *
   * @throws IllegalArgumentException if the name does not end in .html, .htm or .png
   * @throws io.github.w2vbert.W2vBertException if it is a .png and Java finds no font
   * @throws IOException if writing fails
   */
  static void write(PlotData data, Path file) throws IOException {
    check(file);
    Plot plot = Plot.of(data);
    byte[] bytes =
        isHtml(file)
            ? PlotHtml.render(plot).getBytes(StandardCharsets.UTF_8)
            : Raster.png(PlotPng.render(plot));
    Output.writeFile(file, bytes);
  }

  private static boolean isHtml(Path file) {
    return lowerCase(file).endsWith(".html") || lowerCase(file).endsWith(".htm");
  }

  private static boolean isPng(Path file) {
    return lowerCase(file).endsWith(".png");
  }

  private static String lowerCase(Path file) {
    return file.toString().toLowerCase(Locale.ROOT);
  }
}
