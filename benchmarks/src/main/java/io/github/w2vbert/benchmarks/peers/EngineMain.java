package io.github.w2vbert.benchmarks.peers;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.W2vBert;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;

/**
 * The process of one engine. It reads requests from its standard input, one JSON object a line, and
 * answers each with one; between them it waits without using a processor. The README describes
 * them.
 */
public final class EngineMain {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Engine engine;
  private String batchKey = "";
  private Engine.Run run;

  private EngineMain(Engine engine) {
    this.engine = engine;
  }

  /** Argument: an engine's name. */
  public static void main(String[] arguments) throws IOException {
    PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    System.setOut(System.err); // answers alone belong there
    W2vBert.load(); // every process begins with the same libraries
    try (Engine engine = Engines.named(arguments[0]).make().get();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
      answers.println("{\"ready\": true}");
      EngineMain main = new EngineMain(engine);
      for (String line = requests.readLine(); line != null; line = requests.readLine()) {
        answers.println(main.answer(JSON.readTree(line)));
      }
      main.closeRun();
    }
  }

  private ObjectNode answer(JsonNode request) {
    try {
      return request.has("open") ? open(request) : run(request);
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      e.printStackTrace();
      return JSON.createObjectNode().put("error", e.toString());
    }
  }

  private ObjectNode open(JsonNode request) {
    long start = System.nanoTime();
    Engine.Opened opened =
        engine.open(Path.of(request.get("open").textValue()), request.get("threads").intValue());
    ObjectNode answer = JSON.createObjectNode();
    answer.put("engine", opened.name());
    answer.put("weight_bytes", opened.weightBytes());
    if (Double.isFinite(opened.tolerance())) {
      answer.put("tolerance", opened.tolerance());
    }
    return answer.put("seconds", since(start));
  }

  private ObjectNode run(JsonNode request) throws IOException {
    prepare(request);
    ObjectNode answer = JSON.createObjectNode();
    ArrayNode seconds = answer.putArray("seconds");
    for (int i = 0; i < request.get("run").intValue(); i++) {
      long start = System.nanoTime();
      run.compute();
      seconds.add(since(start));
    }
    if (request.has("logits")) {
      Batch.writeFloats(Path.of(request.get("logits").textValue()), run.logits());
    }
    return answer;
  }

  /** Makes the batch of the request the current one. */
  private void prepare(JsonNode request) throws IOException {
    String key = request.get("input") + " " + request.get("lengths");
    if (key.equals(batchKey)) {
      return;
    }
    closeRun();
    long[] lengths = JSON.convertValue(request.get("lengths"), long[].class);
    run = engine.prepare(Batch.read(Path.of(request.get("input").textValue()), lengths));
    batchKey = key;
  }

  private void closeRun() {
    if (run != null) {
      run.close();
      run = null;
      batchKey = "";
    }
  }

  private static double since(long start) {
    return (System.nanoTime() - start) * 1e-9;
  }
}
