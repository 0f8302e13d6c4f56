package io.github.w2vbert.hub;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One repository in the hub's cache:
 *
 * <pre>
 * models--org--name/blobs/ETAG             contents; ETAG.w2vbert.incomplete while they arrive
 * models--org--name/refs/REVISION          the commit of a branch or tag
 * models--org--name/snapshots/COMMIT/FILE  relative links to blobs
 * models--org--name/.no_exist/COMMIT/FILE  files that the commit is known not to have
 * .locks/models--org--name/ETAG.lock
 * </pre>
 */
final class HubCache {
  private static final System.Logger LOG = System.getLogger(HubCache.class.getName());
  private static final long LOCK_POLL_MS = 50;
  private static final int MOST_COMMIT_BYTES = 1000;

  /** Those in use in this process; a file lock keeps other processes out, not other threads. */
  static final Map<Path, ThreadLock> LOCKS = new ConcurrentHashMap<>();

  /** A lock, and how many hold it or wait for it; changed within {@link #LOCKS} only. */
  record ThreadLock(ReentrantLock lock, int users) {
    /** Null if nobody is left. */
    ThreadLock with(int more) {
      return users + more == 0 ? null : new ThreadLock(lock, users + more);
    }
  }

  /** Makes a symbolic link, or throws what {@link Files#createSymbolicLink} throws. */
  interface Linker {
    void link(Path link, Path target) throws IOException;
  }

  private final Path folder;
  private final Path locks;
  private final Linker linker;

  HubCache(Path cache, String id) {
    this(cache, id, Files::createSymbolicLink);
  }

  HubCache(Path cache, String id, Linker linker) {
    String name = "models--" + id.replace("/", "--");
    Path root = cache.toAbsolutePath().normalize();
    folder = root.resolve(name);
    locks = root.resolve(".locks").resolve(name);
    this.linker = linker;
  }

  Path folder() {
    return folder;
  }

  Path snapshot(String commit) {
    return folder.resolve("snapshots").resolve(commit);
  }

  Path file(String commit, String name) {
    return snapshot(commit).resolve(name);
  }

  /** A blob; both are names that a server chose, and have been checked. */
  Path blob(String etag) {
    return folder.resolve("blobs").resolve(etag);
  }

  /** The commit of a revision; null if the cache does not know it. */
  String commit(String revision) {
    if (Repository.isCommit(revision)) {
      return revision;
    }
    Path ref = folder.resolve("refs").resolve(revision);
    try {
      if (!Files.isRegularFile(ref) || Files.size(ref) > MOST_COMMIT_BYTES) {
        return null;
      }
      String commit = Files.readString(ref).strip();
      return Repository.isCommit(commit) ? commit : null;
    } catch (IOException e) {
      throw new W2vBertException("the cache's " + ref + " cannot be read: " + e, e);
    }
  }

  /** Remembers what a branch or tag means now. */
  void saveRevision(String revision, String commit) {
    if (!commit.equals(commit(revision))) {
      remember(folder.resolve("refs").resolve(revision), commit);
    }
  }

  boolean isKnownAbsent(String commit, String name) {
    return Files.exists(absence(commit, name));
  }

  void saveAbsence(String commit, String name) {
    if (!isKnownAbsent(commit, name)) {
      remember(absence(commit, name), "");
    }
  }

  private Path absence(String commit, String name) {
    return folder.resolve(".no_exist").resolve(commit).resolve(name);
  }

  /** Writes a note; a cache that cannot be written still serves what it has. */
  private void remember(Path file, String text) {
    Path draft = draft();
    try {
      Files.createDirectories(file.getParent());
      try {
        Files.writeString(draft, text);
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(draft);
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "the cache''s {0} cannot be written: {1}", file, e);
    }
  }

  private Path draft() {
    return folder.resolve("tmp_" + UUID.randomUUID());
  }

