package io.github.w2vbert.training;

import java.util.Objects;

/**
 * How a {@link Trainer} goes about it. A step is one change of the parameters.
 *
 * <pre>{@code
 * TrainerOptions.DEFAULT.withEpochs(30).withLearningRate(3e-4).withBatchSeconds(120)
 * }</pre>
 *
 * @param epochs how often each recording is heard; 0: as often as {@code maxSteps} allow
 * @param maxSteps the run ends after so many steps, if not before; 0: no limit
 * @param learningRate the highest
 * @param schedule how the learning rate falls
 * @param warmup the part of all steps in which the learning rate rises
 * @param batchSeconds of audio in a batch, its padding included; longer recordings cannot be used
 * @param batchUtterances in a batch at most
 * @param accumulation batches whose gradients make one step; {@code w2vbert.concurrency} of them
 *     are computed at the same time, each with memory for gradients of its own
 * @param evaluateEvery steps from one evaluation to the next; 0: after every epoch
 * @param checkpointEvery steps from one checkpoint to the next; 0: with every evaluation
 * @param keepCheckpoints older ones are deleted
 * @param badAudio what happens to recordings that cannot be used
 * @param maxBadBatches batches without finite loss or gradients, which change nothing; one more
 *     ends the run
 * @param textRule what happens to texts
 * @param newVocabulary whether the vocabulary of the model, if it has one, is replaced by the
 *     characters of the texts
 * @param augment how recordings are changed before they are heard
 * @param seed of the order, of augmentation and of new parameters
 */
public record TrainerOptions(
    int epochs,
    long maxSteps,
    double learningRate,
    Schedule.Shape schedule,
    double warmup,
    double batchSeconds,
    int batchUtterances,
    int accumulation,
    long evaluateEvery,
    long checkpointEvery,
    int keepCheckpoints,
    BadAudio badAudio,
    int maxBadBatches,
    TextRule textRule,
    boolean newVocabulary,
    AugmentOptions augment,
    long seed) {

  /** Ten epochs of batches of a minute; the learning rate rises to 5e-5 and falls linearly. */
  public static final TrainerOptions DEFAULT =
      new TrainerOptions(
          10,
          0,
          5e-5,
          Schedule.Shape.LINEAR,
          0.1,
          60,
          32,
          1,
          0,
          0,
          2,
          BadAudio.FAIL,
          10,
          TextRule.DEFAULT,
          false,
          AugmentOptions.DEFAULT,
          0);

  /**
   * @throws IllegalArgumentException if a number is out of its range
   */
  public TrainerOptions {
    Objects.requireNonNull(schedule, "schedule");
    Objects.requireNonNull(badAudio, "badAudio");
    Objects.requireNonNull(textRule, "textRule");
    Objects.requireNonNull(augment, "augment");
    require(epochs >= 0, "epochs", epochs, "at least 0");
    require(maxSteps >= 0, "maxSteps", maxSteps, "at least 0");
    require(epochs > 0 || maxSteps > 0, "epochs", 0, "at least 1, or a maxSteps");
    require(
        learningRate >= 0 && Double.isFinite(learningRate),
        "learningRate",
        learningRate,
        "a number from 0");
    require(warmup >= 0 && warmup <= 1, "warmup", warmup, "0 to 1");
    require(
        batchSeconds >= 0.1 && batchSeconds <= 1e6,
        "batchSeconds",
        batchSeconds,
        "0.1 to 1,000,000");
    require(batchUtterances >= 1, "batchUtterances", batchUtterances, "at least 1");
    require(accumulation >= 1, "accumulation", accumulation, "at least 1");
    require(evaluateEvery >= 0, "evaluateEvery", evaluateEvery, "at least 0");
    require(checkpointEvery >= 0, "checkpointEvery", checkpointEvery, "at least 0");
    require(keepCheckpoints >= 1, "keepCheckpoints", keepCheckpoints, "at least 1");
    require(maxBadBatches >= 0, "maxBadBatches", maxBadBatches, "at least 0");
  }

  private static void require(boolean holds, String name, Object value, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(name + " is " + value + "; expected " + expected);
    }
  }

  /** These options with another number of epochs. */
  public TrainerOptions withEpochs(int value) {
    return new TrainerOptions(
        value,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another limit of steps. */
  public TrainerOptions withMaxSteps(long value) {
    return new TrainerOptions(
        epochs,
        value,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another learning rate. */
  public TrainerOptions withLearningRate(double value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        value,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another schedule. */
  public TrainerOptions withSchedule(Schedule.Shape value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        value,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another warm-up. */
  public TrainerOptions withWarmup(double value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        value,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with batches of another length. */
  public TrainerOptions withBatchSeconds(double value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        value,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another limit of utterances in a batch. */
  public TrainerOptions withBatchUtterances(int value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        value,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another number of batches in a step. */
  public TrainerOptions withAccumulation(int value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        value,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another distance between evaluations. */
  public TrainerOptions withEvaluateEvery(long value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        value,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another distance between checkpoints. */
  public TrainerOptions withCheckpointEvery(long value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        value,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another number of checkpoints. */
  public TrainerOptions withKeepCheckpoints(int value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        value,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another policy for bad recordings. */
  public TrainerOptions withBadAudio(BadAudio value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        value,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another limit of bad batches. */
  public TrainerOptions withMaxBadBatches(int value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        value,
        textRule,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with another rule for texts. */
  public TrainerOptions withTextRule(TextRule value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        value,
        newVocabulary,
        augment,
        seed);
  }

  /** These options with or without a new vocabulary. */
  public TrainerOptions withNewVocabulary(boolean value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        value,
        augment,
        seed);
  }

  /** These options with another augmentation. */
  public TrainerOptions withAugment(AugmentOptions value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        value,
        seed);
  }

  /** These options with another seed. */
  public TrainerOptions withSeed(long value) {
    return new TrainerOptions(
        epochs,
        maxSteps,
        learningRate,
        schedule,
        warmup,
        batchSeconds,
        batchUtterances,
        accumulation,
        evaluateEvery,
        checkpointEvery,
        keepCheckpoints,
        badAudio,
        maxBadBatches,
        textRule,
        newVocabulary,
        augment,
        value);
  }
}
