package io.github.w2vbert.cli;

import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.WeightType;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How the weights of a model are stored, and where it computes. */
final class LoadArguments {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  private LoadOptions device = LoadOptions.DEFAULT;

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

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description =
          "Where the model computes: cpu, cuda (the first GPU) or cuda:N, there in the type of"
              + " --weights, which is not int8 then. Default: ${DEFAULT-VALUE}.")
  void setDevice(String name) {
    try {
      device = LoadOptions.DEFAULT.withDevice(name);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--device: " + e.getMessage(), e);
    }
  }

  LoadOptions options() {
    return device.withWeights(type);
  }
}
