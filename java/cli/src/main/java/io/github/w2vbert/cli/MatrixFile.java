package io.github.w2vbert.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/**
 * A file of matrices that appears complete or not at all: it is written under another name in the
 * same folder and renamed by {@link #commit}; {@link #close} removes what was not committed.
 */
abstract class MatrixFile implements AutoCloseable {
  private static final int BLOCK_FLOATS = 1 << 16;

  private final Path target;
  private final Path temporary;
  private final FileChannel channel;

  private MatrixFile(Path target) throws IOException {
    this.target = target.toAbsolutePath();
    if (!Files.isDirectory(this.target.getParent())) {
      throw new NoSuchFileException(this.target.getParent().toString());
    }
    if (Files.isDirectory(target)) {
      throw new FileSystemException(target.toString(), null, "is a folder; expected a file name");
    }
    temporary =
        this.target.resolveSibling(this.target.getFileName() + "." + UUID.randomUUID() + ".tmp");
    channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    temporary.toFile().deleteOnExit(); // should the user interrupt us
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
   * @param names of all matrices that may follow, different ones; a .npy file takes one matrix and
   *     does not keep its name
   */
  static MatrixFile create(Path target, List<String> names) throws IOException {
    return isNpy(target) ? new Npy(target) : new Safetensors(target, new SafetensorsHeader(names));
  }

  /** Appends a matrix. */
  abstract void put(String name, Matrix matrix) throws IOException;

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

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
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
    private static final int ALIGNMENT = 64; // of the numbers, as NumPy writes it
    private static final int PREFIX_BYTES = 10; // magic, version, length of the header

    Npy(Path target) throws IOException {
      super(target);
    }

    @Override
    void put(String name, Matrix matrix) throws IOException {
      String header =
          "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }"
              .formatted(matrix.rows(), matrix.columns());
      int unpadded = PREFIX_BYTES + header.length() + 1;
      String padded = header + " ".repeat(Math.floorMod(-unpadded, ALIGNMENT)) + "\n";
      super.write(
          ByteBuffer.allocate(PREFIX_BYTES + padded.length())
              .order(ByteOrder.LITTLE_ENDIAN)
              .put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0})
              .putShort((short) padded.length())
              .put(padded.getBytes(StandardCharsets.US_ASCII))
              .flip());
      super.write(matrix.values());
    }
  }

  /** The safetensors format: the length of a JSON header, the header, the numbers. */
  private static final class Safetensors extends MatrixFile {
    private final SafetensorsHeader header;

    Safetensors(Path target, SafetensorsHeader header) throws IOException {
      super(target);
      this.header = header;
      super.channel.position(header.totalBytes()); // written when shapes are known
    }

    @Override
    void put(String name, Matrix matrix) throws IOException {
      header.add(name, matrix);
      super.write(matrix.values());
    }

    @Override
    void commit() throws IOException {
      super.channel.position(0);
      super.write(header.toBytes());
      super.commit();
    }
  }
}
