package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** A file of matrices that appears complete or not at all, see {@link PendingFile}. */
abstract class MatrixFile implements AutoCloseable {
  private static final int BLOCK_FLOATS = 1 << 16;

  private final PendingFile file;

  private MatrixFile(Path target) throws IOException {
    file = new PendingFile(target);
  }

  /** Whether `file` has the ending of a format that {@link #create} knows. */
  static boolean isSupported(Path file) {
    return isSafetensors(file) || isNpy(file);
  }

  static boolean isNpy(Path file) {
    return lowerCase(file).endsWith(".npy");
  }

  private static boolean isSafetensors(Path file) {
    return lowerCase(file).endsWith(".safetensors");
  }

  private static String lowerCase(Path file) {
    return file.toString().toLowerCase(Locale.ROOT);
  }

  /**
   * Begins a file in the format that its ending names.
   *
   * @param names of all matrices that may follow, different ones; a .npy file does not keep them
   *     and holds the rows of all matrices, which have equally many columns
   */
  static MatrixFile create(Path target, List<String> names) throws IOException {
    return isNpy(target) ? new Npy(target) : new Safetensors(target, new SafetensorsHeader(names));
  }

  /** Appends a matrix. */
  abstract void put(String name, Matrix matrix) throws IOException;

  /** Gives the file its name, replacing what was there. */
  void commit() throws IOException {
    file.commit();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** Skips what is written when all matrices are known, or returns to it. */
  private void position(int bytes) throws IOException {
    file.channel().position(bytes);
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      file.channel().write(bytes);
    }
  }

  private void write(float[] values) throws IOException {
    ByteBuffer block =
        ByteBuffer.allocateDirect(Float.BYTES * BLOCK_FLOATS).order(ByteOrder.LITTLE_ENDIAN);
    for (int begin = 0; begin < values.length; begin += BLOCK_FLOATS) {
      int count = Math.min(BLOCK_FLOATS, values.length - begin);
      block.clear().asFloatBuffer().put(values, begin, count);
      write(block.limit(Float.BYTES * count));
    }
  }

  /** NumPy's format, version 1.0. */
  private static final class Npy extends MatrixFile {
    private static final int PREFIX_BYTES = 10; // magic, version, length of the header
    private static final int TOTAL_BYTES = 128; // fits any shape; NumPy aligns the numbers to 64

    private long rows;
    private long columns;

    Npy(Path target) throws IOException {
      super(target);
      super.position(TOTAL_BYTES);
    }

    @Override
    void put(String name, Matrix matrix) throws IOException {
      rows += matrix.rows();
      columns = matrix.columns();
      super.write(matrix.values());
    }

    @Override
    void commit() throws IOException {
      String shape = "(" + rows + ", " + columns + ")";
      String header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
      int spaces = TOTAL_BYTES - PREFIX_BYTES - header.length() - 1;
      super.position(0);
      super.write(
          ByteBuffer.allocate(TOTAL_BYTES)
              .order(ByteOrder.LITTLE_ENDIAN)
              .put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0})
              .putShort((short) (TOTAL_BYTES - PREFIX_BYTES))
              .put((header + " ".repeat(spaces) + "\n").getBytes(StandardCharsets.US_ASCII))
              .flip());
      super.commit();
    }
  }

  /** The safetensors format: the length of a JSON header, the header, the numbers. */
  private static final class Safetensors extends MatrixFile {
    private final SafetensorsHeader header;

    Safetensors(Path target, SafetensorsHeader header) throws IOException {
      super(target);
      this.header = header;
      super.position(header.totalBytes());
    }

    @Override
    void put(String name, Matrix matrix) throws IOException {
      header.add(name, matrix);
      super.write(matrix.values());
    }

    @Override
    void commit() throws IOException {
      super.position(0);
      super.write(header.toBytes());
      super.commit();
    }
  }
}
