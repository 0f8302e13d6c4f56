package io.github.w2vbert.cuda;

import io.github.w2vbert.W2vBertException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntSupplier;

/** A driver whose failures are exceptions, and its contexts. */
final class Cuda {
  private static Cuda ofThisMachine;

  private final Driver driver;
  private final int[] devices;
  private final Map<Integer, Long> contexts = new HashMap<>(); // retained for good

  Cuda(Driver driver) {
    this.driver = driver;
    int[] count = new int[1];
    check("cuDeviceGetCount", driver.deviceCount(count));
    devices = new int[count[0]];
    for (int index = 0; index < devices.length; index++) {
      int[] device = new int[1];
      check("cuDeviceGet", driver.device(index, device));
      devices[index] = device[0];
    }
  }

  /**
   * Of this machine.
   *
   * @throws W2vBertException if CUDA cannot be used
   */
  static synchronized Cuda get() {
    if (ofThisMachine == null) {
      ofThisMachine = new Cuda(PresetDriver.open());
    }
    return ofThisMachine;
  }

  Driver driver() {
    return driver;
  }

  int deviceCount() {
    return devices.length;
  }

  /** What the driver calls a device. */
  int device(int index) {
    return devices[index];
  }

  /** Throws unless a function of the driver succeeded. */
  void check(String function, int result) {
    if (result != Driver.SUCCESS) {
      throw new W2vBertException(
          "CUDA's "
              + function
              + " failed: "
              + driver.errorText(result)
              + " ("
              + driver.errorName(result)
              + ")");
    }
  }

  void checkDevice(int device) {
    if (device < 0 || device >= devices.length) {
      throw new IllegalArgumentException(
          "there is no device "
              + device
              + ": this machine has "
              + devices.length
              + ", counted from 0");
    }
  }

  /** Calls a function of the driver for a device, and throws unless it succeeds. */
  void call(int device, String function, IntSupplier body) {
    check(function, result(device, body));
  }

  /** What a function of the driver returns that is called for a device. */
  int result(int device, IntSupplier body) {
    check("cuCtxPushCurrent", driver.pushContext(context(device)));
    try {
      return body.getAsInt();
    } finally {
      driver.popContext();
    }
  }

  private synchronized long context(int device) {
    return contexts.computeIfAbsent(
        device,
        key -> {
          long[] context = new long[1];
          check("cuDevicePrimaryCtxRetain", driver.retainContext(device(key), context));
          return context[0];
        });
  }
}
