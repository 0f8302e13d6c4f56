package io.github.w2vbert.hub;

import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.hub.HubApi.Metadata;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Fetches one blob. The bytes arrive in {@code ETAG.w2vbert.incomplete}, from the first to the
 * last, so that its size tells where to continue: ranges that are fetched side by side wait in
 * memory for their turn. The file is read back and verified before it gets its name.
 *
 * <p>Where locks do not work, several processes write one such file. They harm neither each other
 * nor the blob that it may have become meanwhile: each writes the same bytes at the same places,
 * and cuts off nothing but what lies behind the end of the file.
 */
final class Download {
  /** Not Python's {@code .incomplete}: Python appends to it, and heeds no lock of ours. */
  private static final String PARTIAL = ".w2vbert.incomplete";

  private static final long ENOUGH_PROGRESS = 1 << 20; // bytes that make a broken transfer count
  private static final long MOST_OF_UNKNOWN_SIZE = 256 << 20; // only small files lack a size

  /** Finds out anew where the file lies: signed locations expire. */
  interface Locator {
    Metadata locate() throws IOException;
  }

  /** The server sends the whole file whatever range is asked for. */
  private static final class RangesIgnored extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private final HubHttp http;
  private final HubOptions options;
  private final String name;
  private final Metadata file;
  private final Locator locator;
  private volatile URI location;

  Download(HubHttp http, HubOptions options, String name, Metadata file, Locator locator) {
    this.http = http;
    this.options = options;
    this.name = name;
    this.file = file;
    this.locator = locator;
    location = file.location();
  }

