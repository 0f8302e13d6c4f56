package io.github.w2vbert.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * Page-locked memory of the host: a device copies from and to it by itself, faster than other
 * memory and while the host does other things.
 *
 * <pre>{@code
 * try (PinnedBuffer audio = PinnedBuffer.allocate(0, samples.length * (long) Float.BYTES)) {
 *   audio.asFloatBuffer().put(samples);
 *   copyOn(stream.handle(), audio.address(), audio.byteSize());
 *   stream.synchronize();
 * }
 * }</pre>
 */
public final class PinnedBuffer implements AutoCloseable {
  private final Cuda cuda;
  private final int bytes;
  private final DriverHandle handle;

  private PinnedBuffer(Cuda cuda, int device, int bytes, long address) {
    this.cuda = cuda;
    this.bytes = bytes;
    handle =
        new DriverHandle(
            this, address, memory -> cuda.result(device, () -> cuda.driver().hostFree(memory)));
  }

  /**
   * New memory, whose content may be anything. It is page-locked for every device.
   *
   * @param device in whose context it is made
   * @param bytes at least 1 and less than 2 GiB
   * @throws IllegalArgumentException if there is no such device or {@code bytes} is out of range
   * @throws io.github.w2vbert.W2vBertException if there is not as much memory that can be locked,
   *     or CUDA cannot be used
   */
  public static PinnedBuffer allocate(int device, long bytes) {
    checkSize(bytes);
    return allocate(Cuda.get(), device, bytes);
  }

  static PinnedBuffer allocate(Cuda cuda, int device, long bytes) {
    checkSize(bytes);
    cuda.checkDevice(device);
    long[] allocated = new long[1];
    cuda.call(
        device,
        "cuMemHostAlloc of " + bytes + " bytes",
        () -> cuda.driver().hostAlloc(bytes, allocated));
    return new PinnedBuffer(cuda, device, (int) bytes, allocated[0]);
  }

  private static void checkSize(long bytes) {
    if (bytes < 1 || bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "bytes is " + bytes + "; expected 1 to " + Integer.MAX_VALUE);
    }
  }

  /** The size in bytes. */
  public int byteSize() {
    return bytes;
  }

  /**
   * Where the memory is, for code that calls CUDA itself; valid until this is closed.
   *
   * @throws IllegalStateException if it is
   */
  public long address() {
    return handle.address();
  }

  /**
   * A view of the memory in native byte order. The memory stays as long as the view is reachable,
   * even if this is closed.
   *
   * @throws IllegalStateException if this is closed
   */
  public ByteBuffer asByteBuffer() {
    try (DriverHandle.Lease lease = handle.lease()) {
      ByteBuffer view = cuda.driver().hostBuffer(lease.address(), bytes);
      handle.keepFor(view);
      return view.order(ByteOrder.nativeOrder());
    }
  }

  /**
   * A view of the memory as float32, like {@link #asByteBuffer}; bytes behind the last whole number
   * are left out.
   *
   * @throws IllegalStateException if this is closed
   */
  public FloatBuffer asFloatBuffer() {
    return asByteBuffer().asFloatBuffer();
  }

  /**
   * Frees the memory once no view of it is reachable. Let copies that a device makes end first.
   * Closing again does nothing.
   */
  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return "PinnedBuffer of " + bytes + " bytes";
  }
}
