package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.DType;
import io.github.w2vbert.TrainingOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The trainer with models of the library. */
class FinetuneTest {
  private static final Path GOLDEN = Path.of(System.getProperty("w2vbert.golden")).resolve("e2e");

  @TempDir private Path folder;

  /** Speech of three recordings, one of them in two parts. */
  private static List<Utterance> speech() {
    Path plain = GOLDEN.resolve("ctc_plain/audio_0.wav").toAbsolutePath();
    Path first = GOLDEN.resolve("ctc_adapter_batch/audio_0.wav").toAbsolutePath();
    Path second = GOLDEN.resolve("ctc_adapter_batch/audio_1.wav").toAbsolutePath();
    return List.of(
        new Utterance(plain, 0, 0.7, "Go forward", null, List.of(), null, "speech:1"),
        new Utterance(
            plain, 0.5, Double.POSITIVE_INFINITY, "ten meters", null, List.of(), null, "speech:2"),
        Utterance.ofText(first, "turn"),
        Utterance.ofText(second, "stop now"));
  }

  private static Wav2Vec2BertConfig config() {
    return Tones.config().toBuilder()
        .hiddenSize(64)
        .outputHiddenSize(64)
        .numHiddenLayers(2)
        .intermediateSize(128)
        .hiddenDropout(0)
        .attentionDropout(0)
        .activationDropout(0)
        .featProjDropout(0)
        .finalDropout(0)
        .conformerConvDropout(0)
        .layerdrop(0)
        .build();
  }

  @Test
  void fourClipsAreLearntByHeart() throws IOException {
    Path output = folder.resolve("out");
    TrainingResult result =
        Trainer.builder(TrainingTask.CTC)
            .config(config())
            .train(speech())
            .evaluation(speech())
            .output(output)
            .options(
                TrainerOptions.DEFAULT
                    .withMaxSteps(300)
                    .withEpochs(0)
                    .withLearningRate(3e-3)
                    .withEvaluateEvery(50))
            .build()
            .run();

    assertEquals(0, result.bestError(), result.toString());
    try (Transcriber transcriber = Transcriber.fromPretrained(output)) {
      Audio stop = Audio.read(speech().get(3).audio()).resample(16_000);
      assertEquals("stop now", transcriber.transcribe(stop).text());
    }
  }

  /** Dropout, layerdrop and SpecAugment draw: their random state goes on, too. */
  static Trainer.Builder drawing(Path folder) throws IOException {
    Wav2Vec2BertConfig config =
        Tones.config().toBuilder()
            .numHiddenLayers(2)
            .layerdrop(0.2)
            .hiddenDropout(0.1)
            .applySpecAugment(true)
            .maskTimeProb(0.2)
            .maskTimeLength(3)
            .build();
    Trainer.Builder trainer = TrainerTest.trainer(folder);
    return trainer
        .config(config)
        .options(trainer.options.withLearningRate(1e-3))
        .training(TrainingOptions.DEFAULT.withAverageDecay(0.9));
  }

  @Test
  void aKilledRunGoesOnToTheSameLosses() throws Exception {
    drawing(folder).output(folder.resolve("whole")).build().run();
    TrainerTest.kill(folder, 8, "model");

    Trainer.Builder trainer = drawing(folder);
    trainer.options(trainer.options.withCheckpointEvery(3)).resume(true).build().run();

    TrainerTest.requireSameSteps(
        TrainerTest.steps(folder.resolve("whole")), TrainerTest.steps(folder.resolve("out")));
    assertEquals(
        TrainerTest.log(folder.resolve("whole"), "evaluation"),
        TrainerTest.log(folder.resolve("out"), "evaluation"));
  }

