package io.github.w2vbert.benchmarks.peers;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.benchmarks.ProcessMemory;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The process of one engine as its parent sees it; see {@link EngineMain} for the other side. */
final class EngineProcess implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PATIENCE_SECONDS = 30; // with a process whose input has ended

  private final String name;
  private final Process process;
  private final BufferedReader answers;
  private final BufferedWriter requests;

  private EngineProcess(String name, Process process) {
    this.name = name;
    this.process = process;
    this.answers = process.inputReader(UTF_8);
    this.requests = process.outputWriter(UTF_8);
  }

  /** Starts an engine of this module in a process with the class path of this one. */
  static EngineProcess java(String engine, int threads) throws IOException {
    return start(
        engine,
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC", // no threads of its own
            "-Dw2vbert.threads=" + threads,
            "-cp",
            System.getProperty("java.class.path"),
            EngineMain.class.getName(),
            engine));
  }

  /**
   * Starts a command and waits until it is ready.
   *
   * @throws EngineFailure if it ends first
   */
  static EngineProcess start(String name, List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    EngineProcess engine = new EngineProcess(name, builder.start());
    try {
      engine.answer();
    } catch (EngineFailure e) {
      engine.close();
      throw e;
    }
    return engine;
  }

  /** What an engine could not do; the message says which and why. */
  static final class EngineFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    EngineFailure(String message) {
      super(message);
    }
  }

  /**
   * Asks and waits for the answer.
   *
   * @throws EngineFailure if it is an error, or if the process ends instead
   */
  JsonNode ask(ObjectNode request) throws IOException {
    if (!process.isAlive()) {
      throw ended();
    }
    requests.write(request + "\n");
    requests.flush();
    return answer();
  }

  private JsonNode answer() throws IOException {
    for (String line = answers.readLine(); line != null; line = answers.readLine()) {
      if (!line.startsWith("{")) {
        System.err.println(name + ": " + line); // libraries print
        continue;
      }
      JsonNode answer = JSON.readTree(line);
      if (answer.has("error")) {
        throw new EngineFailure(name + ": " + answer.get("error").asText());
      }
      return answer;
    }
    throw ended();
  }

  private EngineFailure ended() {
    try {
      return new EngineFailure(name + ": its process ended with " + process.waitFor());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new EngineFailure(name + ": its process ended");
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** A line of its {@code status}, see {@link ProcessMemory}. */
  double megabytes(String line) {
    return ProcessMemory.megabytes(process.pid(), line);
  }

  void resetPeak() {
    ProcessMemory.resetPeak(process.pid());
  }

  /** Ends the process and waits until its memory is free. */
  @Override
  public void close() throws IOException {
    try {
      requests.close();
    } catch (IOException e) {
      // It has ended before: the pipe is broken.
    }
    answers.close();
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
