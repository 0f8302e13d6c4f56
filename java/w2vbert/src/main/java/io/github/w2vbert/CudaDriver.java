package io.github.w2vbert;

import io.github.w2vbert.internal.Native;
import java.util.List;

/**
 * An NVIDIA driver and its GPUs.
 *
 * @param version the newest CUDA that it supports, such as {@code 13.0}; empty without a driver
 * @param devices its GPUs; none if there is a problem before they can be listed
 * @param problem empty, or one sentence that says why CUDA cannot be used
 */
public record CudaDriver(String version, List<Device> devices, String problem) {
  static final String LIBRARY = "libcuda.so.1";

  public CudaDriver {
    devices = List.copyOf(devices);
  }

  /**
   * A GPU.
   *
   * @param name as its maker calls it
   * @param computeCapability such as {@code 9.0}
   * @param memoryBytes all of its memory
   */
  public record Device(String name, String computeCapability, long memoryBytes) {}

  /** What the driver with this library says. */
  static CudaDriver query(String library) {
    return Json.read(NativeHandle.create(() -> Native.cuda_driver_json(library)), CudaDriver.class);
  }
}
