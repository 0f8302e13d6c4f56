package io.github.w2vbert.cli;

import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.WeightType;
import picocli.CommandLine.Option;

/** The option that chooses how the weights of a model are stored. */
final class WeightsOption {
  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      defaultValue = "float32",
      converter = Words.StoredTypes.class,
      completionCandidates = Words.StoredTypes.class,
      description =
          "How the model is kept in memory: ${COMPLETION-CANDIDATES}. Those of 16 bits need half the"
              + " memory; int8 needs a third, is 1.6 times as fast, and off by 1 to 2 percent."
              + " Default: ${DEFAULT-VALUE}.")
  private WeightType type;

  LoadOptions loadOptions() {
    return LoadOptions.DEFAULT.withWeights(type);
  }
}
