package io.github.w2vbert;

import java.util.Objects;
import java.util.Set;

/**
 * AdamW (Loshchilov and Hutter 2019) and regularisation. Dropout, layerdrop and SpecAugment are
 * options of the model's configuration.
 *
 * <pre>{@code
 * TrainingOptions.DEFAULT.withFreezeFeatureProjection(true).withAverageDecay(0.999).withSeed(7)
 * }</pre>
 *
 * @param beta1 decay of the running mean of gradients, from 0 to less than 1
 * @param beta2 decay of the running mean of their squares, from 0 to less than 1
 * @param epsilon is added to the root of that mean; positive
 * @param weightDecay the part of a parameter that a step with learning rate 1 takes away
 * @param decayBiasesAndNorms whether biases and the weights of norms decay, too; the reference's
 *     trainer spares every parameter with {@code bias} in its name and the norms
 * @param maxGradNorm gradients with a larger norm, of all parameters together, are scaled down to
 *     it; 0 for no limit
 * @param averageDecay of a running average of the parameters, see {@link ModelTraining#useAverage},
 *     from 0 to less than 1; 0 for none
 * @param gradientCheckpointing whether each layer of the encoder is computed again for its
 *     gradients instead of being kept: a third more time, far less memory, the same gradients up to
 *     rounding
 * @param autocast the type that matrix products of layers and of attention compute in, much as
 *     under {@code torch.autocast}: {@link DType#BFLOAT16}, {@link DType#FLOAT16}, or {@link
 *     DType#FLOAT32} for none of that. Parameters, their gradients, the sums that go from block to
 *     block, norms, softmax, depthwise convolutions, losses and AdamW are float32 all the same;
 *     what else lies between two products has their type. For float16 losses are scaled, see {@link
 *     TrainingStep#lossScale}. Evaluation and inference stay float32. It is for GPUs: the CPU has
 *     no kernels of its own for it
 * @param freezeBase whether only the head learns, as after {@code freeze_base_model()} of the
 *     reference; the encoder still computes in training mode
 * @param freezeFeatureProjection whether the feature projection keeps its parameters
 * @param amSoftmax the numbers of the loss of {@link Wav2Vec2BertForXVector}
 * @param seed of dropout, layerdrop and SpecAugment
 */
public record TrainingOptions(
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    boolean decayBiasesAndNorms,
    double maxGradNorm,
    double averageDecay,
    boolean gradientCheckpointing,
    DType autocast,
    boolean freezeBase,
    boolean freezeFeatureProjection,
    AmSoftmax amSoftmax,
    long seed) {

  /**
   * Betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 except of biases and norms, gradients
   * clipped to norm 1, no average, all in float32, everything learns, seed 0.
   */
  public static final TrainingOptions DEFAULT =
      new TrainingOptions(
          0.9,
          0.999,
          1e-8,
          0.01,
          false,
          1.0,
          0.0,
          false,
          DType.FLOAT32,
          false,
          false,
          AmSoftmax.DEFAULT,
          0);

  /**
   * @throws IllegalArgumentException if a number is out of its range, or {@code autocast} is not
   *     one of the three types
   */
  public TrainingOptions {
    requireDecay("beta1", beta1);
    requireDecay("beta2", beta2);
    requireDecay("averageDecay", averageDecay);
    require(epsilon > 0 && Double.isFinite(epsilon), "epsilon", epsilon, "a positive number");
    requireAmount("weightDecay", weightDecay);
    requireAmount("maxGradNorm", maxGradNorm);
    Objects.requireNonNull(autocast, "autocast");
    if (!Set.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16).contains(autocast)) {
      throw new IllegalArgumentException(
          "autocast is " + autocast + "; expected float32, which is none, float16 or bfloat16");
    }
    Objects.requireNonNull(amSoftmax, "amSoftmax");
  }

  private static void requireDecay(String name, double value) {
    require(value >= 0 && value < 1, name, value, "0 or more and less than 1");
  }

  private static void requireAmount(String name, double value) {
    require(value >= 0 && Double.isFinite(value), name, value, "a finite number, at least 0");
  }

  private static void require(boolean condition, String name, double value, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(name + " is " + value + "; expected " + expected);
    }
  }

  /** These options with other decays of the running means. */
  public TrainingOptions withBetas(double first, double second) {
    return new TrainingOptions(
        first,
        second,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with another epsilon. */
  public TrainingOptions withEpsilon(double other) {
    return new TrainingOptions(
        beta1,
        beta2,
        other,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with another weight decay. */
  public TrainingOptions withWeightDecay(double other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        other,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with or without decay of biases and norms. */
  public TrainingOptions withDecayBiasesAndNorms(boolean other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        other,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with another limit of the gradients' norm. */
  public TrainingOptions withMaxGradNorm(double other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        other,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with another decay of the running average. */
  public TrainingOptions withAverageDecay(double other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        other,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with or without gradient checkpointing. */
  public TrainingOptions withGradientCheckpointing(boolean other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        other,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with another type of matrix products; {@link DType#FLOAT32} for none. */
  public TrainingOptions withAutocast(DType other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        other,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with a frozen base model or not. */
  public TrainingOptions withFreezeBase(boolean other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        other,
        freezeFeatureProjection,
        amSoftmax,
        seed);
  }

  /** These options with a frozen feature projection or not. */
  public TrainingOptions withFreezeFeatureProjection(boolean other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        other,
        amSoftmax,
        seed);
  }

  /** These options with other numbers of the loss of x-vectors. */
  public TrainingOptions withAmSoftmax(AmSoftmax other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        other,
        seed);
  }

  /** These options with another seed. */
  public TrainingOptions withSeed(long other) {
    return new TrainingOptions(
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decayBiasesAndNorms,
        maxGradNorm,
        averageDecay,
        gradientCheckpointing,
        autocast,
        freezeBase,
        freezeFeatureProjection,
        amSoftmax,
        other);
  }
}
