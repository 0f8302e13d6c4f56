package io.github.w2vbert;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * The bytes of an audio file that is not trusted: buffered, counted, and named in every refusal.
 * Reads ahead, to the end of its stream in the end.
 */
final class AudioInput {
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int MAX_PADDING = 1 << 20;

  private final InputStream in;
  private final String source;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int at;
  private int end;
  private long before; // bytes that have left the buffer

  /**
   * Reads from a stream, which it does not close.
   *
   * @param source what to call it in messages
   */
  AudioInput(InputStream in, String source) {
    this.in = in;
    this.source = source;
  }

  /** Bytes read so far. */
  long position() {
    return before + at;
  }

  /** The next byte, -1 at the end. */
  int read() throws IOException {
    return at < end || fill(1) ? buffer[at++] & 0xFF : -1;
  }

  /** The next bytes without reading them, fewer at the end; at most the size of the buffer. */
  byte[] peek(int count) throws IOException {
    fill(count);
    return Arrays.copyOfRange(buffer, at, Math.min(at + count, end));
  }

  /** The next bytes, fewer at the end. */
  byte[] readUpTo(int count) throws IOException {
    byte[] bytes = new byte[Math.min(count, BUFFER_BYTES)];
    int got = 0;
    while (got < count && fill(1)) {
      int step = Math.min(count - got, end - at);
      if (got + step > bytes.length) { // grows with what arrives
        bytes = Arrays.copyOf(bytes, Math.min(count, 2 * bytes.length));
        step = Math.min(step, bytes.length - got);
      }
      System.arraycopy(buffer, at, bytes, got, step);
      at += step;
      got += step;
    }
    return got == bytes.length ? bytes : Arrays.copyOf(bytes, got);
  }

  /**
   * The next bytes, all of them.
   *
   * @param what the bytes are part of, for the message
   */
  byte[] readFully(int count, String what) throws IOException {
    byte[] bytes = readUpTo(count);
    if (bytes.length < count) {
      throw endInside(what);
    }
    return bytes;
  }

  /** Skips bytes, fewer at the end; returns how many. */
  long skip(long count) throws IOException {
    long skipped = 0;
    while (skipped < count && fill(1)) {
      int step = (int) Math.min(count - skipped, end - at);
      at += step;
      skipped += step;
    }
    return skipped;
  }

  /** Skips padding: bytes that are 0, up to a million. */
  void skipZeros() throws IOException {
    for (int skipped = 0; skipped < MAX_PADDING && fill(1) && buffer[at] == 0; skipped++) {
      at++;
    }
  }

  /** A refusal of the file: what is wrong, and what was expected. */
  IllegalArgumentException refuse(String what) {
    return new IllegalArgumentException("Cannot read " + source + ": " + what);
  }

  /** A refusal of a file that ends too early. */
  IllegalArgumentException endInside(String what) {
    return refuse("it ends at byte " + position() + " inside " + what + ", expected more bytes");
  }

  /** A refusal of a file in which a decoder failed. */
  IllegalArgumentException undecodable(String what, Throwable cause) {
    IllegalArgumentException refusal =
        refuse(what + " cannot be decoded (" + cause + "), expected undamaged data");
    refusal.initCause(cause);
    return refusal;
  }

  /** What to call the file in messages. */
  String source() {
    return source;
  }

  /** Has so many bytes in the buffer, if the stream has them. */
  private boolean fill(int count) throws IOException {
    if (end - at >= count) {
      return true;
    }
    System.arraycopy(buffer, at, buffer, 0, end - at);
    before += at;
    end -= at;
    at = 0;
    while (end < count) {
      int got = in.read(buffer, end, buffer.length - end);
      if (got < 0) {
        return false;
      }
      end += got;
    }
    return true;
  }
}
