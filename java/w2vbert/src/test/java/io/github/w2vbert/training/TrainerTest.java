package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Features;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.TrainingOptions;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TrainerOptions OPTIONS =
      TrainerOptions.DEFAULT
          .withEpochs(6)
          .withLearningRate(0.1)
          .withBatchSeconds(2)
          .withSeed(3)
          .withAugment(
              AugmentOptions.DEFAULT.withSpeeds(List.of(0.95, 1.0, 1.05)).withNoise(0.3, 20, 40));

  @TempDir private Path folder;

  static Trainer.Builder trainer(Path folder) throws IOException {
    return Trainer.builder(TrainingTask.CLASSIFICATION)
        .config(Tones.config())
        .train(Tones.write(folder, 24, 1))
        .evaluation(Tones.write(folder, 9, 2))
        .output(folder.resolve("out"))
        .options(OPTIONS)
        .learners(new LinearLearner.Factory());
  }

  static List<JsonNode> log(Path output, String event) throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (String line : Files.readAllLines(output.resolve(TrainingLog.FILE))) {
      JsonNode node = JSON.readTree(line);
      if (node.path("event").asText().equals(event)) {
        events.add(node);
      }
    }
    return events;
  }

  static List<JsonNode> steps(Path output) throws IOException {
    return log(output, "step");
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void devicesAreCheckedBeforeTheRun() throws IOException {
    Trainer.Builder trainer = trainer(folder);
    assertThrows(IllegalArgumentException.class, () -> trainer.device("gpu"));
    if (!W2vBert.cudaProblem().isEmpty()) { // with chance to begin with, too
      Trainer cuda = trainer.training(TrainingOptions.DEFAULT).device("cuda").build();
      assertTrue(
          assertThrows(W2vBertException.class, cuda::run)
              .getMessage()
              .startsWith("the device cuda"));
    }
  }

  @Test
  void theResultIsACompleteFolder() throws Exception {
    Path output = folder.resolve("out");
    TrainingResult result =
        trainer(folder).command("w2vbert finetune").licence("apache-2.0").build().run();

    assertTrue(result.bestError() < 0.5, result.toString()); // a guess is wrong in two of three
    assertEquals(
        List.of(
            "README.md",
            "checkpoints",
            "config.json",
            "curves.html",
            "log.jsonl",
            "model.safetensors",
            "preprocessor_config.json"),
        names(output));
    assertEquals(
        Tones.LABELS, List.copyOf(Wav2Vec2BertConfig.fromPretrained(output).id2label().values()));
    FeatureExtractor.fromPretrained(output).close();
    String card = Files.readString(output.resolve("README.md"));
    for (String part :
        List.of(
            "license: \"apache-2.0\"",
            "| training | 24 | 0.00 | 0 |",
            " | 0 | 0 | 9 |",
            "w2vbert finetune",
            "| learningRate | 0.1 |",
            "| augment.noiseKinds | white, pink, brown |")) {
      assertTrue(card.contains(part), part + " in " + card);
    }
    assertFalse(card.contains("Options["), card);
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(output.resolve("curves.html").toFile());
    String page = Files.readString(output.resolve("curves.html"));
    assertTrue(page.contains("<h2>Loss</h2>") && page.contains("<h2>Learning rate</h2>"));
    assertTrue(page.contains("<h2>error of the evaluation</h2>"), page);
  }

  @Test
  void everyStepIsLoggedWithItsRate() throws IOException {
    Path output = folder.resolve("out");
    TrainingResult result = trainer(folder).build().run();

    List<JsonNode> steps = steps(output);
    assertEquals(result.steps(), steps.size());
    long warmup = Math.round(0.1 * result.steps());
    Schedule schedule = new Schedule(Schedule.Shape.LINEAR, 0.1, warmup, result.steps());
    for (int i = 0; i < steps.size(); i++) {
      assertEquals(i + 1, steps.get(i).get("step").asInt());
      assertEquals(schedule.rate(i), steps.get(i).get("learningRate").asDouble());
    }
    assertEquals(6, log(output, "evaluation").size());
    assertEquals(result.loss(), steps.get(steps.size() - 1).get("loss").asDouble());
    JsonNode begin = log(output, "begin").get(0);
    assertEquals(result.steps(), begin.get("totalSteps").asLong());
    assertEquals(24, begin.get("utterances").asInt());
  }

  /** Ends a run as a full disk or a failing driver would. */
  private static TrainingListener failingAfter(long step) {
    return new TrainingListener() {
      @Override
      public void stepped(TrainingProgress progress) {
        if (progress.step() == step) {
          throw new IllegalStateException("the run ends here");
        }
      }
    };
  }

  static void requireSameSteps(List<JsonNode> expected, List<JsonNode> actual) {
    List<ToDoubleFunction<JsonNode>> fields =
        Stream.of("step", "epoch", "loss", "learningRate", "gradientNorm", "audioSeconds")
            .<ToDoubleFunction<JsonNode>>map(name -> node -> node.get(name).asDouble())
            .toList();
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      for (ToDoubleFunction<JsonNode> field : fields) {
        assertEquals(
            field.applyAsDouble(expected.get(i)),
            field.applyAsDouble(actual.get(i)),
            expected.get(i) + " " + actual.get(i));
      }
    }
  }

  @Test
  void aRunThatEndedGoesOnToTheSameLosses() throws IOException {
    Trainer.Builder whole = trainer(folder).output(folder.resolve("whole"));
    whole.build().run();
    Trainer.Builder parts =
        trainer(folder).options(OPTIONS.withCheckpointEvery(3)).output(folder.resolve("parts"));
    for (long last : new long[] {2, 7, 16}) {
      parts.resume(last > 2).listener(failingAfter(last));
      assertThrows(IllegalStateException.class, () -> parts.build().run());
    }
    TrainingResult result = parts.resume(true).listener(TrainingListener.NONE).build().run();

    requireSameSteps(steps(folder.resolve("whole")), steps(folder.resolve("parts")));
    assertTrue(result.bestError() < 0.5, result.toString());
    assertEquals(
        -1,
        Files.mismatch(
            folder.resolve("whole/model.safetensors"), folder.resolve("parts/model.safetensors")));
    assertEquals(
        log(folder.resolve("whole"), "evaluation"), log(folder.resolve("parts"), "evaluation"));
  }

  /** As after kill -9: what the process had in memory is lost, and its files are as they are. */
  @Test
  void aKilledRunGoesOnToTheSameLosses() throws Exception {
    Trainer.Builder whole = trainer(folder).output(folder.resolve("whole"));
    whole.build().run();
    Path output = folder.resolve("out");
    kill(folder, 8, "linear");
    int made = steps(output).size();
    assertTrue(made >= 8 && made < steps(folder.resolve("whole")).size(), made + " steps");

    trainer(folder).options(OPTIONS.withCheckpointEvery(3)).resume(true).build().run();

    requireSameSteps(steps(folder.resolve("whole")), steps(output));
    assertEquals(1, log(output, "begin").size());
    assertEquals(1, log(output, "resume").size());
  }

  /** {@link TrainerProbe} in another process. */
  static Process start(Path folder, String learner, String... properties) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Dw2vbert.golden=" + System.getProperty("w2vbert.golden"));
    command.addAll(List.of(properties));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(TrainerProbe.class.getName(), folder.toString(), learner));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /** Trains in another process, and kills it after so many steps. */
  static void kill(Path folder, int step, String learner, String... properties) throws Exception {
    Process process = start(folder, learner, properties);
    try {
      // The process says after each step that it made it, and waits a little.
      String number = String.valueOf(step);
      String line = process.inputReader().lines().filter(number::equals).findFirst().orElse("none");
      assertEquals(number, line);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aRunCanBeProlonged() throws IOException {
    Trainer.Builder trainer =
        trainer(folder).options(OPTIONS.withSchedule(Schedule.Shape.CONSTANT).withWarmup(0));
    TrainingResult whole = trainer.output(folder.resolve("whole")).build().run();

    trainer.output(folder.resolve("parts"));
    trainer.options(trainer.options.withEpochs(2)).build().run();
    TrainingResult parts =
        trainer.options(trainer.options.withEpochs(6)).resume(true).build().run();

    assertEquals(whole.steps(), parts.steps());
    requireSameSteps(steps(folder.resolve("whole")), steps(folder.resolve("parts")));
  }

  @Test
  void anotherRunIsNotResumed() throws IOException {
    trainer(folder).options(OPTIONS.withEpochs(1)).build().run();
    Trainer.Builder trainer = trainer(folder).resume(true);

    for (TrainerOptions other :
        List.of(
            OPTIONS.withSeed(4),
            OPTIONS.withBatchSeconds(3),
            OPTIONS.withAugment(AugmentOptions.DEFAULT))) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> trainer.options(other).build().run())
              .getMessage();
      assertTrue(message.contains("expected the same, to resume it"), message);
    }
    trainer.options(OPTIONS).train(Tones.write(folder, 12, 3));
    String message =
        assertThrows(IllegalArgumentException.class, () -> trainer.build().run()).getMessage();
    assertTrue(message.contains("of a run whose train is"), message);
  }

  @Test
  void aFolderWithFilesIsRefused() throws IOException {
    Path output = Files.createDirectory(folder.resolve("out"));
    Files.writeString(output.resolve("mine.txt"), "text");
    for (boolean resume : new boolean[] {false, true}) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> trainer(folder).resume(resume).build().run())
              .getMessage();
      assertEquals(
          output + " is not empty; expected a new folder, or one with a run that is to be resumed",
          message);
    }
    assertEquals(List.of("mine.txt"), names(output));
  }

  @Test
  void gradientsOfSeveralBatchesMakeAStep() throws IOException {
    TrainingResult single = trainer(folder).output(folder.resolve("one")).build().run();
    TrainingResult several =
        trainer(folder)
            .options(OPTIONS.withAccumulation(3).withMaxSteps(5))
            .output(folder.resolve("three"))
            .build()
            .run();
    assertTrue(single.steps() > 5);
    assertEquals(5, several.steps());
    assertEquals(
        firstEpoch(steps(folder.resolve("one"))), firstEpoch(steps(folder.resolve("three"))), 1e-9);
    assertEquals(2, stepsOfFirstEpoch(steps(folder.resolve("three"))));
  }

  private static double firstEpoch(List<JsonNode> steps) {
    return steps.stream()
        .filter(node -> node.get("epoch").asInt() == 1)
        .mapToDouble(node -> node.get("audioSeconds").asDouble())
        .sum();
  }

  private static long stepsOfFirstEpoch(List<JsonNode> steps) {
    return steps.stream().filter(node -> node.get("epoch").asInt() == 1).count();
  }

  @Test
  void badRecordingsFailOrAreListed() throws IOException {
    List<Utterance> utterances = new ArrayList<>(Tones.write(folder, 12, 1));
    Path missing = folder.resolve("missing.wav");
    Path damaged = Files.writeString(folder.resolve("damaged.wav"), "RIFF");
    utterances.add(3, Utterance.ofLabel(missing, "low"));
    utterances.add(Utterance.ofLabel(damaged, "low"));
    Trainer.Builder trainer = trainer(folder).train(utterances);

    String message =
        assertThrows(IllegalArgumentException.class, () -> trainer.build().run()).getMessage();
    assertTrue(message.startsWith(missing + ": " + missing + " cannot be used: "), message);

    List<String> warnings = new ArrayList<>();
    TrainingResult result =
        trainer
            .resume(true)
            .options(OPTIONS.withBadAudio(BadAudio.SKIP))
            .listener(
                new TrainingListener() {
                  @Override
                  public void warned(String message) {
                    warnings.add(message);
                  }
                })
            .build()
            .run();
    assertEquals(
        List.of(missing.toString(), damaged.toString()),
        result.skipped().stream().map(SkippedUtterance::name).toList());
    assertEquals(2, warnings.size());
    assertEquals(2, log(folder.resolve("out"), "skipped").size());
    assertTrue(
        Files.readString(folder.resolve("out/README.md")).contains("| training | 12 | 0.00 | 2 |"));
  }

  @Test
  void recordingsThatAreTooLongForABatchCannotBeUsed() throws IOException {
    Trainer.Builder trainer = trainer(folder).options(OPTIONS.withBatchSeconds(0.3));
    String message =
        assertThrows(IllegalArgumentException.class, () -> trainer.build().run()).getMessage();
    assertTrue(message.contains(" s; expected at most 0.3 s"), message);
  }

  /** Batches with one class have no finite loss. */
  private record Poisoned(int label) implements Learner.Factory {
    @Override
    public Learner open(
        TrainingTask task,
        Path model,
        Wav2Vec2BertConfig config,
        boolean newHead,
        long seed,
        int workers) {
      Learner learner =
          new LinearLearner.Factory().open(task, model, config, newHead, seed, workers);
      return (Learner)
          Proxy.newProxyInstance(
              Learner.class.getClassLoader(),
              new Class<?>[] {Learner.class},
              (proxy, method, arguments) ->
                  method.getName().equals("accumulate")
                          && Arrays.stream(((Tensor) arguments[3]).toLongArray())
                              .anyMatch(l -> l == label)
                      ? Double.NaN
                      : method.invoke(learner, arguments));
    }
  }

  @Test
  void batchesWithoutFiniteLossAreNamedAndLeftOutUpToALimit() throws IOException {
    TrainerOptions options = OPTIONS.withBatchUtterances(1).withEpochs(1);
    Path output = folder.resolve("out");
    Trainer.Builder trainer =
        trainer(folder).options(options).learners(new Poisoned(Tones.LABELS.indexOf("low")));

    TrainingResult result = trainer.build().run();

    assertEquals(8, result.badBatches());
    assertEquals(16, result.steps());
    List<JsonNode> bad = log(output, "badBatch");
    assertEquals(8, bad.size());
    for (JsonNode batch : bad) {
      assertEquals("NaN", batch.get("loss").asText());
      int number =
          Integer.parseInt(batch.at("/utterances/0").asText().replaceAll(".*-(\\d+)\\.wav", "$1"));
      assertEquals("low", Tones.LABELS.get(number % 3));
    }

    trainer.output(folder.resolve("strict")).options(options.withMaxBadBatches(3));
    String message = assertThrows(W2vBertException.class, () -> trainer.build().run()).getMessage();
    assertTrue(message.contains("the loss is NaN after step "), message);
    assertTrue(message.endsWith("it is bad batch number 4, expected at most 3"), message);
  }

  /** Every other step finds gradients that were scaled by too much. */
  private record Overflowing() implements Learner.Factory {
    @Override
    public Learner open(
        TrainingTask task,
        Path model,
        Wav2Vec2BertConfig config,
        boolean newHead,
        long seed,
        int workers) {
      Learner learner =
          new LinearLearner.Factory().open(task, model, config, newHead, seed, workers);
      AtomicInteger steps = new AtomicInteger();
      return (Learner)
          Proxy.newProxyInstance(
              Learner.class.getClassLoader(),
              new Class<?>[] {Learner.class},
              (proxy, method, arguments) ->
                  method.getName().equals("step") && steps.incrementAndGet() % 2 == 0
                      ? new Learner.Step(Double.POSITIVE_INFINITY, false, 1024, true)
                      : method.invoke(learner, arguments));
    }
  }

  @Test
  void stepsThatOverflowAreLoggedAndNoBadBatches() throws IOException {
    TrainerOptions options = OPTIONS.withBatchUtterances(1).withEpochs(1).withMaxBadBatches(0);
    TrainingResult result =
        trainer(folder).options(options).learners(new Overflowing()).build().run();

    assertEquals(0, result.badBatches());
    assertEquals(12, result.steps());
    List<JsonNode> overflows = log(folder.resolve("out"), "overflow");
    assertEquals(12, overflows.size());
    assertEquals(1024, overflows.get(0).get("lossScale").asInt());
    assertEquals(1, overflows.get(0).get("step").asInt());
  }

  @Test
  void onlyTheNewestCheckpointsAreKept() throws IOException {
    TrainingResult result =
        trainer(folder)
            .options(OPTIONS.withCheckpointEvery(2).withKeepCheckpoints(3).withMaxSteps(9))
            .build()
            .run();
    assertEquals(9, result.steps());
    assertEquals(
        List.of("step-0000000006", "step-0000000008", "step-0000000009"),
        names(folder.resolve("out/checkpoints")));
  }

  /** Always says token 1, with more certainty after every step. */
  private static final class WordyLearner implements Learner, Scorer {
    private final Wav2Vec2BertConfig config;
    private float certainty;

    WordyLearner(Wav2Vec2BertConfig config) {
      this.config = config;
    }

    @Override
    public List<String> drawn() {
      return List.of();
    }

    @Override
    public long parameters() {
      return 0;
    }

    @Override
    public int workers() {
      return 1;
    }

    @Override
    public double accumulate(
        int worker, long chance, Features features, Tensor labels, double weight) {
      return 1;
    }

    @Override
    public Step step(double learningRate) {
      certainty++;
      return new Step(1, true, 1, false);
    }

    @Override
    public Scorer scorer() {
      return this;
    }

    @Override
    public List<Scores> score(RaggedFeatures features) {
      float[] values = new float[config.vocabSize()];
      values[1] = certainty;
      return Collections.nCopies(features.utterances(), new Scores(values, 1, values.length));
    }

    @Override
    public void savePretrained(Path directory) {
      config.savePretrained(directory);
    }

    @Override
    public void saveState(Path file) {}

    @Override
    public void loadState(Path file) {}

    @Override
    public void close() {}
  }

  private TrainingResult wordy(String training, String expected) throws IOException {
    Path audio = Tones.write(folder, 1, 1).get(0).audio();
    return Trainer.builder(TrainingTask.CTC)
        .config(Tones.config())
        .train(List.of(Utterance.ofText(audio, training)))
        .evaluation(List.of(Utterance.ofText(audio, expected)))
        .output(folder.resolve("out"))
        .options(TrainerOptions.DEFAULT.withEpochs(3))
        .learners((task, model, config, newHead, seed, workers) -> new WordyLearner(config))
        .build()
        .run();
  }

  @Test
  void ofModelsWithEqualErrorThatWithTheSmallestLossIsKept() throws IOException {
    TrainingResult result = wordy("a", "a");
    assertEquals(0, result.bestError());
    assertEquals(3, result.bestStep());
  }

  /** Words where none are expected are infinitely many; the loss grows with the certainty. */
  @Test
  void withoutAFiniteErrorTheSmallestLossDecides() throws IOException {
    TrainingResult result = wordy("a", "");
    assertEquals(Double.POSITIVE_INFINITY, result.bestError());
    assertEquals(1, result.bestStep());
    assertTrue(Files.exists(folder.resolve("out/config.json")));
  }

  @Test
  void withoutDataToEvaluateTheLastModelIsKept() throws IOException {
    TrainingResult result = trainer(folder).evaluation(List.of()).build().run();
    assertEquals(result.steps(), result.bestStep());
    assertTrue(Double.isNaN(result.bestError()));
    assertTrue(Files.exists(folder.resolve("out/model.safetensors")));
  }

  @Test
  void impossibleTrainersAreRefused() throws IOException {
    Trainer.Builder empty = Trainer.builder(TrainingTask.CTC).output(folder);
    assertThrows(IllegalArgumentException.class, empty::build);
    assertThrows(IllegalArgumentException.class, () -> empty.config(Tones.config()).build());
    List<Utterance> tones = Tones.write(folder, 3, 1);
    assertThrows(
        IllegalArgumentException.class, () -> empty.train(tones).labels(List.of("a", "b")).build());
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withEpochs(0));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withBatchSeconds(Double.NaN));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withWarmup(1.5));
    assertFalse(Files.exists(folder.resolve("out")));
  }

  @Test
  void batchesHaveFeaturesMasksAndLabels() throws IOException {
    List<Utterance> tones = Tones.write(folder, 6, 1);
    try (Setup setup =
            Setup.of(
                TrainingTask.CLASSIFICATION,
                null,
                Tones.config(),
                null,
                config -> config,
                tones,
                OPTIONS);
        BatchLoader loader =
            new BatchLoader(
                Corpus.read(tones, setup.training(), Tones.RATE, 2, BadAudio.FAIL, done -> {}),
                setup.training(),
                setup.extractor(),
                OPTIONS,
                2)) {
      loader.begin(0, 0);
      int heard = 0;
      for (int i = 0; i < loader.batches(); i++) {
        try (BatchLoader.Batch batch = loader.next()) {
          Features features = batch.features();
          assertEquals(160, features.inputFeatures().size(2));
          assertEquals(batch.items().size(), features.attentionMask().size(0));
          assertEquals(batch.items().size(), batch.labels().elements());
          heard += batch.items().size();
        }
      }
      assertThrows(NoSuchElementException.class, loader::next);
      assertEquals(6, heard);
    }
  }
}
