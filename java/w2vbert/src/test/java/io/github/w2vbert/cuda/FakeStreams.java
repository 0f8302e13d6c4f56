package io.github.w2vbert.cuda;

/** Streams of two devices that are not there, for tests of other packages. */
public final class FakeStreams {
  private final FakeDriver driver = new FakeDriver();
  private final Cuda cuda = new Cuda(driver);

  /** A new stream on device 0 or 1. */
  public CudaStream create(int device) {
    return CudaStream.create(cuda, device);
  }

  /** A stream that was made elsewhere. */
  public CudaStream of(int device, long handle) {
    return CudaStream.of(cuda, device, handle);
  }

  /** Streams that are not freed. */
  public int live() {
    return driver.live.size();
  }
}
