package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.cuda.CudaStream;
import io.github.w2vbert.cuda.FakeStreams;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceOptionsTest {
  private static final DeviceOptions GPU = DeviceOptions.of("cuda:1");
  private final FakeStreams streams = new FakeStreams();

  private static String refusal(Runnable body) {
    return assertThrows(IllegalArgumentException.class, body::run).getMessage();
  }

  @Test
  void theNativeLibraryIsToldEverything() {
    String defaults =
        ",\"stream\":0,\"memory_limit\":0,\"sessions\":2,\"graph_frames\":"
            + "[50,100,150,200,250,300,400,500,750,1000,1500],\"warm_up\":false}";
    assertEquals("{\"device\":\"cpu\"" + defaults, DeviceOptions.CPU.toJson(null));
    assertEquals("{\"device\":\"cuda\"" + defaults, DeviceOptions.of("cuda").toJson(null));
    try (CudaStream stream = streams.create(1)) {
      DeviceOptions options =
          GPU.withGraphBuckets(7, 8).withWarmUp().withMemoryLimit(8L << 30).withStream(stream);
      assertEquals(
          "{\"device\":\"cuda:1\",\"stream\":"
              + stream.handle()
              + ",\"memory_limit\":8589934592,\"sessions\":1,\"graph_frames\":[7,8],"
              + "\"warm_up\":true}",
          options.toJson(stream));
    }
  }

  @Test
  void eachChangeKeepsTheRest() {
    DeviceOptions options =
        GPU.withSessions(16).withoutGraphs().withWarmUp().withMemoryLimit(1).withSessions(3);
    assertEquals(new DeviceOptions("cuda:1", 3, List.of(), true, 1, null), options);
    assertEquals(
        new DeviceOptions("cuda:1", 3, List.of(1), true, 1, null), options.withGraphBuckets(1));
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 17, Integer.MAX_VALUE})
  void sessionsOutOfRangeAreRefused(int count) {
    assertEquals(
        "sessions is " + count + "; expected 1 to 16", refusal(() -> GPU.withSessions(count)));
  }

  @Test
  void bucketsAscend() {
    for (int[] frames : new int[][] {{0}, {-1}, {2, 1}, {1, 1}, {1, 2, 0}}) {
      String message = refusal(() -> GPU.withGraphBuckets(frames));
      assertTrue(message.startsWith("graphBuckets is [" + frames[0]), message);
      assertTrue(message.endsWith("; expected ascending numbers of at least 1"), message);
    }
  }

  @Test
  void bucketsLongerThanAMinuteAreRefused() {
    assertEquals(
        List.of(100, DeviceOptions.MAX_GRAPH_FRAMES),
        GPU.withGraphBuckets(100, DeviceOptions.MAX_GRAPH_FRAMES).graphBuckets());
    assertEquals(
        "graphBuckets is [100, 3001]; expected at most 3000 frames",
        refusal(() -> GPU.withGraphBuckets(100, 3001)));
  }

  @Test
  void aNegativeLimitIsRefused() {
    assertEquals(
        "memoryLimit is -1; expected a number of bytes, or 0 for no limit",
        refusal(() -> GPU.withMemoryLimit(-1)));
  }

  @Test
  void theCpuTakesNoneOfThem() {
    CudaStream stream = streams.create(0);
    String expected = ", but the device is 'cpu'; expected a device such as 'cuda:0'";
    DeviceOptions cpu = DeviceOptions.CPU;
    assertEquals("sessions is 1" + expected, refusal(() -> cpu.withSessions(1)));
    assertEquals("graphBuckets is []" + expected, refusal(cpu::withoutGraphs));
    assertEquals("warmUp is true" + expected, refusal(cpu::withWarmUp));
    assertEquals("memoryLimit is 5" + expected, refusal(() -> cpu.withMemoryLimit(5)));
    assertEquals(
        "stream is CudaStream on cuda:0" + expected,
        refusal(
            () ->
                new DeviceOptions(
                    "cpu", 2, DeviceOptions.DEFAULT_GRAPH_BUCKETS, false, 0, stream)));
    stream.close();
  }

  @Test
  void aStreamHasOneSession() {
    try (CudaStream stream = streams.create(1)) {
      DeviceOptions options = GPU.withStream(stream);
      assertEquals(1, options.sessions());
      assertEquals(1, GPU.withSessions(1).withStream(stream).sessions());
      String message = "sessions is 4, but work of one stream is done in order; expected 1";
      assertEquals(message, refusal(() -> options.withSessions(4)));
      assertEquals(message, refusal(() -> GPU.withSessions(4).withStream(stream)));
    }
  }

  @Test
  void aStreamIsOnTheDevice() {
    try (CudaStream first = streams.create(0);
        CudaStream second = streams.create(1)) {
      DeviceOptions.of("cuda").withStream(first);
      assertEquals(
          "the stream is on cuda:0; expected one on cuda:1", refusal(() -> GPU.withStream(first)));
      assertEquals(
          "the stream is on cuda:1; expected one on cuda:0",
          refusal(() -> DeviceOptions.of("cuda").withStream(second)));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2})
  void aDefaultStreamIsRefused(long handle) {
    String message = refusal(() -> GPU.withStream(streams.of(1, handle)));
    assertTrue(message.startsWith("the stream is a default stream of CUDA's"), message);
  }

  @Test
  void aClosedStreamIsRefused() {
    CudaStream stream = streams.create(1);
    stream.close();
    assertThrows(IllegalStateException.class, () -> GPU.withStream(stream));
  }
}