  /** Makes {@code blob}, or throws and leaves at most a beginning to continue with. */
  void run(Path blob) {
    Path partial = blob.resolveSibling(blob.getFileName() + PARTIAL);
    boolean continued = fill(partial);
    String problem = problem(partial);
    if (problem != null && continued) { // what was left there may have been wrong
      delete(partial);
      fill(partial);
      problem = problem(partial);
    }
    if (problem != null) {
      delete(partial);
      throw new W2vBertException(
          name
              + " from "
              + HubHttp.shown(location)
              + " "
              + problem
              + "; what was downloaded has been deleted");
    }
    try {
      Files.move(partial, blob, StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      if (!Files.exists(blob)) { // or a process that our lock does not stop has been faster
        throw HubCache.unwritable(blob, e);
      }
    } catch (IOException e) {
      throw HubCache.unwritable(blob, e);
    }
  }

  private static void delete(Path partial) {
    try {
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      throw HubCache.unwritable(partial, e);
    }
  }

  /** Fetches what is missing; returns whether there was a beginning. */
  private boolean fill(Path partial) {
    try (FileChannel channel =
        FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      FilePiece piece = new FilePiece(partial, channel);
      long begun = channel.size();
      boolean continues = begun > 0 && begun <= file.size();
      if (continues) {
        piece.position = begun;
      } else {
        piece.restart();
      }
      piece.report();
      if (options.connections() == 1
          || file.size() - piece.position <= options.rangeBytes()
          || !fetchInParallel(piece)) {
        fetch(piece);
      }
      channel.truncate(piece.position); // a longer file has been begun again
      channel.force(true);
      return continues;
    } catch (IOException e) {
      throw HubCache.unwritable(partial, e);
    }
  }

  /** A stretch of the file, and how much of it is there. */
  private abstract static class Piece {
    long position;
    long end; // -1: not known before it is reached

    Piece(long position, long end) {
      this.position = position;
      this.end = end;
    }

    final boolean isFull() {
      return position == end;
    }

    /** Takes bytes that belong to {@code position}. */
    abstract void take(ByteBuffer bytes);

    /** Begins again: the server has begun at the start of the file. */
    abstract void restart();
  }

  /** The whole file, on disk. */
  private final class FilePiece extends Piece {
    private final Path path;
    private final FileChannel channel;

    FilePiece(Path path, FileChannel channel) {
      super(0, file.size());
      this.path = path;
      this.channel = channel;
    }

    @Override
    void take(ByteBuffer bytes) {
      if (end < 0 && position + bytes.remaining() > MOST_OF_UNKNOWN_SIZE) {
        throw new W2vBertException(
            HubHttp.shown(location)
                + " does not say how long it is and sends more than "
                + MOST_OF_UNKNOWN_SIZE
                + " bytes");
      }
      try {
        while (bytes.hasRemaining()) {
          position += channel.write(bytes, position);
        }
      } catch (IOException e) {
        throw HubCache.unwritable(path, e);
      }
      report();
    }

    @Override
    void restart() {
      position = 0;
      end = file.size();
    }

    void report() {
      options.progress().advance(name, position, file.size());
    }
  }

  /** A range, in memory. */
  private static final class MemoryPiece extends Piece {
    private final byte[] bytes;

    MemoryPiece(long position, int length) {
      super(position, position + length);
      bytes = new byte[length];
    }

    @Override
    void take(ByteBuffer given) {
      int count = given.remaining();
      given.get(bytes, (int) (position - (end - bytes.length)), count);
      position += count;
    }

    @Override
    void restart() {
      throw new RangesIgnored();
    }
  }

  /** Fills a piece, continuing a bounded number of times where the connection broke. */
  private void fetch(Piece piece) {
    int failures = 0;
    long furthest = piece.position; // it may begin again, and what it repeats is no progress
    while (!piece.isFull()) {
      IOException failure;
      try {
        attempt(piece);
        if (piece.isFull()) {
          return;
        }
        failure = new EOFException("ended after byte " + piece.position + " of " + piece.end);
      } catch (IOException e) {
        failure = e;
      }
      failures = piece.position - furthest >= ENOUGH_PROGRESS ? 1 : failures + 1;
      furthest = Math.max(furthest, piece.position);
      if (failures > options.retries()) {
        throw new W2vBertException(
            name
                + " cannot be downloaded from "
                + HubHttp.shown(location)
                + ": "
                + failure.getMessage()
                + "; another call continues",
            failure);
      }
      http.pause(failures - 1);
    }
  }

  private void attempt(Piece piece) throws IOException {
    if (piece.end < 0) {
      piece.restart(); // nothing tells whether a continuation would fit
    }
    boolean whole = piece.position == 0 && piece.end == file.size();
    String range = whole ? null : "bytes=" + piece.position + "-" + (piece.end - 1);
    URI from = location;
    try (HubHttp.Answer answer =
        http.request("GET", from, range, options.downloadTimeout(), /* toOtherHosts= */ true)) {
      int status = answer.status();
      if (status == 206 && !whole) {
        requireRange(answer, piece);
      } else if (status == 200) {
        if (!whole) {
          piece.restart();
        }
      } else {
        if (status == 416) {
          piece.restart();
        }
        relocate(from);
        throw new IOException("status " + status + "; expected 200 or 206");
      }
      receive(answer.body(), piece);
    }
  }

  private void receive(BodyStream body, Piece piece) throws IOException {
    while (!piece.isFull()) {
      List<ByteBuffer> buffers = body.next(options.downloadTimeout());
      if (buffers == null) {
        if (piece.end < 0) {
          piece.end = piece.position;
        }
        return;
      }
      for (ByteBuffer buffer : buffers) {
        if (piece.end >= 0 && buffer.remaining() > piece.end - piece.position) {
          throw new W2vBertException(
              HubHttp.shown(location)
                  + " sends more than the "
                  + piece.end
                  + " bytes that "
                  + name
                  + " has up to there");
        }
        piece.take(buffer);
      }
    }
  }

  private void requireRange(HubHttp.Answer answer, Piece piece) throws IOException {
    String given = String.valueOf(answer.header("Content-Range")).trim();
    String expected = "bytes " + piece.position + "-" + (piece.end - 1) + "/";
    if (!given.equals(expected + file.size()) && !given.equals(expected + "*")) {
      throw new IOException(
          "Content-Range is "
              + Repository.quoted(given)
              + "; expected '"
              + expected
              + file.size()
              + "'");
    }
  }

  /** Asks the hub for another location unless another thread has done so. */
  private synchronized void relocate(URI stale) throws IOException {
    if (!location.equals(stale)) {
      return;
    }
    Metadata now = locator.locate();
    if (!now.etag().equals(file.etag())) {
      throw new W2vBertException(
          name
              + " has changed on the hub during the download, from "
              + file.etag()
              + " to "
              + now.etag()
              + "; call again");
    }
    location = now.location();
  }

  /** Fetches ranges side by side; returns false if the server has no ranges. */
  private boolean fetchInParallel(FilePiece whole) {
    ExecutorService pool =
        Executors.newFixedThreadPool(
            options.connections(),
            task -> {
              Thread thread = new Thread(task, "w2vbert-hub");
              thread.setDaemon(true);
              return thread;
            });
    try {
      Deque<Future<MemoryPiece>> ahead = new ArrayDeque<>();
      long next = whole.position;
      while (!whole.isFull()) {
        while (next < whole.end && ahead.size() < options.connections()) {
          int length = (int) Math.min(options.rangeBytes(), whole.end - next);
          long start = next;
          ahead.add(pool.submit(() -> fetched(new MemoryPiece(start, length))));
          next += length;
        }
        whole.take(ByteBuffer.wrap(ahead.remove().get().bytes));
      }
      return true;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RangesIgnored) {
        return false;
      }
      throw new W2vBertException(
          e.getCause() instanceof W2vBertException
              ? e.getCause().getMessage()
              : name + " cannot be downloaded: " + e.getCause(),
          e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new W2vBertException("interrupted while " + name + " was downloaded", e);
    } finally {
      pool.shutdownNow(); // what still runs only fills memory that nobody reads
    }
  }

  private MemoryPiece fetched(MemoryPiece piece) {
    fetch(piece);
    return piece;
  }

  /** What is wrong with a complete file; null if nothing is, or if it has gone. */
  private String problem(Path partial) {
    try {
      long size = Files.size(partial);
      if (file.size() >= 0 && size != file.size()) {
        return "has " + size + " bytes; expected " + file.size();
      }
      String etag = file.etag();
      if (etag.matches("[0-9a-f]{64}")) {
        return difference("sha256", hash("SHA-256", "", partial), etag);
      }
      if (etag.matches("[0-9a-f]{40}")) {
        String difference =
            difference("git sha1", hash("SHA-1", "blob " + size + "\0", partial), etag);
        // Git's is that of small files on the hub; mirrors may send the plain one.
        return difference != null && hash("SHA-1", "", partial).equals(etag) ? null : difference;
      }
      return null; // an etag of a mirror that is no checksum
    } catch (NoSuchFileException e) {
      return null; // another process has been faster, or else there is nothing to give a name to
    } catch (ClosedByInterruptException e) {
      throw new W2vBertException("interrupted while " + partial + " was verified", e);
    } catch (IOException e) {
      throw new W2vBertException(partial + " cannot be read back: " + e, e);
    }
  }

  private static String difference(String kind, String actual, String expected) {
    return actual.equals(expected) ? null : "has " + kind + " " + actual + "; expected " + expected;
  }

  private static String hash(String algorithm, String prefix, Path path) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JVM has both
    }
    digest.update(prefix.getBytes(StandardCharsets.US_ASCII));
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(path)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
