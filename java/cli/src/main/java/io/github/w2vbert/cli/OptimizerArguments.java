package io.github.w2vbert.cli;

import io.github.w2vbert.DType;
import io.github.w2vbert.TrainingOptions;
import picocli.CommandLine.Option;

/** AdamW, and which parameters learn. */
final class OptimizerArguments {
  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "Decoupled decay of weights, without biases and norms. Without: 0.01.")
  private Double weightDecay;

  @Option(
      names = "--clip",
      paramLabel = "X",
      description = "Largest norm of the gradients; 0 for no limit. Without: 1.")
  private Double clip;

  @Option(
      names = "--average",
      paramLabel = "X",
      description =
          "Keeps an exponential moving average of the parameters with this decay, such as 0.999,"
              + " which is evaluated and saved.")
  private Double average;

  @Option(
      names = "--recompute",
      description = "Computes layers again for their gradients: slower, with far less memory.")
  private boolean recompute;

  @Option(
      names = "--autocast",
      paramLabel = "TYPE",
      converter = Words.WeightTypes.class,
      completionCandidates = Words.WeightTypes.class,
      description =
          "Type that matrix products compute in, much as under torch.autocast:"
              + " ${COMPLETION-CANDIDATES}. Parameters, norms, losses and steps stay float32. It is"
              + " for GPUs. Without: float32.")
  private DType autocast;

  @Option(names = "--freeze-base", description = "Only the head learns.")
  private boolean freezeBase;

  @Option(names = "--freeze-features", description = "The feature projection does not learn.")
  private boolean freezeFeatures;

  TrainingOptions options(Usage usage) {
    TrainingOptions options =
        TrainingOptions.DEFAULT
            .withGradientCheckpointing(recompute)
            .withFreezeBase(freezeBase)
            .withFreezeFeatureProjection(freezeFeatures);
    options =
        usage.change(options, "--weight-decay", weightDecay, TrainingOptions::withWeightDecay);
    options = usage.change(options, "--clip", clip, TrainingOptions::withMaxGradNorm);
    options = usage.change(options, "--autocast", autocast, TrainingOptions::withAutocast);
    return usage.change(options, "--average", average, TrainingOptions::withAverageDecay);
  }
}
