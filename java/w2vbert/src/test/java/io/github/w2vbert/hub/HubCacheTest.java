package io.github.w2vbert.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HubCacheTest {
  private static final String COMMIT = FakeHub.COMMIT;
  @TempDir Path temp;

  private Path blob(HubCache cache, String etag) throws IOException {
    Files.createDirectories(cache.blob(etag).getParent());
    return Files.writeString(cache.blob(etag), "content");
  }

  @Test
  void newBlobsAreMovedWhereLinksAreImpossible() throws IOException {
    HubCache cache =
        new HubCache(
            temp,
            "org/name",
            (link, target) -> {
              throw new FileSystemException("a privilege is missing");
            });
    Path blob = blob(cache, "e");
    cache.publish("e", COMMIT, "d/file", /* isNew= */ true);
    assertFalse(Files.exists(blob));
    assertEquals("content", Files.readString(cache.file(COMMIT, "d/file")));
  }

  @Test
  void oldBlobsAreCopiedWhereLinksAreImpossible() throws IOException {
    HubCache cache =
        new HubCache(
            temp,
            "org/name",
            (link, target) -> {
              throw new UnsupportedOperationException();
            });
    Path blob = blob(cache, "e");
    cache.publish("e", COMMIT, "file", /* isNew= */ false);
    assertTrue(Files.isRegularFile(blob));
    assertFalse(Files.isSymbolicLink(cache.file(COMMIT, "file")));
    assertEquals("content", Files.readString(cache.file(COMMIT, "file")));
  }

  @Test
  void cacheMayBeMoved() throws IOException {
    HubCache cache = new HubCache(temp.resolve("a"), "org/name");
    blob(cache, "e");
    cache.publish("e", COMMIT, "file", /* isNew= */ true);
    Files.move(temp.resolve("a"), temp.resolve("b"));
    HubCache moved = new HubCache(temp.resolve("b"), "org/name");
    assertEquals("content", Files.readString(moved.file(COMMIT, "file")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "../../x", "main", "0123"})
  void damagedRefsAreUnknown(String content) throws IOException {
    HubCache cache = new HubCache(temp, "org/name");
    Path ref = cache.folder().resolve("refs/main");
    Files.createDirectories(ref.getParent());
    Files.writeString(ref, content);
    assertNull(cache.commit("main"));
    cache.saveRevision("main", COMMIT);
    assertEquals(COMMIT, cache.commit("main"));
  }

  @Test
  void refsWithALineFeedAreRead() throws IOException {
    HubCache cache = new HubCache(temp, "org/name");
    cache.saveRevision("a/b", COMMIT);
    Path ref = cache.folder().resolve("refs/a/b");
    assertEquals(COMMIT, Files.readString(ref));
    Files.writeString(ref, COMMIT + "\n");
    assertEquals(COMMIT, cache.commit("a/b"));
  }

  @Test
  void oneHoldsALockAtATime() throws InterruptedException {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(3);
    for (int i = 0; i < 3; i++) {
      HubCache cache = new HubCache(temp, "org/name");
      new Thread(
              () ->
                  cache.whileLocked(
                      "e",
                      () -> {
                        most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                        try {
                          Thread.sleep(20);
                        } catch (InterruptedException e) {
                          throw new IllegalStateException(e);
                        }
                        inside.decrementAndGet();
                        done.countDown();
                      }))
          .start();
    }
    assertTrue(done.await(10, TimeUnit.SECONDS));
    assertEquals(1, most.get());
  }

  @Test
  void locksAreForgottenWhenNobodyNeedsThem() throws InterruptedException {
    HubCache cache = new HubCache(temp, "org/name");
    Path lock = temp.resolve(".locks/models--org--name/e.lock");
    Thread waiting = new Thread(() -> cache.whileLocked("e", () -> {}));
    cache.whileLocked(
        "e",
        () -> {
          waiting.start();
          assertThrows(IllegalStateException.class, () -> cache.whileLocked("e", () -> {}));
          assertTrue(HubCache.LOCKS.containsKey(lock), "still held");
        });
    waiting.join(10_000);
    assertFalse(HubCache.LOCKS.containsKey(lock), "nobody is left");

    Thread.currentThread().interrupt();
    assertThrows(W2vBertException.class, () -> cache.whileLocked("e", () -> {}));
    assertTrue(Thread.interrupted(), "the interrupt is passed on");
    assertFalse(HubCache.LOCKS.containsKey(lock), "it never waited");
  }

  @Test
  void otherProcessesAreWaitedFor() throws Exception {
    HubCache cache = new HubCache(temp, "org/name");
    Path lock = temp.resolve(".locks/models--org--name/e.lock");
    Files.createDirectories(lock.getParent());
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classPath().toString(),
                LockHolder.class.getName(),
                lock.toString())
            .redirectErrorStream(true)
            .start();
    try {
      assertEquals('L', other.getInputStream().read());
      Thread waiting = new Thread(() -> cache.whileLocked("e", () -> {}));
      waiting.start();
      waiting.join(300);
      assertTrue(waiting.isAlive(), "did not wait");
      other.getOutputStream().close(); // lets go
      waiting.join(10_000);
      assertFalse(waiting.isAlive());
    } finally {
      other.destroy();
    }
  }

  private static Path classPath() throws URISyntaxException {
    return Path.of(LockHolder.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  /** Holds a file lock until its input ends. */
  static final class LockHolder {
    public static void main(String[] arguments) throws IOException {
      try (var channel =
              FileChannel.open(
                  Path.of(arguments[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var lock = channel.lock()) {
        System.out.write(lock.isValid() ? 'L' : '-');
        System.out.flush();
        System.in.read();
      }
    }
  }
}
