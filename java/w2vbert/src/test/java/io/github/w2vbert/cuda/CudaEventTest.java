package io.github.w2vbert.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import org.junit.jupiter.api.Test;

class CudaEventTest {
  private final FakeDriver driver = new FakeDriver();
  private final Cuda cuda = new Cuda(driver);

  @Test
  void theTimeIsThatBetweenTwoRecords() {
    try (CudaStream stream = CudaStream.create(cuda, 1);
        CudaEvent begin = CudaEvent.create(cuda, 1);
        CudaEvent end = CudaEvent.create(cuda, 1)) {
      begin.record(stream);
      end.record(stream);
      end.synchronize();
      assertTrue(end.isDone());
      assertEquals(1.0f, end.millisecondsSince(begin));
      assertEquals(-1.0f, begin.millisecondsSince(end));
    }
    assertTrue(driver.live.isEmpty());
  }

  @Test
  void thereIsNoTimeBeforeBothAreRecordedAndDone() {
    try (CudaStream stream = CudaStream.create(cuda, 0);
        CudaEvent begin = CudaEvent.create(cuda, 0);
        CudaEvent end = CudaEvent.create(cuda, 0)) {
      begin.record(stream);
      String message =
          assertThrows(IllegalStateException.class, () -> end.millisecondsSince(begin))
              .getMessage();
      assertTrue(message.contains("never recorded"), message);
      end.record(stream);
      driver.busy = true;
      assertFalse(end.isDone());
      message =
          assertThrows(IllegalStateException.class, () -> end.millisecondsSince(begin))
              .getMessage();
      assertTrue(message.contains("synchronize"), message);
    }
  }

  @Test
  void eventsAndStreamsOfDifferentDevicesDoNotMix() {
    try (CudaStream stream = CudaStream.create(cuda, 0);
        CudaEvent event = CudaEvent.create(cuda, 1);
        CudaEvent other = CudaEvent.create(cuda, 0)) {
      assertEquals(
          "an event on cuda:1 cannot be recorded in a stream on cuda:0",
          assertThrows(IllegalArgumentException.class, () -> event.record(stream)).getMessage());
      assertThrows(IllegalArgumentException.class, () -> event.millisecondsSince(other));
    }
  }

  @Test
  void aClosedEventIsRefusedAndClosedOnce() {
    CudaStream stream = CudaStream.create(cuda, 0);
    CudaEvent other = CudaEvent.create(cuda, 0);
    CudaEvent event = CudaEvent.create(cuda, 0);
    event.close();
    event.close();
    for (Runnable use :
        new Runnable[] {
          event::handle,
          event::synchronize,
          event::isDone,
          () -> event.record(stream),
          () -> event.millisecondsSince(other),
          () -> other.millisecondsSince(event),
          () -> stream.waitFor(event)
        }) {
      assertEquals(
          "this CudaEvent is closed",
          assertThrows(IllegalStateException.class, use::run).getMessage());
    }
    assertEquals(2, driver.live.size());
    stream.close();
    other.close();
  }

  @Test
  void failuresAreExceptionsAndAFailedRecordDoesNotCount() {
    try (CudaStream stream = CudaStream.create(cuda, 0);
        CudaEvent begin = CudaEvent.create(cuda, 0);
        CudaEvent end = CudaEvent.create(cuda, 0)) {
      begin.record(stream);
      driver.failure = 700;
      assertThrows(W2vBertException.class, () -> end.record(stream));
      assertThrows(W2vBertException.class, end::isDone);
      assertThrows(W2vBertException.class, end::synchronize);
      driver.failure = 0;
      assertThrows(IllegalStateException.class, () -> end.millisecondsSince(begin));
    }
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> CudaEvent.create(cuda, -1));
    assertThrows(IllegalArgumentException.class, () -> CudaEvent.create(cuda, 2));
  }
}
