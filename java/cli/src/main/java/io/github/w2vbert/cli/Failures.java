package io.github.w2vbert.cli;

import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Turns exceptions into one line for people. */
final class Failures {
  private Failures() {}

  static void report(PrintWriter err, Exception failure, boolean verbose) {
    print(err, describe(failure), failure, verbose);
  }

  /** Reports a failure that concerns `file`, which the message names once. */
  static void report(PrintWriter err, Path file, Exception failure, boolean verbose) {
    String what = describe(failure);
    boolean named =
        Stream.of(file + ":", file + " ", "Cannot read " + file).anyMatch(what::startsWith);
    print(err, named ? what : file + ": " + what, failure, verbose);
  }

  private static void print(PrintWriter err, String line, Exception failure, boolean verbose) {
    err.println("w2vbert: " + line);
    if (verbose) {
      failure.printStackTrace(err);
    }
  }

  private static String describe(Exception failure) {
    if (failure instanceof NoSuchFileException e) {
      return e.getFile() + ": no such file or folder";
    }
    if (failure instanceof AccessDeniedException e) {
      return e.getFile() + ": permission denied";
    }
    if (failure instanceof FileSystemException e && e.getReason() != null) {
      return e.getFile() + ": " + e.getReason();
    }
    return failure.getMessage() == null ? failure.toString() : oneLine(failure.getMessage());
  }

  static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", "; ");
  }
}