  /**
   * Makes a blob a file of a snapshot: a link, or where links are impossible, the file itself.
   *
   * @param isNew whether nothing else can need the blob, so that it may be moved
   */
  void publish(String etag, String commit, String name, boolean isNew) {
    Path file = file(commit, name);
    Path blob = blob(etag);
    Path draft = draft();
    try {
      Files.createDirectories(file.getParent());
      try {
        if (!link(draft, file.getParent().relativize(blob))) {
          if (isNew) {
            Files.move(blob, file, StandardCopyOption.ATOMIC_MOVE);
            return;
          }
          Files.copy(blob, draft);
        }
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE); // replaces a dangling link
      } finally {
        Files.deleteIfExists(draft);
      }
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  private boolean link(Path link, Path target) throws IOException {
    try {
      linker.link(link, target);
      return true;
    } catch (UnsupportedOperationException | FileSystemException e) {
      if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
        throw e;
      }
      return false;
    }
  }

  /** Makes the folder of the blobs. */
  void prepare() {
    Path blobs = folder.resolve("blobs");
    try {
      Files.createDirectories(blobs);
    } catch (IOException e) {
      throw unwritable(blobs, e);
    }
  }

  static W2vBertException unwritable(Path file, IOException e) {
    if (e instanceof ClosedByInterruptException) {
      return new W2vBertException("interrupted while " + file + " was written", e);
    }
    return new W2vBertException(
        "the cache's "
            + file
            + " cannot be written: "
            + e
            + "; make room or set HF_HUB_CACHE to another folder",
        e);
  }

  /** Waits for the exclusive right to make a blob, and uses it. */
  void whileLocked(String etag, Runnable action) {
    Lock lock = new Lock(locks.resolve(etag + ".lock"));
    try {
      action.run();
    } finally {
      lock.close();
    }
  }

  /** Held from creation until it is closed, by one thread of one process. */
  private static final class Lock {
    private final Path file;
    private final ReentrantLock inProcess;
    private FileChannel channel;

    private Lock(Path file) {
      this.file = file;
      inProcess =
          LOCKS.compute(
                  file,
                  (key, lock) ->
                      lock == null ? new ThreadLock(new ReentrantLock(), 1) : lock.with(1))
              .lock;
      try {
        inProcess.lockInterruptibly();
      } catch (InterruptedException e) {
        forget();
        throw interrupted(e);
      }
      if (inProcess.getHoldCount() > 1) { // it would wait for itself
        unlock();
        throw new IllegalStateException(
            file
                + " is held by this thread; expected no call from a progress listener for the file"
                + " being downloaded");
      }
      boolean held = false;
      try {
        acquire();
        held = true;
      } catch (InterruptedException e) {
        throw interrupted(e);
      } finally {
        if (!held) {
          close();
        }
      }
    }

    private W2vBertException interrupted(InterruptedException e) {
      Thread.currentThread().interrupt();
      return new W2vBertException("interrupted while another download held " + file, e);
    }

    private void acquire() throws InterruptedException {
      try {
        Files.createDirectories(file.getParent());
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      } catch (IOException e) {
        throw unwritable(file, e);
      }
      boolean said = false;
      while (!tryLock()) {
        if (!said) {
          LOG.log(System.Logger.Level.INFO, "waiting for the download that holds {0}", file);
          said = true;
        }
        Thread.sleep(LOCK_POLL_MS);
      }
    }

    /** Whether there is nothing to wait for any more. */
    private boolean tryLock() {
      try {
        FileLock lock = channel.tryLock(); // released when the channel is closed
        return lock != null;
      } catch (OverlappingFileLockException e) {
        return false; // this process holds it under another path
      } catch (IOException e) {
        // Some network file systems have no locks. Two downloads of one file do no harm but take
        // time, see Download.
        LOG.log(System.Logger.Level.WARNING, "{0} cannot be locked: {1}", file, e);
        return true;
      }
    }

    void close() {
      try {
        if (channel != null) {
          channel.close();
        }
      } catch (IOException e) {
        LOG.log(System.Logger.Level.WARNING, "a lock file cannot be closed: {0}", e.toString());
      } finally {
        unlock();
      }
    }

    private void unlock() {
      inProcess.unlock();
      forget();
    }

    private void forget() {
      LOCKS.computeIfPresent(file, (key, lock) -> lock.with(-1));
    }
  }
}
