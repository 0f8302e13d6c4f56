package io.github.w2vbert;

import java.util.Objects;

/**
 * How a checkpoint is loaded.
 *
 * <pre>{@code
 * LoadOptions.DEFAULT.withMissingInitialized(42) // a base checkpoint for fine-tuning: a fresh head
 * }</pre>
 *
 * @param config the configuration to build the model with, or null for the checkpoint's own
 * @param initializesMissing whether parameters that the checkpoint lacks are drawn afresh; if not,
 *     they are refused
 * @param ignoresMismatchedSizes the same for parameters of another shape
 * @param seed of the draw
 */
public record LoadOptions(
    Wav2Vec2BertConfig config,
    boolean initializesMissing,
    boolean ignoresMismatchedSizes,
    long seed) {

  /** The checkpoint's own configuration; every parameter must be there. */
  public static final LoadOptions DEFAULT = new LoadOptions(null, false, false, 0);

  /** These options with another configuration than the checkpoint's. */
  public LoadOptions withConfig(Wav2Vec2BertConfig other) {
    Objects.requireNonNull(other, "config");
    return new LoadOptions(other, initializesMissing, ignoresMismatchedSizes, seed);
  }

  /** These options, but parameters that the checkpoint lacks are drawn with the given seed. */
  public LoadOptions withMissingInitialized(long withSeed) {
    return new LoadOptions(config, true, ignoresMismatchedSizes, withSeed);
  }

  /** These options, but parameters of another shape are drawn with the given seed. */
  public LoadOptions withMismatchedSizesIgnored(long withSeed) {
    return new LoadOptions(config, initializesMissing, true, withSeed);
  }
}
