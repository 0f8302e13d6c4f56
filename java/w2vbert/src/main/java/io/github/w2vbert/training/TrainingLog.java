package io.github.w2vbert.training;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** JSON lines, one per event, in a file that can be cut back to where a checkpoint was. */
final class TrainingLog implements AutoCloseable {
  static final String FILE = "log.jsonl";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final FileChannel channel;

  private TrainingLog(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Goes on after so many bytes; what follows them is lost.
   *
   * @throws W2vBertException if it cannot be written
   */
  static TrainingLog open(Path folder, long bytes) {
    Path file = folder.resolve(FILE);
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      channel.truncate(bytes).position(channel.size());
      return new TrainingLog(file, channel);
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }

  /** An event without details, to be written by {@link #write}. */
  static ObjectNode event(String name) {
    return JSON.createObjectNode().put("event", name);
  }

  void write(ObjectNode event) {
    ByteBuffer line = ByteBuffer.wrap((event + "\n").getBytes(StandardCharsets.UTF_8));
    try {
      while (line.hasRemaining()) {
        channel.write(line);
      }
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }

  /** Bytes so far. */
  long bytes() {
    try {
      return channel.position();
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + file + ": " + e, e);
    }
  }
}
