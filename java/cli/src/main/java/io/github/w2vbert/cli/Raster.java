package io.github.w2vbert.cli;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * A heat map whose columns are stretches of time.
 *
 * @param pixels places in the palette, {@code [rows, columns]}, the uppermost row first
 */
record Raster(int rows, int columns, byte[] pixels, ColorMap colors) {
  /** Most columns of a picture; more frames are joined. */
  static final int MAX_COLUMNS = 8000;

  /** Of this many frames (or samples), the first that belongs to a column. */
  static int begin(int column, int columns, int frames) {
    return (int) ((long) column * frames / columns);
  }

  boolean isEmpty() {
    return pixels.length == 0;
  }

  /** The picture, one pixel per number. */
  BufferedImage toImage() {
    BufferedImage image =
        new BufferedImage(columns, rows, BufferedImage.TYPE_BYTE_INDEXED, colors.palette());
    byte[] target = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    System.arraycopy(pixels, 0, target, 0, pixels.length);
    return image;
  }

  /**
   * The picture as a PNG file.
   *
   * @param rowHeight pixels of a row: more than one keeps rows apart where a picture is smoothed
   */
  byte[] toPng(int rowHeight) throws IOException {
    byte[] repeated = new byte[rowHeight * pixels.length];
    for (int y = 0; y < rowHeight * rows; y++) {
      System.arraycopy(pixels, y / rowHeight * columns, repeated, y * columns, columns);
    }
    return png(new Raster(rowHeight * rows, columns, repeated, colors).toImage());
  }

  static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(image, "png", out)) {
        throw new IOException("this Java has no writer of PNG files");
      }
    }
    return bytes.toByteArray();
  }

  boolean hasMissing() {
    for (byte pixel : pixels) {
      if ((pixel & 0xFF) == ColorMap.MISSING) {
        return true;
      }
    }
    return false;
  }
}
