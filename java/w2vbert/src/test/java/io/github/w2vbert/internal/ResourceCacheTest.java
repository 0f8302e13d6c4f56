package io.github.w2vbert.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResourceCacheTest {
  @TempDir Path temp;
  private Path cache;
  private List<URL> resources;

  @BeforeEach
  void writeResources() throws IOException {
    cache = temp.resolve("some/cache");
    Path source = Files.createDirectory(temp.resolve("source"));
    resources =
        List.of(
            Files.writeString(source.resolve("a.txt"), "first").toUri().toURL(),
            Files.writeString(source.resolve("b.txt"), "second").toUri().toURL());
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void theFolderIsNamedAfterNamesAndContent() throws IOException {
    Path first = ResourceCache.extract(resources, cache);
    assertEquals(List.of("a.txt", "b.txt"), names(first));
    assertEquals("first", Files.readString(first.resolve("a.txt")));
    assertEquals("second", Files.readString(first.resolve("b.txt")));

    Files.writeString(temp.resolve("source/a.txt"), "other"); // as long
    Path other = ResourceCache.extract(resources, cache);
    assertEquals("first", Files.readString(first.resolve("a.txt")));
    assertEquals("other", Files.readString(other.resolve("a.txt")));
    assertNotEquals(first, ResourceCache.extract(resources.subList(0, 1), cache));
  }

  @Test
  void whatIsWholeIsNotWrittenAgain() throws IOException {
    Path folder = ResourceCache.extract(resources, cache);
    FileTime time = FileTime.fromMillis(0);
    Files.setLastModifiedTime(folder.resolve("a.txt"), time);

    assertEquals(folder, ResourceCache.extract(resources, cache));
    assertEquals(time, Files.getLastModifiedTime(folder.resolve("a.txt")));
  }

  @Test
  void whatIsDamagedOrGoneIsMadeAgain() throws IOException {
    Path folder = ResourceCache.extract(resources, cache);
    Files.writeString(folder.resolve("a.txt"), "fir"); // a disk that was full, say
    Files.delete(folder.resolve("b.txt"));

    ResourceCache.extract(resources, cache);
    assertEquals("first", Files.readString(folder.resolve("a.txt")));
    assertEquals("second", Files.readString(folder.resolve("b.txt")));
    assertEquals(List.of("a.txt", "b.txt"), names(folder));
  }

  @Test
  void manyAtOnceFindWholeFiles() throws Exception {
    byte[] large = new byte[1 << 20];
    new Random(1).nextBytes(large);
    URL resource = Files.write(temp.resolve("source/large"), large).toUri().toURL();
    int count = 8;
    CyclicBarrier start = new CyclicBarrier(count);
    ExecutorService threads = Executors.newFixedThreadPool(count);
    try {
      Callable<byte[]> extraction =
          () -> {
            start.await();
            return Files.readAllBytes(
                ResourceCache.extract(List.of(resource), cache).resolve("large"));
          };
      List<Future<byte[]>> found = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        found.add(threads.submit(extraction));
      }
      for (Future<byte[]> content : found) {
        assertArrayEquals(large, content.get());
      }
    } finally {
      threads.shutdown();
    }
    assertEquals(List.of("large"), names(ResourceCache.extract(List.of(resource), cache)));
  }
}
