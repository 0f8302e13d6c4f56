package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class CudaDriverTest {
  @Test
  void withoutADriverOneSentenceSaysSo() {
    CudaDriver driver = CudaDriver.query("libno_such_driver.so.1");

    assertEquals("", driver.version());
    assertEquals(List.of(), driver.devices());
    assertEquals(
        "no NVIDIA driver was found: libno_such_driver.so.1: cannot open shared object file: No such"
            + " file or directory",
        driver.problem());
  }

  @Test
  void thisMachineHasADriverOrAProblem() {
    CudaDriver driver = W2vBert.cudaDriver();

    assertEquals(driver.problem().isEmpty(), !driver.devices().isEmpty() && usable(driver));
    assertTrue(driver.version().matches("|[0-9]+\\.[0-9]"), driver.version());
  }

  @Test
  void whatKeepsThePlugInFromOpeningIsOneSentence() {
    CudaDriver driver = W2vBert.cudaDriver();
    String problem = W2vBert.cudaProblem();

    assertFalse(problem.contains("\n"), problem);
    if (driver.problem().isEmpty()) {
      // Tests load the libraries from the class path.
      assertTrue(problem.contains("w2vbert.libtorch.path"), problem);
    } else {
      assertEquals(driver.problem(), problem);
    }
  }

  private static boolean usable(CudaDriver driver) {
    return driver.devices().stream()
        .anyMatch(device -> Double.parseDouble(device.computeCapability()) >= 8.0);
  }
}
