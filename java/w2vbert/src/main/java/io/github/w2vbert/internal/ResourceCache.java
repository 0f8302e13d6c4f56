package io.github.w2vbert.internal;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.bytedeco.javacpp.Loader;

/**
 * Extracts resources to folders that are named after their content, for what needs files. JavaCPP
 * would keep another file of the same size and time, and all builds of our jars have the same time.
 */
public final class ResourceCache {
  /** What to set if the folder cannot be used, for messages. */
  public static final String HINT =
      "name a writable folder with -Dorg.bytedeco.javacpp.cachedir=DIR";

  private record Entry(String name, byte[] content) {}

  private ResourceCache() {}

  /**
   * JavaCPP's cache folder. If one is named that cannot be used JavaCPP takes another; we do not.
   */
  public static Path folder() throws IOException {
    String named =
        System.getProperty(
            "org.bytedeco.javacpp.cachedir", System.getProperty("org.bytedeco.javacpp.cacheDir"));
    return named == null ? Loader.getCacheDir().toPath() : Path.of(named);
  }

  /** As {@link #extract(Map, Path)}, under the last parts of their names. */
  public static Path extract(List<URL> resources, Path cache) throws IOException {
    Map<String, URL> named = new LinkedHashMap<>();
    for (URL resource : resources) {
      String path = resource.getPath();
      named.put(path.substring(path.lastIndexOf('/') + 1), resource);
    }
    return extract(named, cache);
  }

  /**
   * The folder that holds copies of the resources under the given names, which may have folders.
   * When this returns they are whole, whatever other processes do; nothing is written if they were,
   * by their sizes.
   *
   * @param cache in which the folder lies; made if it is not there
   */
  public static Path extract(Map<String, URL> resources, Path cache) throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (Map.Entry<String, URL> resource : resources.entrySet()) {
      try (InputStream in = resource.getValue().openStream()) {
        entries.add(new Entry(resource.getKey(), in.readAllBytes()));
      }
    }
    Path folder = cache.resolve("w2vbert-" + digest(entries)).toAbsolutePath();
    for (Entry entry : entries) {
      Path file = folder.resolve(entry.name());
      if (!Files.isRegularFile(file) || Files.size(file) != entry.content().length) {
        write(file, entry.content());
      }
    }
    return folder;
  }

  /** Other processes may do the same: a file with this name is always whole. */
  private static void write(Path file, byte[] content) throws IOException {
    Files.createDirectories(file.getParent());
    Path partial = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID());
    try {
      Files.write(partial, content);
      Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  private static String digest(List<Entry> entries) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Entry entry : entries) {
        digest.update(entry.name().getBytes(StandardCharsets.UTF_8));
        digest.update(ByteBuffer.allocate(Long.BYTES).putLong(entry.content().length).flip());
        digest.update(entry.content());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
