package io.github.w2vbert.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CudaStreamTest {
  private final FakeDriver driver = new FakeDriver();
  private final Cuda cuda = new Cuda(driver);

  @Test
  void aStreamBelongsToItsDevice() {
    try (CudaStream stream = CudaStream.create(cuda, 1)) {
      assertEquals(1, stream.device());
      assertEquals(1011, driver.live.get(stream.handle()));
      stream.synchronize();
      assertTrue(stream.isDone());
    }
  }

  @Test
  void aStreamWithWorkIsNotDone() {
    try (CudaStream stream = CudaStream.create(cuda, 0)) {
      driver.busy = true;
      assertFalse(stream.isDone());
    }
  }

  @Test
  void closeFreesOnce() {
    CudaStream stream = CudaStream.create(cuda, 0);
    CudaStream other = CudaStream.create(cuda, 0);
    stream.close();
    stream.close();
    assertEquals(Set.of(other.handle()), driver.live.keySet());
    other.close();
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aClosedStreamIsRefused() {
    CudaStream stream = CudaStream.create(cuda, 0);
    CudaEvent event = CudaEvent.create(cuda, 0);
    stream.close();
    for (Runnable use :
        new Runnable[] {
          stream::handle,
          stream::synchronize,
          stream::isDone,
          () -> stream.waitFor(event),
          () -> event.record(stream)
        }) {
      assertEquals(
          "this CudaStream is closed",
          assertThrows(IllegalStateException.class, use::run).getMessage());
    }
    event.close();
  }

  @Test
  void closingWhileACallRunsLetsItEnd() {
    CudaStream stream = CudaStream.create(cuda, 0);
    driver.whileSynchronizing =
        () -> {
          stream.close();
          assertEquals(1, driver.live.size());
        };
    stream.synchronize();
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aSharedStreamIsFreedWhenAllAreClosed() {
    CudaStream stream = CudaStream.create(cuda, 1);
    CudaStream share = stream.share();
    CudaStream another = share.share();
    assertEquals(stream.handle(), another.handle());
    assertEquals(1, another.device());
    stream.close();
    stream.close();
    another.close();
    assertEquals(1, driver.live.size());
    share.synchronize();
    assertEquals(
        "this CudaStream is closed",
        assertThrows(IllegalStateException.class, stream::share).getMessage());
    share.close();
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aForgottenStreamIsFreed() throws InterruptedException {
    CudaStream.create(cuda, 0);
    for (int i = 0; i < 100 && !driver.live.isEmpty(); i++) {
      System.gc();
      Thread.sleep(50);
    }
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aStreamOfSomebodyElseIsUsedAndLeftAlone() {
    try (CudaStream theirs = CudaStream.create(cuda, 1)) {
      CudaStream ours = CudaStream.of(cuda, 1, theirs.handle());
      ours.synchronize();
      ours.close();
      assertThrows(IllegalStateException.class, ours::synchronize);
      theirs.synchronize();
      assertEquals(1, driver.live.size());
    }
  }

  @Test
  void itWaitsForEventsOfEveryDevice() {
    try (CudaStream stream = CudaStream.create(cuda, 0);
        CudaEvent event = CudaEvent.create(cuda, 1)) {
      stream.waitFor(event);
    }
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void failuresAreExceptions() {
    try (CudaStream stream = CudaStream.create(cuda, 0)) {
      driver.failure = 700;
      assertEquals(
          "CUDA's cuStreamSynchronize failed: fake error 700 (CUDA_ERROR_700)",
          assertThrows(W2vBertException.class, stream::synchronize).getMessage());
      assertThrows(W2vBertException.class, stream::isDone);
      assertThrows(W2vBertException.class, () -> CudaStream.create(cuda, 0));
    }
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    for (int device : new int[] {-1, 2}) {
      assertThrows(IllegalArgumentException.class, () -> CudaStream.create(cuda, device));
      assertThrows(IllegalArgumentException.class, () -> CudaStream.of(cuda, device, 0));
    }
  }
}
