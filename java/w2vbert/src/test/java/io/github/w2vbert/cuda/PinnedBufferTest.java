package io.github.w2vbert.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class PinnedBufferTest {
  private final FakeDriver driver = new FakeDriver();
  private final Cuda cuda = new Cuda(driver);

  @Test
  void viewsLookIntoTheSameMemory() {
    try (PinnedBuffer buffer = PinnedBuffer.allocate(cuda, 1, 11)) {
      assertEquals(11, buffer.byteSize());
      assertEquals(1011, driver.live.get(buffer.address()));
      ByteBuffer bytes = buffer.asByteBuffer();
      assertTrue(bytes.isDirect());
      assertEquals(11, bytes.remaining());
      assertEquals(ByteOrder.nativeOrder(), bytes.order());
      FloatBuffer floats = buffer.asFloatBuffer();
      assertEquals(2, floats.remaining());
      floats.put(1, 2.5f);
      assertEquals(2.5f, bytes.getFloat(4));
    }
  }

  @Test
  void closeFreesOnce() {
    PinnedBuffer buffer = PinnedBuffer.allocate(cuda, 0, 16);
    buffer.close();
    buffer.close();
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void theMemoryStaysAsLongAsAViewIsReachable() throws InterruptedException {
    PinnedBuffer buffer = PinnedBuffer.allocate(cuda, 0, 16);
    FloatBuffer view = buffer.asFloatBuffer().slice(1, 2);
    buffer.close();
    System.gc();
    Thread.sleep(100);
    view.put(0, 3);
    assertEquals(1, driver.live.size());
    java.lang.ref.Reference.reachabilityFence(view);
    view = null;
    for (int i = 0; i < 100 && !driver.live.isEmpty(); i++) {
      System.gc();
      Thread.sleep(50);
    }
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aClosedBufferIsRefused() {
    PinnedBuffer buffer = PinnedBuffer.allocate(cuda, 0, 16);
    buffer.close();
    assertEquals(
        "this PinnedBuffer is closed",
        assertThrows(IllegalStateException.class, buffer::asByteBuffer).getMessage());
    assertThrows(IllegalStateException.class, buffer::asFloatBuffer);
    assertThrows(IllegalStateException.class, buffer::address);
  }

  @Test
  void aSizeOutOfRangeIsRefusedBeforeCudaIsNeeded() {
    for (long bytes : new long[] {0, -1, Long.MIN_VALUE, 1L << 31, Long.MAX_VALUE}) {
      assertEquals(
          "bytes is " + bytes + "; expected 1 to 2147483647",
          assertThrows(IllegalArgumentException.class, () -> PinnedBuffer.allocate(0, bytes))
              .getMessage());
    }
  }

  @Test
  void memoryThatCannotBeHadIsAnException() {
    driver.failure = FakeDriver.OUT_OF_MEMORY;
    assertEquals(
        "CUDA's cuMemHostAlloc of 16 bytes failed: fake error 2 (CUDA_ERROR_2)",
        assertThrows(W2vBertException.class, () -> PinnedBuffer.allocate(cuda, 0, 16))
            .getMessage());
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> PinnedBuffer.allocate(cuda, -1, 16));
    assertThrows(IllegalArgumentException.class, () -> PinnedBuffer.allocate(cuda, 2, 16));
  }
}
