package io.github.w2vbert.hub;

import io.github.w2vbert.W2vBertException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The body of an answer, read piece by piece with a time limit for each (the client's own limit
 * ends with the headers). At most one piece waits to be read.
 */
final class BodyStream implements HttpResponse.BodySubscriber<BodyStream>, AutoCloseable {
  private record End(Throwable failure) {}

  private static final System.Logger LOG = System.getLogger(BodyStream.class.getName());
  private static final int MOST_DISCARDED = 4; // pieces, of 16 KiB or so
  private static final int MOST_WAITS = 6; // for a whole body, in limits for a piece

  private final BlockingQueue<Object> queue = new LinkedBlockingQueue<>(); // pieces, then an End
  private Flow.Subscription subscription;
  private boolean closed;

  @Override
  public CompletionStage<BodyStream> getBody() {
    return CompletableFuture.completedStage(this);
  }

  @Override
  public synchronized void onSubscribe(Flow.Subscription given) {
    if (closed || subscription != null) {
      given.cancel();
    } else {
      subscription = given;
      given.request(1);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> piece) {
    queue.add(piece);
  }

  @Override
  public void onError(Throwable failure) {
    queue.add(new End(failure));
  }

  @Override
  public void onComplete() {
    queue.add(new End(null));
  }

  /** The next piece; null at the end. */
  @SuppressWarnings("unchecked")
  List<ByteBuffer> next(Duration timeout) throws IOException {
    Object item;
    try {
      item = queue.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new W2vBertException("interrupted during a download", e);
    }
    if (item == null) {
      throw new HttpTimeoutException("no data for " + timeout.toMillis() / 1e3 + " s");
    }
    if (item instanceof End end) {
      queue.add(end);
      if (end.failure != null) {
        throw new IOException(String.valueOf(end.failure.getMessage()), end.failure);
      }
      return null;
    }
    synchronized (this) {
      if (!closed) {
        subscription.request(1);
      }
    }
    return (List<ByteBuffer>) item;
  }

  /**
   * The whole body.
   *
   * @param most refuses one that has more bytes
   * @param timeout for a piece; the whole may take {@value #MOST_WAITS} times as long
   */
  byte[] readAll(int most, Duration timeout) throws IOException {
    Duration whole = timeout.multipliedBy(MOST_WAITS);
    long begun = System.nanoTime();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (List<ByteBuffer> piece = next(timeout); piece != null; piece = next(timeout)) {
      if (System.nanoTime() - begun > whole.toNanos()) {
        throw new HttpTimeoutException("not complete after " + whole.toMillis() / 1e3 + " s");
      }
      for (ByteBuffer buffer : piece) {
        if (buffer.remaining() > most - bytes.size()) {
          throw new W2vBertException("the answer is longer than " + most + " bytes");
        }
        byte[] copy = new byte[buffer.remaining()];
        buffer.get(copy);
        bytes.write(copy, 0, copy.length);
      }
    }
    return bytes.toByteArray();
  }

  /** Reads to the end if that is near, so that the connection can be used again. */
  void discard(Duration timeout) {
    try {
      int pieces = 0;
      while (pieces < MOST_DISCARDED && next(timeout) != null) {
        pieces++;
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "the rest of an answer is lost: {0}", e.toString());
    } finally {
      close();
    }
  }

  /** Ends the transfer; harmless after its end. */
  @Override
  public synchronized void close() {
    closed = true;
    if (subscription != null) {
      subscription.cancel();
    }
  }
}
