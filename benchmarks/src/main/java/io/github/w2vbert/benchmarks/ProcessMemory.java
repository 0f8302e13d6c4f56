package io.github.w2vbert.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Memory of a process as Linux counts it, in megabytes of 10^6 bytes. */
public final class ProcessMemory {
  private ProcessMemory() {}

  /** As {@link #megabytes(long, String)}, of this process. */
  static double megabytes(String name) {
    return megabytes(ProcessHandle.current().pid(), name);
  }

  /**
   * A line of the process's {@code status}.
   *
   * @param name such as {@code VmRSS} (resident now) or {@code VmHWM} (its highest value)
   */
  public static double megabytes(long pid, String name) {
    return line(Path.of("/proc", Long.toString(pid), "status"), name);
  }

  /** Of the machine. */
  public static double total() {
    return line(Path.of("/proc/meminfo"), "MemTotal");
  }

  /** Sets the process's {@code VmHWM} to what is resident now. */
  public static void resetPeak(long pid) {
    try {
      Files.writeString(Path.of("/proc", Long.toString(pid), "clear_refs"), "5");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static double line(Path file, String name) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(name + ":")) {
          return Long.parseLong(line.replaceAll("\\D", "")) * 1024 / 1e6;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    throw new IllegalStateException(file + " has no line " + name);
  }
}
