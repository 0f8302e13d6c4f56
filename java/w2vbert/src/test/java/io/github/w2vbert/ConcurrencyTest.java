package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One model and one extractor, many threads. */
class ConcurrencyTest {
  private static final int THREADS = 8;
  private static final int CALLS = 4; // of each thread

  @TempDir Path folder;

  @Test
  void manyThreadsGetTheBitsOfSerialCalls() throws Exception {
    compareWithSerialCalls();
  }

  /** The number of calls at a time is read once, so another process has to try it. */
  @Test
  void callsThatComputeAtTheSameTimeGetTheBitsOfSerialOnes() throws Exception {
    String output =
        run("-Dw2vbert.threads=4", "-Dw2vbert.concurrency=4", "-Dw2vbert.golden=" + Golden.dir());
    assertTrue(output.endsWith("4 threads, 4 calls at a time, no difference"), output);
  }

  /** Each number of threads in a process of its own, on both kinds of products. */
  @Test
  void theNumberOfThreadsChangesNoBit() throws Exception {
    Wav2Vec2BertConfig config =
        Wav2Vec2BertConfig.builder()
            .vocabSize(32)
            .featureProjectionInputDim(Checkpoints.WIDTH)
            .numHiddenLayers(2)
            .hiddenSize(144)
            .outputHiddenSize(144)
            .numAttentionHeads(4)
            .intermediateSize(576)
            .build();
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.initialize(config, 1)) {
      model.savePretrained(folder);
    }
    Map<String, String> digests = new TreeMap<>();
    for (int threads = 1; threads <= 3; threads++) {
      String output = run("-Dw2vbert.threads=" + threads, "-Dw2vbert.test.model=" + folder);
      assertTrue(output.matches("(?s).*float32 [0-9a-f]{64}\\Rint8 [0-9a-f]{64}"), output);
      digests.put(threads + " threads", output);
    }
    assertEquals(1, Set.copyOf(digests.values()).size(), digests.toString());
  }

  /** Prints a digest of the logits for each type of weights. */
  private static void printDigests(Path model) throws Exception {
    long[] lengths = {1, 49, 250, 701}; // fewer and more rows than any kernel takes at once
    long rows = LongStream.of(lengths).sum();
    float[] values = new float[(int) rows * Checkpoints.WIDTH];
    Random random = new Random(1);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    for (WeightType weights : List.of(WeightType.FLOAT32, WeightType.INT8)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (Wav2Vec2BertForCTC ctc =
              Wav2Vec2BertForCTC.fromPretrained(model, LoadOptions.DEFAULT.withWeights(weights));
          RaggedFeatures features =
              new RaggedFeatures(Tensor.of(values, rows, Checkpoints.WIDTH), lengths);
          OutputList<CtcOutput> outputs = ctc.encode(features)) {
        for (CtcOutput output : outputs) {
          digest.update(output.logits().asByteBuffer());
        }
      }
      System.out.println(
          weights.name().toLowerCase(Locale.ROOT)
              + " "
              + HexFormat.of().formatHex(digest.digest()));
    }
  }

  @Test
  void malformedThreadCountsAreNamed() throws Exception {
    for (String value : List.of("many", "0", "1025")) {
      System.setProperty("w2vbert.threads", value);
      try {
        for (int i = 0; i < 2; i++) { // the second refusal is as clear as the first
          String message =
              assertThrows(IllegalArgumentException.class, W2vBert::threads).getMessage();
          assertEquals(
              "w2vbert.threads is '" + value + "'; expected a whole number from 1 to 1024",
              message);
        }
      } finally {
        System.clearProperty("w2vbert.threads");
      }
    }
  }

  @Test
  void aProcessEndsWhileItComputes() throws Exception {
    Path folder = Files.createDirectory(this.folder.resolve("ends"));
    Path output = this.folder.resolve("output");
    for (int i = 0; i < 3; i++) { // each time somewhere else in a step
      Process process =
          builder("-Dw2vbert.test.end=" + (100 + 37 * i), "-Dw2vbert.threads=2")
              .directory(folder.toFile())
              .redirectOutput(output.toFile())
              .start();
      try {
        assertTrue(process.waitFor(1, TimeUnit.MINUTES));
      } finally {
        process.destroyForcibly();
      }
      assertEquals("computed at the end", Files.readString(output).strip());
      assertEquals(7, process.exitValue());
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(), files.toList()); // such as hs_err_pid*.log
    }
  }

  /** Trains on two threads until the process ends, and in a shutdown hook. */
  private static void computeUntilTheEnd(long milliseconds) throws Exception {
    ModelTraining training = training();
    CountDownLatch began = new CountDownLatch(1);
    new Thread(
            () -> {
              for (int i = 0; true; i++) {
                train(training, i);
                began.countDown();
              }
            })
        .start();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  train(training, 0);
                  System.out.println("computed at the end");
                }));
    began.await();
    Thread.sleep(milliseconds);
    System.exit(7);
  }

  @Test
  void workersThatComputeAtTheSameTimeGetTheBitsOfSerialOnes() throws Exception {
    assertEquals(
        "2 workers, no difference",
        run("-Dw2vbert.threads=2", "-Dw2vbert.concurrency=2", "-Dw2vbert.test.workers=2"));
  }

  private static void compareWorkersWithSerialCalls() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (ModelTraining alone = training();
        ModelTraining shared = training();
        ModelTraining.Worker worker = shared.worker()) {
      for (int i = 0; i < 20; i += 2) {
        int batch = i;
        double[] expected = {train(alone, i), train(alone, i + 1)};
        Future<Double> first = threads.submit(() -> train(shared, batch));
        Future<Double> second = threads.submit(() -> train(worker, batch + 1));
        assertEquals(expected[0], first.get(1, TimeUnit.MINUTES));
        assertEquals(expected[1], second.get(1, TimeUnit.MINUTES));
        shared.collect(worker);
        assertEquals(alone.step(0.01), shared.step(0.01));
      }
    } finally {
      threads.shutdownNow();
    }
    System.out.println("2 workers, no difference");
  }

  private static ModelTraining training() {
    Wav2Vec2BertConfig config =
        Checkpoints.smallConfig().hiddenDropout(0.1).maskTimeProb(0.1).layerdrop(0.2).build();
    return ModelTraining.initialize(Wav2Vec2BertForCTC.class, config, TrainingOptions.DEFAULT);
  }

  private static double train(ModelTraining training, int batch) {
    training.reseed(batch);
    try (Features features = features(batch);
        Tensor labels = labels()) {
      return training.accumulate(features, labels, 0.5).loss();
    }
  }

  private static double train(ModelTraining.Worker worker, int batch) {
    worker.reseed(batch);
    try (Features features = features(batch);
        Tensor labels = labels()) {
      return worker.accumulate(features, labels, 0.5).loss();
    }
  }

  private static Features features(int seed) {
    int time = 60 + seed % 5;
    float[] values = new float[4 * time * Checkpoints.WIDTH];
    Random random = new Random(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Features(Tensor.of(values, 4, time, Checkpoints.WIDTH), null);
  }

  private static Tensor labels() {
    return Tensor.of(new long[] {3, 4, 4, 9, 5, 6, 7, 8, 3, 4, 5, 6, 6, 5, 4, 3}, 4, 4);
  }

  private static String run(String... properties) throws IOException, InterruptedException {
    Process process = builder(properties).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(1, TimeUnit.MINUTES));
    return output.strip();
  }

  /** The main method of this class in a process of its own. */
  private static ProcessBuilder builder(String... properties) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path")));
    command.addAll(List.of(properties));
    command.add(ConcurrencyTest.class.getName());
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  public static void main(String[] arguments) throws Exception {
    String model = System.getProperty("w2vbert.test.model");
    if (model != null) {
      printDigests(Path.of(model));
      return;
    }
    if (System.getProperty("w2vbert.test.workers") != null) {
      compareWorkersWithSerialCalls();
      return;
    }
    Long end = Long.getLong("w2vbert.test.end");
    if (end != null) {
      computeUntilTheEnd(end);
    }
    compareWithSerialCalls();
    System.out.println(
        W2vBert.threads()
            + " threads, "
            + W2vBert.concurrency()
            + " calls at a time, no difference");
  }

  /** One call with everything it needs, and its result. */
  private record Call(
      Wav2Vec2BertForCTC model, FeatureExtractor extractor, Audio clip, int batch, int time) {

    float[] run() {
      Random random = new Random(batch * 1000 + time);
      float[] values = new float[batch * time * Checkpoints.WIDTH];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      try (Features features =
              new Features(Tensor.of(values, batch, time, Checkpoints.WIDTH), null);
          RaggedFeatures ragged =
              new RaggedFeatures(
                  Tensor.of(values, batch * time, Checkpoints.WIDTH),
                  batch == 1 ? new long[] {time} : new long[] {1, batch * time - 1});
          CtcOutput padded = model.forward(features);
          Features extracted = extractor.extract(List.of(clip))) {
        List<float[]> parts = new ArrayList<>();
        parts.add(padded.logits().toFloatArray());
        parts.add(extracted.inputFeatures().toFloatArray());
        for (CtcOutput utterance : model.encode(ragged)) {
          try (utterance) {
            parts.add(utterance.logits().toFloatArray());
          }
        }
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
          System.arraycopy(part, 0, all, at, part.length);
          at += part.length;
        }
        return all;
      }
    }
  }

  private static void compareWithSerialCalls() throws Exception {
    Path folder = Golden.dir().resolve("models/ctc_mean");
    Audio clip = Audio.read(Golden.dir().resolve("features/real_goodbye/audio_0.wav"));
    long before = LiveObjects.settled();
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder);
        FeatureExtractor extractor = FeatureExtractor.parse("{\"padding_value\": 1}")) {
      List<Call> calls = new ArrayList<>();
      for (int i = 0; i < CALLS; i++) {
        calls.add(
            new Call(
                model, extractor, clip.slice(0, clip.length() - i * 700), 1 + i % 3, 5 + 37 * i));
      }
      List<float[]> serial = calls.stream().map(Call::run).toList();
      ExecutorService threads = Executors.newFixedThreadPool(THREADS);
      try {
        List<Future<?>> futures = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
          int first = t;
          futures.add(
              threads.submit(
                  () -> {
                    for (int i = 0; i < CALLS; i++) {
                      int call = (first + i) % CALLS;
                      assertArrayEquals(serial.get(call), calls.get(call).run());
                    }
                  }));
        }
        for (Future<?> future : futures) {
          future.get(1, TimeUnit.MINUTES);
        }
      } finally {
        threads.shutdownNow();
      }
    }
    assertEquals(before, W2vBert.liveObjects());
  }
}
