package io.github.w2vbert;

import io.github.w2vbert.cuda.CudaStream;
import io.github.w2vbert.internal.NativeModel;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A native model that no object owns yet, with what is its own on a device.
 *
 * @param sessions the line in which calls of a model on a CUDA device wait; null on the CPU, whose
 *     models have one line together
 * @param stream a share of the caller's stream, to be closed after the native model; or null
 */
record OpenModel(NativeModel pointer, Semaphore sessions, CudaStream stream) {
  /**
   * Opens a model.
   *
   * @param opener takes the options of the device as JSON
   * @throws IllegalStateException if the stream of the options is closed
   */
  static OpenModel on(DeviceOptions device, Function<String, NativeModel> opener) {
    Semaphore sessions = device.isCuda() ? new Semaphore(device.sessions(), true) : null;
    return open(sessions, device.stream(), stream -> opener.apply(device.toJson(stream)));
  }

  /** Opens a model beside another, whose parameters it shares. */
  static OpenModel beside(Semaphore sessions, CudaStream stream, Supplier<NativeModel> opener) {
    return open(sessions, stream, share -> opener.get());
  }

  private static OpenModel open(
      Semaphore sessions, CudaStream stream, Function<CudaStream, NativeModel> opener) {
    try (Closing made = new Closing()) {
      CudaStream share = stream == null ? null : made.add(stream.share());
      NativeModel pointer = NativeHandle.create(() -> opener.apply(share));
      return made.keep(new OpenModel(pointer, sessions, share));
    }
  }
}
