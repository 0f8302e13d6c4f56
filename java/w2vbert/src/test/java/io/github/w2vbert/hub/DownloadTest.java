package io.github.w2vbert.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever happens on the way, a file arrives unharmed or not at all. */
class DownloadTest extends HubTestCase {
  private Path download(HubOptions options) {
    return new HubClient(options).file("org/name", "main", WEIGHTS);
  }

  private void assertArrives(HubOptions options) throws IOException {
    assertArrayEquals(WEIGHT_BYTES, Files.readAllBytes(download(options)));
    assertFalse(Files.exists(partial(WEIGHTS)), "the partial file remains");
  }

  /** Leaves the beginning that an interrupted download leaves. */
  private void leave(byte[] beginning) throws IOException {
    Files.createDirectories(partial(WEIGHTS).getParent());
    Files.write(partial(WEIGHTS), beginning);
  }

  private static byte[] first(int count) {
    return Arrays.copyOf(WEIGHT_BYTES, count);
  }

  // Sizes

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 16_383, 16_384, 16_385})
  void filesOfAllSizesArrive(int size) throws IOException {
    byte[] content = bytes(size, size);
    hub.put("x.safetensors", content).put("x.json", content);
    HubClient client = client();
    assertArrayEquals(content, Files.readAllBytes(client.file("org/name", "main", "x.json")));
    assertArrayEquals(
        content, Files.readAllBytes(client.file("org/name", "main", "x.safetensors")));
  }

  @ParameterizedTest
  @CsvSource({
    "2, 50000",
    "2, 50001",
    "2, 49999",
    "3, 33333",
    "4, 1000",
    "8, 99999",
    "32, 4096",
    "2, 100000"
  })
  void parallelRangesGiveTheSameBytes(int connections, int rangeBytes) throws IOException {
    List<Long> done = new ArrayList<>();
    assertArrives(
        options()
            .withRanges(connections, rangeBytes)
            .withProgress((name, bytes, total) -> done.add(bytes)));
    int ranges = (WEIGHT_BYTES.length + rangeBytes - 1) / rangeBytes;
    assertEquals(ranges, hub.cdnRequests.size(), hub.cdnRequests.toString());
    assertEquals(done.stream().sorted().toList(), done);
  }

  @Test
  void rangesAreFetchedAtTheSameTime() throws IOException {
    CountDownLatch together = new CountDownLatch(4);
    hub.cdnIntercept =
        exchange -> {
          together.countDown();
          try {
            assertTrue(together.await(5, TimeUnit.SECONDS), "one at a time");
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return false;
        };
    assertArrives(options().withRanges(4, 25_000).withRetries(0, Duration.ofMillis(1)));
  }

  // Continuing

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 99999", "4, 30000", "4, 99999"})
  void downloadContinuesWhereAnotherEnded(int connections, int begun) throws IOException {
    leave(first(begun));
    List<Long> done = new ArrayList<>();
    assertArrives(
        options()
            .withRanges(connections, 10_000)
            .withProgress((name, bytes, total) -> done.add(bytes)));
    assertEquals(begun, done.get(0));
    assertTrue(hub.cdnRequests.get(0).contains(" bytes="), hub.cdnRequests.toString());
    assertTrue(
        hub.cdnRequests.stream().anyMatch(r -> r.contains(" bytes=" + begun + "-")),
        hub.cdnRequests.toString());
  }

  @Test
  void completePartialFileIsOnlyVerified() throws IOException {
    leave(WEIGHT_BYTES);
    assertArrives(options());
    assertEquals(List.of(), hub.cdnRequests);
  }

  @ParameterizedTest
  @ValueSource(ints = {10, 100_000, 100_001})
  void wrongBeginningIsReplaced(int count) throws IOException {
    leave(bytes(count, 99));
    assertArrives(options());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void serverWithoutRangesWorks(int connections) throws IOException {
    hub.ignoresRanges = true;
    leave(first(500));
    assertArrives(options().withRanges(connections, 10_000));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void truncatedBodiesAreContinued(int connections) throws IOException {
    AtomicInteger cuts = new AtomicInteger();
    hub.cdnIntercept = exchange -> cuts.incrementAndGet() <= 2 && cut(exchange, 3000);
    assertArrives(options().withRanges(connections, 20_000));
    assertTrue(
        hub.cdnRequests.stream().anyMatch(r -> r.matches(".* bytes=\\d*3000-.*")),
        hub.cdnRequests.toString());
  }

  /** Sends a part of what is asked for. */
  private static boolean cut(HttpExchange exchange, int sent) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    if (range == null) {
      FakeHub.truncated(exchange, 200, WEIGHT_BYTES, sent);
      return true;
    }
    String[] ends = range.substring("bytes=".length()).split("-");
    int begin = Integer.parseInt(ends[0]);
    int end = Integer.parseInt(ends[1]) + 1;
    exchange
        .getResponseHeaders()
        .set("Content-Range", "bytes " + begin + "-" + (end - 1) + "/" + WEIGHT_BYTES.length);
    byte[] wanted = Arrays.copyOfRange(WEIGHT_BYTES, begin, end);
    FakeHub.truncated(exchange, 206, wanted, Math.min(sent, wanted.length - 1));
    return true;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void serverThatAlwaysBreaksOffIsGivenUp(int connections) throws IOException {
    hub.cdnIntercept = exchange -> cut(exchange, 100);
    assertFails(
        "model.safetensors cannot be downloaded from " + hub.cdn() + "/model.safetensors: ",
        () -> download(options().withRanges(connections, 50_000)));
    assertTrue(hub.cdnRequests.size() <= 3 * connections, hub.cdnRequests.toString());
    assertNotPublished(WEIGHTS);

    hub.cdnIntercept = exchange -> false; // and the next call continues
    assertArrives(options());
  }

  @Test
  void serverThatMakesTheDownloadBeginAgainAndAgainIsGivenUp() {
    byte[] content = bytes(3 << 20, 3);
    hub.put(WEIGHTS, content);
    AtomicInteger attempts = new AtomicInteger();
    hub.cdnIntercept =
        exchange -> {
          if (attempts.incrementAndGet() > 20) {
            return false; // the promise is broken; do not hang
          }
          if (exchange.getRequestHeaders().getFirst("Range") == null) {
            FakeHub.truncated(exchange, 200, content, 2 << 20);
          } else {
            FakeHub.reply(exchange, 416, new byte[0]);
          }
          return true;
        };
    assertFails("model.safetensors cannot be downloaded from ", () -> download(options()));
    assertEquals(3, attempts.get());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void stalledBodyTimesOut(int connections) throws IOException {
    hub.cdnIntercept =
        exchange -> {
          String range = exchange.getRequestHeaders().getFirst("Range");
          if (range != null) {
            exchange
                .getResponseHeaders()
                .set("Content-Range", range.replace("=", " ") + "/" + WEIGHT_BYTES.length);
          }
          exchange.sendResponseHeaders(range == null ? 200 : 206, 0);
          exchange.getResponseBody().write(1);
          exchange.getResponseBody().flush();
          try {
            Thread.sleep(3000);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the test is over
          }
          return true;
        };
    HubOptions hasty =
        options()
            .withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(150))
            .withRetries(0, Duration.ofMillis(1));
    assertFails("no data for 0.15 s", () -> download(hasty.withRanges(connections, 10_000)));
    assertNotPublished(WEIGHTS);
  }

  @Test
  void expiredLocationIsAskedForAgain() throws IOException {
    AtomicInteger refusals = new AtomicInteger();
    hub.cdnIntercept =
        exchange -> {
          if (refusals.incrementAndGet() > 1) {
            return false;
          }
          FakeHub.reply(exchange, 403, new byte[0]);
          return true;
        };
    assertArrives(options());
    assertEquals(2, hub.requests.size(), hub.requests.toString());
  }

  @Test
  void fileThatChangesMeanwhileIsNotMixed() throws IOException {
    hub.cdnIntercept =
        exchange -> {
          hub.put(WEIGHTS, bytes(100_000, 8));
          FakeHub.reply(exchange, 410, new byte[0]);
          return true;
        };
    assertFails("has changed on the hub during the download", () -> download(options()));
    assertEquals(List.of(), names(folder().resolve("snapshots")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes 0-99999/100000", "bytes 500-99998/100000", "bytes", ""})
  void otherRangeThanAskedForIsNotWritten(String range) throws IOException {
    leave(first(500));
    hub.cdnIntercept =
        exchange -> {
          exchange.getResponseHeaders().set("Content-Range", range);
          FakeHub.reply(exchange, 206, WEIGHT_BYTES);
          return true;
        };
    assertFails("Content-Range is '" + range + "'; expected", () -> download(options()));
    assertEquals(500, Files.size(partial(WEIGHTS)));
    assertNotPublished(WEIGHTS);
  }

  // Verification

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void wrongContentIsDeleted(int connections) throws IOException {
    hub.cdnIntercept =
        exchange -> {
          hub.content(exchange, bytes(WEIGHT_BYTES.length, 666));
          return true;
        };
    W2vBertException error =
        assertFails("has sha256 ", () -> download(options().withRanges(connections, 10_000)));
    assertTrue(error.getMessage().contains("expected " + hub.etag(WEIGHTS)), error.getMessage());
    assertFalse(error.getMessage().contains("signature"), error.getMessage());
    assertNotPublished(WEIGHTS);
    assertFalse(Files.exists(partial(WEIGHTS)));
  }

  @Test
  void wrongContentOfSmallFilesIsDeleted() throws IOException {
    hub.intercept =
        exchange -> {
          if (exchange.getRequestMethod().equals("HEAD")) {
            return false;
          }
          FakeHub.reply(exchange, 200, "{\"z\": 0}".getBytes(StandardCharsets.UTF_8));
          return true;
        };
    assertFails("has git sha1 ", () -> client().file("org/name", "main", "vocab.json"));
    assertNotPublished("vocab.json");
    assertFalse(Files.exists(partial("vocab.json")));
  }

  @Test
  void plainSha1OfAMirrorIsAccepted() throws Exception {
    byte[] content = "{\"a\": 0}".getBytes(StandardCharsets.UTF_8);
    String sha1 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(content));
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("X-Repo-Commit", FakeHub.COMMIT);
          exchange.getResponseHeaders().set("ETag", '"' + sha1 + '"');
          FakeHub.reply(exchange, 200, content);
          return true;
        };
    Path file = client().file("org/name", "main", "vocab.json");
    assertArrayEquals(content, Files.readAllBytes(file));
  }

  @ParameterizedTest
  @ValueSource(ints = {99_999, 100_001})
  void otherLengthThanPromisedIsRefused(int length) throws IOException {
    byte[] content = Arrays.copyOf(WEIGHT_BYTES, length);
    hub.cdnIntercept =
        exchange -> {
          FakeHub.reply(exchange, 200, content);
          return true;
        };
    assertFails(WEIGHTS, () -> download(options().withRetries(0, Duration.ofMillis(1))));
    assertNotPublished(WEIGHTS);
  }

  @Test
  void unknownSizeWorks() throws IOException {
    hub.intercept =
        exchange -> {
          if (!exchange.getRequestURI().getPath().endsWith("vocab.json")) {
            return false;
          }
          exchange.getResponseHeaders().set("X-Repo-Commit", FakeHub.COMMIT);
          exchange.getResponseHeaders().set("ETag", hub.etag("vocab.json"));
          boolean hasBody = exchange.getRequestMethod().equals("GET");
          exchange.sendResponseHeaders(200, hasBody ? 0 : -1); // chunked
          if (hasBody) {
            exchange.getResponseBody().write("{\"a\": 0}".getBytes(StandardCharsets.UTF_8));
          }
          return true;
        };
    List<Long> totals = new ArrayList<>();
    HubOptions options = options().withProgress((name, done, total) -> totals.add(total));
    Path file = new HubClient(options).file("org/name", "main", "vocab.json");
    assertEquals("{\"a\": 0}", Files.readString(file));
    assertEquals(List.of(-1L, -1L), totals);
  }

  // Other processes, threads and disks

  @Test
  void unfinishedFileOfPythonIsLeftAlone() throws IOException {
    Path ofPython = blob(WEIGHTS).resolveSibling(hub.etag(WEIGHTS) + ".incomplete");
    Files.createDirectories(ofPython.getParent());
    Files.write(ofPython, first(500));
    assertArrives(options());
    assertArrayEquals(first(500), Files.readAllBytes(ofPython));
  }

  /** As on a file system without locks, where two processes may write one partial file. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void fileThatAnotherProcessFinishedStaysWhole(boolean ignoresRanges) throws IOException {
    leave(first(500));
    hub.ignoresRanges = ignoresRanges;
    hub.cdnIntercept =
        exchange -> {
          Files.write(partial(WEIGHTS), WEIGHT_BYTES);
          Files.move(partial(WEIGHTS), blob(WEIGHTS));
          return false;
        };
    List<Long> sizes = new ArrayList<>();
    HubOptions options =
        options()
            .withProgress(
                (name, done, total) -> {
                  if (Files.exists(blob(WEIGHTS))) {
                    sizes.add(blob(WEIGHTS).toFile().length());
                  }
                });
    assertArrives(options);
    assertEquals(List.of(100_000L), sizes.stream().distinct().toList());
    assertEquals(1, hub.cdnRequests.size(), hub.cdnRequests.toString());
  }

  @Test
  void partialFileThatSomeoneDeletesIsReported() throws IOException {
    hub.cdnIntercept =
        exchange -> {
          Files.delete(partial(WEIGHTS));
          return false;
        };
    assertFails("cannot be written: java.nio.file.NoSuchFileException", () -> download(options()));
    assertNotPublished(WEIGHTS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void oneDownloadServesAllWhoAsk(boolean sameClient) throws Exception {
    int threads = 4;
    HubClient shared = client();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<Path>> files = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        HubClient client = sameClient ? shared : client();
        files.add(pool.submit(() -> client.file("org/name", "main", WEIGHTS)));
      }
      for (Future<Path> file : files) {
        assertArrayEquals(WEIGHT_BYTES, Files.readAllBytes(file.get(20, TimeUnit.SECONDS)));
      }
    } finally {
      pool.shutdownNow();
    }
    assertEquals(1, hub.cdnRequests.size(), hub.cdnRequests.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void interruptLeavesNoFinalFile(int connections) throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    hub.cdnIntercept =
        exchange -> {
          if (over.getCount() == 0) {
            return false;
          }
          begun.countDown();
          try {
            over.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return true;
        };
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> flag = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                download(options().withRanges(connections, 10_000));
              } catch (W2vBertException e) {
                thrown.set(e);
              }
              flag.set(Thread.currentThread().isInterrupted());
            });
    thread.start();
    assertTrue(begun.await(10, TimeUnit.SECONDS));
    thread.interrupt();
    thread.join(10_000);
    assertFalse(thread.isAlive());
    assertTrue(thrown.get().getMessage().contains("interrupted"), thrown.get().getMessage());
    assertTrue(flag.get(), "the interrupt is passed on");
    assertNotPublished(WEIGHTS);

    over.countDown();
    assertArrives(options());
  }

  @Test
  void interruptAfterTheLastByteIsNoFullDisk() throws IOException {
    HubOptions interrupting =
        options()
            .withProgress(
                (name, done, total) -> {
                  if (done == total) {
                    Thread.currentThread().interrupt();
                  }
                });
    assertFails("interrupted while " + partial(WEIGHTS), () -> download(interrupting));
    assertTrue(Thread.interrupted(), "the interrupt is passed on");
    assertNotPublished(WEIGHTS);
    assertArrives(options());
  }

  @Test
  void listenerMayEndADownload() throws IOException {
    HubOptions impatient =
        options()
            .withProgress(
                (name, done, total) -> {
                  if (done > 0) {
                    throw new IllegalStateException("enough");
                  }
                });
    assertThrows(IllegalStateException.class, () -> download(impatient));
    assertNotPublished(WEIGHTS);
    assertArrives(options());
  }

  @Test
  void listenerThatAsksForTheSameFileIsRefused() throws IOException {
    HubClient client = client();
    HubOptions curious =
        options().withProgress((name, done, total) -> client.file("org/name", "main", WEIGHTS));
    IllegalStateException error =
        assertTimeoutPreemptively(
            Duration.ofSeconds(10),
            () -> assertThrows(IllegalStateException.class, () -> download(curious)));
    assertTrue(
        error.getMessage().contains(".lock is held by this thread; expected no call"),
        error.getMessage());
    assertArrives(options()); // and the lock is free
  }

  @Test
  void listenerMayAskForAnotherFile() throws IOException {
    HubClient client = client();
    assertArrives(
        options()
            .withProgress((name, done, total) -> client.file("org/name", "main", "vocab.json")));
  }

  @Test
  void fullDiskIsNamed() throws IOException {
    Path full = Path.of("/dev/full"); // takes nothing, like a disk without space
    Files.createDirectories(partial(WEIGHTS).getParent());
    Files.createSymbolicLink(partial(WEIGHTS), full);
    assertFails("No space left on device; make room", () -> download(options()));
    assertNotPublished(WEIGHTS);
  }
}