  /** The number of calls at a time is read once, so another process has to try it. */
  @Test
  void batchesAtTheSameTimeGiveTheLossesOfOneAtATime() throws Exception {
    for (int accumulation : new int[] {2, 5}) {
      Path serial = Files.createDirectory(folder.resolve("serial" + accumulation));
      Trainer.Builder trainer = drawing(serial);
      trainer.options(trainer.options.withAccumulation(accumulation)).build().run();

      Path shared = Files.createDirectory(folder.resolve("shared" + accumulation));
      String[] two = {"-Dw2vbert.threads=2", "-Dw2vbert.concurrency=2"};
      TrainerTest.kill(shared, 4, String.valueOf(accumulation), two); // and goes on
      Process process = TrainerTest.start(shared, String.valueOf(accumulation), two);
      process.inputReader().lines().forEach(line -> {});
      assertEquals(0, process.waitFor());

      List<JsonNode> expected = TrainerTest.steps(serial.resolve("out"));
      List<JsonNode> actual = TrainerTest.steps(shared.resolve("out"));
      assertEquals(expected.size(), actual.size());
      assertTrue(expected.size() > 4);
      for (int i = 0; i < expected.size(); i++) {
        double loss = expected.get(i).get("loss").asDouble();
        assertEquals(loss, actual.get(i).get("loss").asDouble(), 1e-3 * loss);
      }
    }
  }

  @Test
  void productsInFloat16AreLearntFromAndLogged() throws IOException {
    Path output = folder.resolve("out");
    Trainer.Builder trainer = TrainerTest.trainer(folder);
    TrainingOptions training = TrainingOptions.DEFAULT.withAutocast(DType.FLOAT16);
    trainer.training(training).options(trainer.options.withLearningRate(2e-3).withEpochs(4));

    TrainingResult result = trainer.build().run();

    assertEquals(0, result.badBatches());
    List<JsonNode> steps = TrainerTest.steps(output);
    double first = steps.get(0).get("loss").asDouble();
    assertTrue(result.loss() < first, first + " became " + result.loss());
    for (JsonNode overflow : TrainerTest.log(output, "overflow")) {
      assertTrue(overflow.get("lossScale").asDouble() < 65_536, overflow.toString());
    }
    String card = Files.readString(output.resolve("README.md"));
    assertTrue(card.contains("| training.autocast | float16 |"), card);

    trainer.options(trainer.options.withEpochs(5)).resume(true);
    assertTrue(trainer.build().run().steps() > result.steps());
    trainer.training(training.withAutocast(DType.BFLOAT16));
    String message =
        assertThrows(IllegalArgumentException.class, () -> trainer.build().run()).getMessage();
    assertTrue(message.contains("autocast=bfloat16"), message);
  }

  @Test
  void aTunedModelBeginsWithTheCheckpoint() throws IOException {
    Path base = folder.resolve("base");
    Trainer.Builder trainer = TrainerTest.trainer(folder);
    trainer
        .training(TrainingOptions.DEFAULT)
        .options(trainer.options.withLearningRate(2e-3).withEpochs(12));
    TrainingResult first = trainer.output(base).build().run();
    assertTrue(first.bestError() < 0.5, first.toString());

    TrainingResult second =
        trainer
            .model(base)
            .options(trainer.options.withLearningRate(0).withEpochs(1))
            .output(folder.resolve("tuned"))
            .build()
            .run();

    assertEquals(first.bestError(), second.bestError());
    assertEquals(
        0, TrainerTest.log(folder.resolve("tuned"), "begin").get(0).get("drawnParameters").size());
  }

  @Test
  void aHeadForAnotherTaskIsDrawn() throws IOException {
    Path base = folder.resolve("base");
    Trainer.Builder trainer = TrainerTest.trainer(folder);
    trainer
        .training(TrainingOptions.DEFAULT)
        .options(trainer.options.withEpochs(1))
        .output(base)
        .build()
        .run();
    Trainer.builder(TrainingTask.CTC)
        .model(base)
        .train(speech())
        .options(TrainerOptions.DEFAULT.withEpochs(1))
        .output(folder.resolve("ctc"))
        .build()
        .run();
    String names =
        TrainerTest.log(folder.resolve("ctc"), "begin").get(0).get("drawnParameters").toString();
    assertTrue(names.contains("lm_head.weight") && names.contains("lm_head.bias"), names);
    assertTrue(!names.contains("encoder.layers"), names);
  }
}
