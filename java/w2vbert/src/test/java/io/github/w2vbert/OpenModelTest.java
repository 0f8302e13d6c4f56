package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.cuda.CudaStream;
import io.github.w2vbert.cuda.FakeStreams;
import io.github.w2vbert.internal.NativeModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Models that compute on the CPU, but are held as those on a CUDA device are. */
@Timeout(60)
class OpenModelTest {
  private static final Path MODEL = Golden.dir().resolve("models/ctc_sum");
  private static final DeviceOptions GPU = DeviceOptions.of("cuda:0");

  private final FakeStreams streams = new FakeStreams();

  private static NativeModel onCpu() {
    return NativeModel.from_pretrained(
        "Wav2Vec2BertForCTC",
        MODEL.toString(),
        Wav2Vec2BertConfig.fromPretrained(MODEL).toJson(),
        false,
        false,
        0,
        false,
        WeightType.FLOAT32.dtype().number(),
        DeviceOptions.CPU.toJson(null));
  }

  private static Wav2Vec2BertForCTC open(DeviceOptions device) {
    return new Wav2Vec2BertForCTC(OpenModel.on(device, json -> onCpu()));
  }

  @Test
  void aStreamIsFreedAfterTheLastModelWithIt() {
    CudaStream stream = streams.create(0);
    DeviceOptions options = GPU.withStream(stream);
    Wav2Vec2BertForCTC first = open(options);
    Wav2Vec2BertForCTC second = open(options);
    Wav2Vec2BertForCTC third = new Wav2Vec2BertForCTC(second.beside(OpenModelTest::onCpu));
    stream.close();
    first.close();
    second.close();
    second.close();
    assertEquals(1, streams.live());
    third.close();
    assertEquals(0, streams.live());
  }

  @Test
  void aRunningCallKeepsTheStream() {
    CudaStream stream = streams.create(0);
    Wav2Vec2BertForCTC model = open(GPU.withStream(stream));
    stream.close();
    int live =
        model.compute(
            pointer -> {
              model.close();
              return streams.live();
            });
    assertEquals(1, live);
    assertEquals(0, streams.live());
  }

  @Test
  void aModelThatCannotBeOpenedLetsGoOfTheStream() {
    CudaStream stream = streams.create(0);
    assertThrows(
        W2vBertException.class,
        () ->
            OpenModel.on(
                GPU.withStream(stream),
                json -> {
                  throw new RuntimeException("no");
                }));
    assertEquals(1, streams.live());
    stream.close();
    assertEquals(0, streams.live());
  }

  @Test
  void aClosedStreamIsRefusedBeforeAModelIsRead() {
    CudaStream stream = streams.create(0);
    DeviceOptions options = GPU.withStream(stream);
    stream.close();
    assertEquals(
        "this CudaStream is closed",
        assertThrows(IllegalStateException.class, () -> open(options)).getMessage());
  }

  @Test
  void asManyCallsComputeAsThereAreSessions() throws InterruptedException {
    int sessions = 3; // of the CPU's line there is one turn
    try (Wav2Vec2BertForCTC model = open(GPU.withSessions(sessions))) {
      CountDownLatch full = new CountDownLatch(sessions);
      CountDownLatch release = new CountDownLatch(1);
      AtomicInteger running = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < sessions + 2; i++) {
        Thread caller =
            new Thread(
                () ->
                    model.compute(
                        pointer -> {
                          most.accumulateAndGet(running.incrementAndGet(), Math::max);
                          full.countDown();
                          try {
                            release.await();
                          } catch (InterruptedException e) {
                            throw new AssertionError(e);
                          }
                          return running.decrementAndGet();
                        }));
        caller.start();
        callers.add(caller);
      }
      full.await();
      ComputeThreads.run(() -> ""); // does not wait for them
      release.countDown();
      for (Thread caller : callers) {
        caller.join();
      }
      assertTrue(most.get() <= sessions, "at the same time: " + most);
    }
  }
}
