package io.github.w2vbert.cuda;

/**
 * A mark in a stream, with the time at which the device reached it; {@link CudaStream} has an
 * example.
 */
public final class CudaEvent implements AutoCloseable {
  private final Cuda cuda;
  private final int device;
  private final DriverHandle handle;
  private volatile boolean recorded;

  private CudaEvent(Cuda cuda, int device, long address) {
    this.cuda = cuda;
    this.device = device;
    // What destroying returns would be a failure of earlier work, which synchronize has told.
    handle =
        new DriverHandle(
            this, address, event -> cuda.result(device, () -> cuda.driver().eventDestroy(event)));
  }

  /**
   * A new event.
   *
   * @throws IllegalArgumentException if there is no such device
   * @throws io.github.w2vbert.W2vBertException if CUDA cannot be used
   */
  public static CudaEvent create(int device) {
    return create(Cuda.get(), device);
  }

  static CudaEvent create(Cuda cuda, int device) {
    cuda.checkDevice(device);
    long[] created = new long[1];
    cuda.call(device, "cuEventCreate", () -> cuda.driver().eventCreate(created));
    return new CudaEvent(cuda, device, created[0]);
  }

  /** The number of its device. */
  public int device() {
    return device;
  }

  /**
   * Its {@code CUevent}, which is a {@code cudaEvent_t}, too; valid until this is closed.
   *
   * @throws IllegalStateException if it is
   */
  public long handle() {
    return handle.address();
  }

  /**
   * Puts this mark into a stream, behind what is in it now. A mark that was put somewhere before is
   * moved.
   *
   * @throws IllegalArgumentException if the stream is of another device
   * @throws IllegalStateException if one of the two is closed
   */
  public void record(CudaStream stream) {
    if (stream.device() != device) {
      throw new IllegalArgumentException(
          "an event on cuda:"
              + device
              + " cannot be recorded in a stream on cuda:"
              + stream.device());
    }
    try (DriverHandle.Lease lease = lease();
        DriverHandle.Lease target = stream.lease()) {
      cuda.call(
          device,
          "cuEventRecord",
          () -> cuda.driver().eventRecord(lease.address(), target.address()));
      recorded = true;
    }
  }

  /**
   * Waits until the device has reached this mark; not at all if it was never recorded.
   *
   * @throws IllegalStateException if this is closed
   * @throws io.github.w2vbert.W2vBertException if work on the device failed
   */
  public void synchronize() {
    try (DriverHandle.Lease lease = lease()) {
      cuda.call(
          device, "cuEventSynchronize", () -> cuda.driver().eventSynchronize(lease.address()));
    }
  }

  /**
   * Whether the device has reached this mark, or it was never recorded.
   *
   * @throws IllegalStateException if this is closed
   * @throws io.github.w2vbert.W2vBertException if work on the device failed
   */
  public boolean isDone() {
    try (DriverHandle.Lease lease = lease()) {
      int result = cuda.result(device, () -> cuda.driver().eventQuery(lease.address()));
      if (result == Driver.NOT_READY) {
        return false;
      }
      cuda.check("cuEventQuery", result);
      return true;
    }
  }

  /**
   * The time between two marks, on the device; CUDA resolves about half a microsecond.
   *
   * @throws IllegalArgumentException if {@code start} is of another device
   * @throws IllegalStateException if one of the two is closed, was never recorded or is not done
   * @throws io.github.w2vbert.W2vBertException if work on the device failed
   */
  public float millisecondsSince(CudaEvent start) {
    if (start.device != device) {
      throw new IllegalArgumentException(
          "there is no time between events on cuda:" + start.device + " and cuda:" + device);
    }
    try (DriverHandle.Lease end = lease();
        DriverHandle.Lease begin = start.lease()) {
      if (!recorded || !start.recorded) {
        throw new IllegalStateException("one of the two events was never recorded");
      }
      float[] milliseconds = new float[1];
      int result =
          cuda.result(
              device,
              () -> cuda.driver().eventElapsedTime(begin.address(), end.address(), milliseconds));
      if (result == Driver.NOT_READY) {
        throw new IllegalStateException(
            "the device has not reached both events yet: synchronize with the later one first");
      }
      cuda.check("cuEventElapsedTime", result);
      return milliseconds[0];
    }
  }

  DriverHandle.Lease lease() {
    return handle.lease();
  }

  /** Frees the event; a stream that waits for it goes on waiting until the mark is reached. */
  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return "CudaEvent on cuda:" + device;
  }
}
