package io.github.w2vbert.cuda;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;

/** The GPUs of this machine. */
public final class CudaDevices {
  private static final int TEXT_BYTES = 256;

  private CudaDevices() {}

  /**
   * All of them, in CUDA's order.
   *
   * @throws io.github.w2vbert.W2vBertException if CUDA cannot be used
   */
  public static List<CudaDevice> list() {
    return list(Cuda.get());
  }

  /**
   * The memory of a device now. Makes CUDA's context on it, which takes some.
   *
   * @throws IllegalArgumentException if there is no such device
   * @throws io.github.w2vbert.W2vBertException if CUDA cannot be used
   */
  public static CudaMemory memory(int device) {
    return memory(Cuda.get(), device);
  }

  static List<CudaDevice> list(Cuda cuda) {
    return IntStream.range(0, cuda.deviceCount()).mapToObj(index -> describe(cuda, index)).toList();
  }

  static CudaMemory memory(Cuda cuda, int device) {
    cuda.checkDevice(device);
    long[] free = new long[1];
    long[] total = new long[1];
    cuda.call(device, "cuMemGetInfo", () -> cuda.driver().memoryInfo(free, total));
    return new CudaMemory(free[0], total[0]);
  }

  private static CudaDevice describe(Cuda cuda, int index) {
    int device = cuda.device(index);
    byte[] name = new byte[TEXT_BYTES];
    cuda.check("cuDeviceGetName", cuda.driver().deviceName(device, name));
    byte[] busId = new byte[TEXT_BYTES];
    cuda.check("cuDeviceGetPCIBusId", cuda.driver().devicePciBusId(device, busId));
    long[] memory = new long[1];
    cuda.check("cuDeviceTotalMem", cuda.driver().deviceMemory(device, memory));
    return new CudaDevice(
        index,
        text(name),
        attribute(cuda, device, Driver.COMPUTE_CAPABILITY_MAJOR)
            + "."
            + attribute(cuda, device, Driver.COMPUTE_CAPABILITY_MINOR),
        memory[0],
        attribute(cuda, device, Driver.MULTIPROCESSOR_COUNT),
        text(busId));
  }

  private static int attribute(Cuda cuda, int device, int attribute) {
    int[] value = new int[1];
    cuda.check("cuDeviceGetAttribute", cuda.driver().deviceAttribute(device, attribute, value));
    return value[0];
  }

  private static String text(byte[] ended) {
    int length = 0;
    while (length < ended.length && ended[length] != 0) {
      length++;
    }
    return new String(ended, 0, length, StandardCharsets.UTF_8);
  }
}
