package io.github.w2vbert.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Where lines go: the standard output, or a UTF-8 file that is complete or absent. */
abstract class LineOutput implements AutoCloseable {
  private LineOutput() {}

  /** The file `target`, or `out` if it is null. */
  static LineOutput of(Path target, PrintWriter out) throws IOException {
    return target == null ? new Standard(out) : new ToFile(target);
  }

  abstract void println(String line) throws IOException;

  /** Completes the file. */
  abstract void commit() throws IOException;

  @Override
  public abstract void close() throws IOException;

  private static final class Standard extends LineOutput {
    private final PrintWriter out;

    Standard(PrintWriter out) {
      this.out = out;
    }

    @Override
    void println(String line) throws IOException {
      out.println(line);
      if (out.checkError()) { // nobody reads on: spare the computation
        throw new IOException("standard output cannot be written");
      }
    }

    @Override
    void commit() {}

    @Override
    public void close() {}
  }

  private static final class ToFile extends LineOutput {
    private final PendingFile file;
    private final BufferedWriter writer;

    ToFile(Path target) throws IOException {
      file = new PendingFile(target);
      writer = new BufferedWriter(Channels.newWriter(file.channel(), StandardCharsets.UTF_8));
    }

    @Override
    void println(String line) throws IOException {
      writer.write(line);
      writer.write('\n');
    }

    @Override
    void commit() throws IOException {
      writer.flush();
      file.commit();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
