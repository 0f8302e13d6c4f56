package io.github.w2vbert.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.w2vbert.W2vBertException;
import java.util.List;
import org.junit.jupiter.api.Test;

class CudaDevicesTest {
  private final FakeDriver driver = new FakeDriver();
  private final Cuda cuda = new Cuda(driver);

  @Test
  void devicesAreDescribedInTheDriversOrder() {
    assertEquals(
        List.of(
            new CudaDevice(0, "Fake GPU 10", "9.0", 80L << 30, 132, "0000:10:00.0"),
            new CudaDevice(1, "Fake GPU 11", "9.0", 80L << 30, 132, "0000:11:00.0")),
        CudaDevices.list(cuda));
  }

  @Test
  void memoryIsThatOfTheDeviceAskedFor() {
    assertEquals(new CudaMemory(1010, 80L << 30), CudaDevices.memory(cuda, 0));
    assertEquals(new CudaMemory(1011, 80L << 30), CudaDevices.memory(cuda, 1));
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    for (int device : new int[] {-1, 2, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> CudaDevices.memory(cuda, device))
              .getMessage();
      assertEquals(
          "there is no device " + device + ": this machine has 2, counted from 0", message);
    }
  }

  @Test
  void aFailureOfTheDriverNamesItsFunctionAndTheError() {
    driver.failure = FakeDriver.OUT_OF_MEMORY;
    String message =
        assertThrows(W2vBertException.class, () -> CudaDevices.memory(cuda, 0)).getMessage();
    assertEquals("CUDA's cuMemGetInfo failed: fake error 2 (CUDA_ERROR_2)", message);
  }
}
