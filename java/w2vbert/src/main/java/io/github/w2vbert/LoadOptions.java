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
 * @param layer the encoder ends with this hidden state, and nothing behind it is read from the
 *     files; or null for the whole model
 * @param copiesWeights whether weights are copied into memory of their own instead of being used
 *     where the mapped file holds them
 * @param weights how the model keeps the matrices of its encoder
 * @param device where the model computes, and how it uses a CUDA device
 */
public record LoadOptions(
    Wav2Vec2BertConfig config,
    boolean initializesMissing,
    boolean ignoresMismatchedSizes,
    long seed,
    Integer layer,
    boolean copiesWeights,
    WeightType weights,
    DeviceOptions device) {

  /** The checkpoint's own configuration; every parameter must be there; float32; on the CPU. */
  public static final LoadOptions DEFAULT =
      new LoadOptions(null, false, false, 0, null, false, WeightType.FLOAT32, DeviceOptions.CPU);

  /** Refuses null for {@code weights} and {@code device}. */
  public LoadOptions {
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(device, "device");
  }

  /** These options with another configuration than the checkpoint's. */
  public LoadOptions withConfig(Wav2Vec2BertConfig other) {
    Objects.requireNonNull(other, "config");
    return new LoadOptions(
        other,
        initializesMissing,
        ignoresMismatchedSizes,
        seed,
        layer,
        copiesWeights,
        weights,
        device);
  }

  /** These options, but parameters that the checkpoint lacks are drawn with the given seed. */
  public LoadOptions withMissingInitialized(long withSeed) {
    return new LoadOptions(
        config, true, ignoresMismatchedSizes, withSeed, layer, copiesWeights, weights, device);
  }

  /** These options, but parameters of another shape are drawn with the given seed. */
  public LoadOptions withMismatchedSizesIgnored(long withSeed) {
    return new LoadOptions(
        config, initializesMissing, true, withSeed, layer, copiesWeights, weights, device);
  }

  /**
   * These options for a {@link Wav2Vec2BertModel} that ends after one of its layers: its {@code
   * lastHiddenState} is hidden state {@code last}, and later layers and the adapter are neither
   * loaded nor computed. Its configuration says so. Text-to-speech pipelines that use layer 17 of
   * 24 of the public checkpoint need 71 % of its memory.
   */
  public LoadOptions withLayer(int last) {
    return new LoadOptions(
        config,
        initializesMissing,
        ignoresMismatchedSizes,
        seed,
        last,
        copiesWeights,
        weights,
        device);
  }

  /**
   * These options, but the weights are copied into memory of their own: opening takes longer and
   * processes do not share them, but a file that is shortened or overwritten in place later (which
   * ends a process that has it mapped) does no harm.
   */
  public LoadOptions withCopiedWeights() {
    return new LoadOptions(
        config, initializesMissing, ignoresMismatchedSizes, seed, layer, true, weights, device);
  }

  /**
   * These options with another type of weights, for less memory and more speed. A checkpoint of
   * float16 or bfloat16 that is opened with its own type is used where the mapped file holds it;
   * others are converted while the model is opened. Of int8 nothing stays in the file. Float8 is
   * for CUDA devices, int8 for the CPU: opening a model refuses it elsewhere.
   */
  public LoadOptions withWeights(WeightType type) {
    return new LoadOptions(
        config,
        initializesMissing,
        ignoresMismatchedSizes,
        seed,
        layer,
        copiesWeights,
        type,
        device);
  }

  /**
   * These options for a model that computes on another device. On a CUDA device it keeps all of its
   * parameters and computes in the type of {@link #weights}, which must not be int8: with float32
   * as on the CPU, with float16 or bfloat16 in half of the memory, with float8 in bfloat16, with
   * products of float8. Calls take and give tensors in the memory of the host all the same, as
   * float32. Opening a model throws {@link IllegalArgumentException} if there is no such device,
   * and {@link W2vBertException} if CUDA cannot be used, with the reason ({@link
   * W2vBert#cudaProblem}). Where the device's memory is exhausted, a call throws and the model can
   * be used again. Memory of the device that a call or a closed model gives back stays with
   * LibTorch, for its next use in this process.
   *
   * @param name {@code cpu}, {@code cuda} (the first device) or {@code cuda:1}
   * @throws IllegalArgumentException if {@code name} is none of these
   */
  public LoadOptions withDevice(String name) {
    return withDevice(DeviceOptions.of(name));
  }

  /**
   * The same with options of the device: how many calls it computes at the same time, CUDA graphs,
   * a limit of memory, a stream of the caller's. Opening a model also throws {@link
   * IllegalStateException} if that stream is closed.
   */
  public LoadOptions withDevice(DeviceOptions options) {
    return new LoadOptions(
        config,
        initializesMissing,
        ignoresMismatchedSizes,
        seed,
        layer,
        copiesWeights,
        weights,
        options);
  }
}
