package io.github.w2vbert.cuda;

/**
 * A queue of work for a device.
 *
 * <pre>{@code
 * try (CudaStream stream = CudaStream.create(0);
 *     CudaEvent begin = CudaEvent.create(0);
 *     CudaEvent end = CudaEvent.create(0)) {
 *   begin.record(stream);
 *   launchOn(stream.handle());
 *   end.record(stream);
 *   end.synchronize();
 *   System.out.println(end.millisecondsSince(begin) + " ms");
 * }
 * }</pre>
 *
 * <p>A model can compute in a stream of the caller's: {@link
 * io.github.w2vbert.DeviceOptions#withStream}.
 */
public final class CudaStream implements AutoCloseable {
  private final Cuda cuda;
  private final int device;
  private final DriverHandle handle;

  private CudaStream(Cuda cuda, int device, long address, boolean owned) {
    this.cuda = cuda;
    this.device = device;
    // What destroying returns would be a failure of earlier work, which synchronize has told.
    handle =
        new DriverHandle(
            this,
            address,
            owned
                ? stream -> cuda.result(device, () -> cuda.driver().streamDestroy(stream))
                : stream -> {});
  }

  private CudaStream(CudaStream other) {
    cuda = other.cuda;
    device = other.device;
    handle = other.handle.share(this);
  }

  /**
   * A new stream, which does not wait for CUDA's default stream nor the other way round.
   *
   * @throws IllegalArgumentException if there is no such device
   * @throws io.github.w2vbert.W2vBertException if CUDA cannot be used
   */
  public static CudaStream create(int device) {
    return create(Cuda.get(), device);
  }

  /**
   * A stream that was made elsewhere in this process, which closing leaves alone.
   *
   * @param device to which it belongs
   * @param handle its {@code CUstream} or {@code cudaStream_t}, 0 for the default stream. It must
   *     be valid as long as this object, a share of it or a model with it is used: CUDA cannot
   *     check that, and crashes if it is not.
   * @throws IllegalArgumentException if there is no such device
   * @throws io.github.w2vbert.W2vBertException if CUDA cannot be used
   */
  public static CudaStream of(int device, long handle) {
    return of(Cuda.get(), device, handle);
  }

  static CudaStream create(Cuda cuda, int device) {
    cuda.checkDevice(device);
    long[] created = new long[1];
    cuda.call(device, "cuStreamCreate", () -> cuda.driver().streamCreate(created));
    return new CudaStream(cuda, device, created[0], true);
  }

  static CudaStream of(Cuda cuda, int device, long handle) {
    cuda.checkDevice(device);
    return new CudaStream(cuda, device, handle, false);
  }

  /**
   * The same stream for somebody who closes it at another time: it is freed when all that share it
   * are closed.
   *
   * @return to be closed by the caller
   * @throws IllegalStateException if this is closed
   */
  public CudaStream share() {
    return new CudaStream(this);
  }

  /** The number of its device. */
  public int device() {
    return device;
  }

  /**
   * Its {@code CUstream}, which is a {@code cudaStream_t}, too; valid until this is closed.
   *
   * @throws IllegalStateException if it is
   */
  public long handle() {
    return handle.address();
  }

  /**
   * Waits until everything is done that is in this stream.
   *
   * @throws IllegalStateException if this is closed
   * @throws io.github.w2vbert.W2vBertException if work on the device failed
   */
  public void synchronize() {
    try (DriverHandle.Lease lease = lease()) {
      cuda.call(
          device, "cuStreamSynchronize", () -> cuda.driver().streamSynchronize(lease.address()));
    }
  }

  /**
   * Whether everything is done that is in this stream.
   *
   * @throws IllegalStateException if this is closed
   * @throws io.github.w2vbert.W2vBertException if work on the device failed
   */
  public boolean isDone() {
    try (DriverHandle.Lease lease = lease()) {
      int result = cuda.result(device, () -> cuda.driver().streamQuery(lease.address()));
      if (result == Driver.NOT_READY) {
        return false;
      }
      cuda.check("cuStreamQuery", result);
      return true;
    }
  }

  /**
   * What is put into this stream from now on waits for an event, which may be of another device;
   * this call does not wait. An event that was never recorded is not waited for.
   *
   * @throws IllegalStateException if one of the two is closed
   */
  public void waitFor(CudaEvent event) {
    try (DriverHandle.Lease lease = lease();
        DriverHandle.Lease awaited = event.lease()) {
      cuda.call(
          device,
          "cuStreamWaitEvent",
          () -> cuda.driver().streamWaitEvent(lease.address(), awaited.address()));
    }
  }

  DriverHandle.Lease lease() {
    return handle.lease();
  }

  /**
   * Frees the stream once what is in it is done, without waiting for that; but not before whoever
   * shares it has closed it, too, such as a model.
   */
  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return "CudaStream on cuda:" + device;
  }
}
