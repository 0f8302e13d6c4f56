package io.github.w2vbert.cli;

import io.github.w2vbert.training.Schedule;
import io.github.w2vbert.training.TrainerOptions;
import picocli.CommandLine.Option;

/** How a run of the trainer goes about it. */
final class TrainerArguments {
  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "How often each recording is heard (10); 0: as often as --max-steps allow.")
  private Integer epochs;

  @Option(
      names = "--max-steps",
      paramLabel = "N",
      description = "Ends after so many steps, if not before.")
  private Long maxSteps;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description = "The highest learning rate (5e-5).")
  private Double learningRate;

  @Option(
      names = "--schedule",
      paramLabel = "SHAPE",
      converter = Words.Schedules.class,
      completionCandidates = Words.Schedules.class,
      description = "How it falls: ${COMPLETION-CANDIDATES} (linear).")
  private Schedule.Shape schedule;

  @Option(
      names = "--warmup",
      paramLabel = "X",
      description = "The part of all steps in which it rises from 0 (0.1).")
  private Double warmup;

  @Option(
      names = "--batch-seconds",
      paramLabel = "S",
      description =
          "Seconds of audio in a batch, with its padding (60); memory grows with it. Longer"
              + " recordings cannot be used.")
  private Double batchSeconds;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Recordings in a batch at most (32).")
  private Integer batchUtterances;

  @Option(
      names = "--accumulate",
      paramLabel = "N",
      description =
          "Batches whose gradients make one step (1). With -Dw2vbert.concurrency=N, N of them are"
              + " computed at the same time.")
  private Integer accumulation;

  @Option(
      names = "--evaluate-every",
      paramLabel = "N",
      description = "Steps from one evaluation to the next; without it: after every epoch.")
  private Long evaluateEvery;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      description = "Steps from one checkpoint to the next; without it: with every evaluation.")
  private Long checkpointEvery;

  @Option(
      names = "--keep-checkpoints",
      paramLabel = "N",
      description = "Older checkpoints are deleted (2).")
  private Integer keepCheckpoints;

  @Option(
      names = "--max-bad-batches",
      paramLabel = "N",
      description =
          "Batches whose loss or gradients are not finite are named and left out; more than N"
              + " end the run (10).")
  private Integer maxBadBatches;

  @Option(
      names = "--new-vocabulary",
      description = "Makes a vocabulary of the texts, even if the model has one.")
  private boolean newVocabulary;

  @Option(names = "--seed", paramLabel = "N", description = "Decides all chance of the run (0).")
  private Long seed;

  TrainerOptions options(Usage usage, DataArguments data, AugmentArguments augment) {
    TrainerOptions options =
        TrainerOptions.DEFAULT
            .withNewVocabulary(newVocabulary)
            .withBadAudio(data.policy())
            .withTextRule(data.rule())
            .withAugment(augment.options(usage));
    // Steps first: without epochs there must be some.
    options = usage.change(options, "--max-steps", maxSteps, TrainerOptions::withMaxSteps);
    options = usage.change(options, "--epochs", epochs, TrainerOptions::withEpochs);
    options =
        usage.change(options, "--learning-rate", learningRate, TrainerOptions::withLearningRate);
    options = usage.change(options, "--schedule", schedule, TrainerOptions::withSchedule);
    options = usage.change(options, "--warmup", warmup, TrainerOptions::withWarmup);
    options =
        usage.change(options, "--batch-seconds", batchSeconds, TrainerOptions::withBatchSeconds);
    options =
        usage.change(options, "--batch-size", batchUtterances, TrainerOptions::withBatchUtterances);
    options = usage.change(options, "--accumulate", accumulation, TrainerOptions::withAccumulation);
    options =
        usage.change(options, "--evaluate-every", evaluateEvery, TrainerOptions::withEvaluateEvery);
    options =
        usage.change(
            options, "--checkpoint-every", checkpointEvery, TrainerOptions::withCheckpointEvery);
    options =
        usage.change(
            options, "--keep-checkpoints", keepCheckpoints, TrainerOptions::withKeepCheckpoints);
    options =
        usage.change(
            options, "--max-bad-batches", maxBadBatches, TrainerOptions::withMaxBadBatches);
    return usage.change(options, "--seed", seed, TrainerOptions::withSeed);
  }
}
