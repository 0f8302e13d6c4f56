package io.github.w2vbert.cuda;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;

/**
 * What a public object holds of the driver's. It is freed, once, when its owner is closed or
 * garbage and nobody uses it any more.
 */
final class DriverHandle {
  private static final Cleaner CLEANER = Cleaner.create();

  /** Counts the users: the owner, running calls, buffers that look into the memory. */
  private static final class Shared {
    private final long address;
    private final LongConsumer free;
    private final AtomicInteger users = new AtomicInteger(1);

    Shared(long address, LongConsumer free) {
      this.address = address;
      this.free = free;
    }

    boolean retain() {
      return users.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
    }

    void release() {
      if (users.decrementAndGet() == 0) {
        free.accept(address);
      }
    }
  }

  /** The address for the length of a call. */
  static final class Lease implements AutoCloseable {
    private final Shared shared;

    private Lease(Shared shared) {
      this.shared = shared;
    }

    long address() {
      return shared.address;
    }

    @Override
    public void close() {
      shared.release();
    }
  }

  private final String ownerName;
  private final Shared shared;
  private final Cleaner.Cleanable ownership;
  private volatile boolean closed;

  /** {@code free} must not hold the owner. */
  DriverHandle(Object owner, long address, LongConsumer free) {
    this(owner, new Shared(address, free));
  }

  private DriverHandle(Object owner, Shared shared) {
    ownerName = owner.getClass().getSimpleName();
    this.shared = shared;
    ownership = CLEANER.register(owner, shared::release);
  }

  /**
   * The same for a further owner: what is at the address stays until both are closed.
   *
   * @throws IllegalStateException if the owner of this is closed
   */
  DriverHandle share(Object owner) {
    retain();
    return new DriverHandle(owner, shared);
  }

  /**
   * For the length of a call.
   *
   * @throws IllegalStateException if the owner is closed
   */
  Lease lease() {
    retain();
    return new Lease(shared);
  }

  /**
   * The address, which is valid until the owner is closed.
   *
   * @throws IllegalStateException if it is
   */
  long address() {
    try (Lease lease = lease()) {
      return lease.address();
    }
  }

  /** Keeps what is at the address as long as {@code user} is reachable. */
  void keepFor(Object user) {
    retain();
    Shared used = shared;
    CLEANER.register(user, used::release);
  }

  void close() {
    closed = true;
    ownership.clean();
  }

  private void retain() {
    if (closed || !shared.retain()) {
      throw new IllegalStateException("this " + ownerName + " is closed");
    }
  }
}
