package io.github.w2vbert;

import io.github.w2vbert.internal.NativeLibrary;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;

/**
 * What a public object holds of its native one.
 *
 * <p>The native object is freed when its owner is closed and no call uses it any more: a call that
 * runs while another thread closes the owner ends normally. If the owner is forgotten, that happens
 * some time after it became unreachable.
 */
final class NativeHandle<P extends Pointer> {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicLong LIVE = new AtomicLong();
  private static final String ARGUMENT_PREFIX = "argument: "; // see jni/bindings.h
  private static final String STATE_PREFIX = "state: ";

  /** Counts the users of a native object: its owner, running calls, buffers that look into it. */
  private static final class Shared<P extends Pointer> {
    private final P pointer;
    private final Runnable whenFreed;
    private final AtomicInteger users = new AtomicInteger(1);

    Shared(P pointer, Runnable whenFreed) {
      this.pointer = pointer;
      this.whenFreed = whenFreed;
      LIVE.incrementAndGet();
    }

    boolean retain() {
      return users.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
    }

    void release() {
      if (users.decrementAndGet() == 0) {
        pointer.deallocate();
        LIVE.decrementAndGet();
        whenFreed.run();
      }
    }
  }

  private final String ownerName;
  private final Shared<P> shared;
  private final Cleaner.Cleanable ownership;
  private volatile boolean closed;

  /** A handle of `pointer`, which is freed at the latest when `owner` is garbage. */
  NativeHandle(Object owner, P pointer) {
    this(owner, pointer, () -> {});
  }

  /** The same; `whenFreed` lets go of what the native object used, and must not hold `owner`. */
  NativeHandle(Object owner, P pointer, Runnable whenFreed) {
    ownerName = owner.getClass().getSimpleName();
    shared = new Shared<>(pointer, whenFreed);
    Shared<P> owned = shared; // the action must hold neither the owner nor this
    ownership = CLEANER.register(owner, owned::release);
  }

  /** The number of native objects of this process that are not freed. */
  static long live() {
    return LIVE.get();
  }

  /**
   * Makes a native object, or calls a native function.
   *
   * @throws IllegalArgumentException if the native code says that the caller is mistaken
   * @throws W2vBertException if it fails otherwise
   */
  static <R> R create(Supplier<R> factory) {
    NativeLibrary.load();
    try {
      return factory.get();
    } catch (RuntimeException e) {
      throw translate(e);
    }
  }

  /** Runs a call with the native object, which is kept until it ends. */
  <R> R call(Function<? super P, R> body) {
    retain();
    try {
      return body.apply(shared.pointer);
    } catch (RuntimeException e) {
      throw translate(e);
    } finally {
      shared.release();
    }
  }

  /**
   * The native object for the length of a call that takes it as an argument.
   *
   * @throws IllegalStateException if its owner is closed
   */
  Lease<P> lease() {
    retain();
    return new Lease<>(shared);
  }

  /** A native object, or null, that is kept until this is closed. */
  static final class Lease<P extends Pointer> implements AutoCloseable {
    private final Shared<P> shared;

    private Lease(Shared<P> shared) {
      this.shared = shared;
    }

    static <P extends Pointer> Lease<P> ofNull() {
      return new Lease<>(null);
    }

    P pointer() {
      return shared == null ? null : shared.pointer;
    }

    @Override
    public void close() {
      if (shared != null) {
        shared.release();
      }
    }
  }

  /** Keeps the native object alive as long as `user` is reachable. */
  void keepFor(Object user) {
    retain();
    Shared<P> used = shared;
    CLEANER.register(user, used::release);
  }

  private void retain() {
    if (closed || !shared.retain()) {
      throw new IllegalStateException("this " + ownerName + " is closed");
    }
  }

  private static RuntimeException translate(RuntimeException e) {
    // JavaCPP throws exactly RuntimeException for a C++ exception; others come from Java code.
    if (e.getClass() != RuntimeException.class) {
      return e;
    }
    String message = String.valueOf(e.getMessage());
    if (message.startsWith(ARGUMENT_PREFIX)) {
      return new IllegalArgumentException(message.substring(ARGUMENT_PREFIX.length()), e);
    }
    if (message.startsWith(STATE_PREFIX)) {
      return new IllegalStateException(message.substring(STATE_PREFIX.length()), e);
    }
    return new W2vBertException(message, e);
  }

  /** Frees the native object once no running call uses it. Closing again does nothing. */
  void close() {
    closed = true;
    ownership.clean();
  }
}
