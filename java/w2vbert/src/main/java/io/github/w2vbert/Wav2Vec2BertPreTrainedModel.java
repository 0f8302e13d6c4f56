package io.github.w2vbert;

import io.github.w2vbert.NativeHandle.Lease;
import io.github.w2vbert.cuda.CudaStream;
import io.github.w2vbert.internal.NativeModel;
import io.github.w2vbert.internal.NativeModelOutput;
import io.github.w2vbert.internal.NativeTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What all models share: parameters, configuration and lifecycle. Immutable; any number of threads
 * may call one model. How calls share the processors stands in the package documentation.
 */
public abstract class Wav2Vec2BertPreTrainedModel implements AutoCloseable {
  private final NativeHandle<NativeModel> handle;
  private static final System.Logger LOG =
      System.getLogger(Wav2Vec2BertPreTrainedModel.class.getName());

  private final Semaphore sessions; // null on the CPU
  private final CudaStream stream; // the caller's; null if there is none
  private final Wav2Vec2BertConfig config;
  private final LoadReport loadReport;

  Wav2Vec2BertPreTrainedModel(OpenModel open) {
    stream = open.stream();
    handle = new NativeHandle<>(this, open.pointer(), stream == null ? () -> {} : stream::close);
    sessions = open.sessions();
    config = Wav2Vec2BertConfig.ofComplete(open.pointer().config_json());
    loadReport = Json.read(open.pointer().load_report_json(), LoadReport.class);
  }

  static <M extends Wav2Vec2BertPreTrainedModel> M load(
      Class<M> type, Path directory, LoadOptions options, Function<OpenModel, M> wrap) {
    Wav2Vec2BertConfig own =
        options.config() == null ? Wav2Vec2BertConfig.fromPretrained(directory) : options.config();
    Wav2Vec2BertConfig config = options.layer() == null ? own : upTo(options.layer(), own, type);
    if (options.device().isCuda()) {
      requireCuda(options.device());
    }
    M model =
        wrap.apply(
            OpenModel.on(
                options.device(),
                device ->
                    NativeModel.from_pretrained(
                        type.getSimpleName(),
                        directory.toAbsolutePath().toString(),
                        config.toJson(),
                        options.initializesMissing(),
                        options.ignoresMismatchedSizes(),
                        options.seed(),
                        options.copiesWeights(),
                        options.weights().dtype().number(),
                        device)));
    LoadReport report = ((Wav2Vec2BertPreTrainedModel) model).loadReport;
    if (options.layer() == null) {
      warn(directory, "does not use", report.unexpected());
    }
    warn(directory, "drew afresh", report.missing());
    warn(directory, "drew afresh", report.mismatched());
    return model;
  }

  private static void requireCuda(DeviceOptions device) {
    String problem = W2vBert.cudaProblem();
    if (!problem.isEmpty()) {
      throw new W2vBertException("the device " + device.name() + " cannot be used: " + problem);
    }
    requireIndex(device, W2vBert.cudaDriver().devices().size());
  }

  /** Refuses a CUDA device that is not one of the driver's. */
  static void requireIndex(DeviceOptions device, int devices) {
    if (device.index() >= devices) {
      throw new IllegalArgumentException(
          "there is no device "
              + device.name()
              + ": this machine has "
              + devices
              + ", counted from 0");
    }
  }

  /** The configuration of an encoder that ends with the given hidden state. */
  private static Wav2Vec2BertConfig upTo(int layer, Wav2Vec2BertConfig config, Class<?> type) {
    if (type != Wav2Vec2BertModel.class) {
      throw new IllegalArgumentException(
          "the load options ask for layer "
              + layer
              + " only, but "
              + type.getSimpleName()
              + " has a head, which needs all layers; open Wav2Vec2BertModel");
    }
    if (layer < 1) {
      throw new IllegalArgumentException(
          "layer is "
              + layer
              + "; a model can be opened for the layers 1 to "
              + config.numHiddenLayers());
    }
    requireLayer(layer, config);
    return config.toBuilder()
        .numHiddenLayers(layer)
        .addAdapter(false)
        .useIntermediateFfnBeforeAdapter(false)
        .build();
  }

  private static void warn(Path directory, String what, List<String> names) {
    if (!names.isEmpty()) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the model from {0} {1} {2} tensors: {3}",
          directory,
          what,
          names.size(),
          String.join(", ", names));
    }
  }

  static OpenModel draw(Class<?> type, Wav2Vec2BertConfig config, long seed) {
    return draw(type, config, seed, DeviceOptions.CPU);
  }

  static OpenModel draw(Class<?> type, Wav2Vec2BertConfig config, long seed, DeviceOptions device) {
    String json = config.toJson();
    if (device.isCuda()) {
      requireCuda(device);
    }
    return OpenModel.on(
        device, place -> NativeModel.initialize(type.getSimpleName(), json, seed, place));
  }

  /** Opens a model that shares the parameters of this one, and with them its place. */
  final OpenModel beside(Supplier<NativeModel> opener) {
    return OpenModel.beside(sessions, stream, opener);
  }

  /** The model's configuration. */
  public Wav2Vec2BertConfig config() {
    return config;
  }

  /** Where this model computes: {@code cpu} or, for example, {@code cuda:0}. */
  public String device() {
    return handle.call(NativeModel::device);
  }

  /** What this model has there at the moment. */
  public DeviceState deviceState() {
    return Json.read(handle.call(NativeModel::device_state_json), DeviceState.class);
  }

  /** What the checkpoint and this model did not share. */
  public LoadReport loadReport() {
    return loadReport;
  }

  /** Names, shapes and places of all parameters. */
  public List<ParameterInfo> parameters() {
    return List.of(Json.read(handle.call(NativeModel::parameters_json), ParameterInfo[].class));
  }

  /**
   * A copy of one parameter, as float32: what this model computes with, whatever type it is stored
   * as.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public Tensor parameter(String name) {
    Objects.requireNonNull(name, "name");
    return handle.call(model -> new Tensor(model.parameter(name)));
  }

  /** Runs a call that computes when it is its turn. */
  final <R> R compute(Function<? super NativeModel, R> body) {
    return sessions == null
        ? ComputeThreads.run(() -> handle.call(body))
        : ComputeThreads.run(sessions, () -> handle.call(body));
  }

  /** The native model for a call that takes it. */
  final Lease<NativeModel> lease() {
    return handle.lease();
  }

  /** Runs padded input; optional tensors may be null. */
  final <R> R runPadded(
      Features features,
      Tensor maskTimeIndices,
      Tensor labels,
      OutputOptions options,
      Function<NativeModelOutput, R> wrap) {
    return runPadded(features, maskTimeIndices, labels, options, AmSoftmax.DEFAULT, wrap);
  }

  /** The same with the numbers of the loss of x-vectors. */
  final <R> R runPadded(
      Features features,
      Tensor maskTimeIndices,
      Tensor labels,
      OutputOptions options,
      AmSoftmax amSoftmax,
      Function<NativeModelOutput, R> wrap) {
    return compute(
        model -> {
          try (Lease<NativeTensor> input = Tensor.lease(features.inputFeatures());
              Lease<NativeTensor> mask = Tensor.lease(features.attentionMask());
              Lease<NativeTensor> masked = Tensor.lease(maskTimeIndices);
              Lease<NativeTensor> targets = Tensor.lease(labels);
              NativeModelOutput output =
                  model.forward(
                      input.pointer(),
                      mask.pointer(),
                      masked.pointer(),
                      targets.pointer(),
                      options.hiddenStates(),
                      options.attentions(),
                      amSoftmax.scale(),
                      amSoftmax.margin())) {
            return wrap.apply(output);
          }
        });
  }

  /** Runs ragged input; `layer` -1 is the whole model. */
  final <R extends AutoCloseable> OutputList<R> runRagged(
      RaggedFeatures features,
      int layer,
      OutputOptions options,
      BiFunction<NativeModelOutput, Integer, R> wrap) {
    long[] lengths = features.lengths();
    return compute(
        model -> {
          try (Closing made = new Closing();
              Lease<NativeTensor> input = Tensor.lease(features.frames());
              NativeModelOutput output =
                  model.encode(
                      input.pointer(),
                      lengths,
                      lengths.length,
                      layer,
                      options.hiddenStates(),
                      options.attentions())) {
            List<R> results = new ArrayList<>();
            for (int u = 0; u < lengths.length; u++) {
              results.add(made.add(wrap.apply(output, u)));
            }
            return made.keep(new OutputList<>(results));
          }
        });
  }

  /**
   * Writes the model as the reference does, so that either library can open it: {@code config.json}
   * and {@code model.safetensors}. The files take their places when all are complete. Tokenizer and
   * extractor are written by {@link Wav2Vec2BertProcessor#savePretrained}.
   *
   * @param directory is made if it does not exist; a model that is in it is replaced, and links, as
   *     in the hub's cache, become files. Two processes must not write into one folder at once.
   * @throws W2vBertException if a file cannot be written; none is left half-written
   * @throws IllegalStateException if this model is closed, or was opened with {@link
   *     WeightType#INT8} or {@link WeightType#FLOAT8}, which have lost what a saved model should
   *     have; weights of 16 bits are written as they are
   */
  public void savePretrained(Path directory) {
    savePretrained(directory, SaveOptions.DEFAULT);
  }

  /**
   * The same with another type or in shards.
   *
   * @throws W2vBertException if a file cannot be written; none is left half-written
   * @throws IllegalStateException if this model is closed, or was opened with {@link
   *     WeightType#INT8} or {@link WeightType#FLOAT8}, which have lost what a saved model should
   *     have; weights of 16 bits are written as they are
   */
  public void savePretrained(Path directory, SaveOptions options) {
    for (ParameterInfo parameter : parameters()) {
      if (parameter.dtype() == DType.INT8 || parameter.dtype() == DType.FLOAT8) {
        throw new IllegalStateException(
            "this model was opened with "
                + parameter.dtype()
                + " weights, which have lost what a saved model should have; open it with float32"
                + " weights to save it");
      }
    }
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new W2vBertException("cannot make the folder " + directory + ": " + e, e);
    }
    String saved = config.savedAs(getClass().getSimpleName(), options.dtype()).toJson() + "\n";
    handle.call(
        model -> {
          model.save(
              directory.toAbsolutePath().toString(),
              saved,
              options.safetensorsDtype(),
              options.maxShardBytes());
          return null;
        });
  }

  static void requireLayer(int layer, Wav2Vec2BertConfig config) {
    if (layer < 0 || layer > config.numHiddenLayers()) {
      throw new IllegalArgumentException(
          "layer is "
              + layer
              + "; this model has the hidden states 0 to "
              + config.numHiddenLayers());
    }
  }

  /**
   * Hidden states of one layer, for each utterance alone: later layers are not computed.
   *
   * @param features utterances without padding
   * @param layer 0 for the input of the first layer, k for the output of layer k; the
   *     text-to-speech pipelines that "use layer 17" take hidden state 17
   * @return one output per utterance, to be closed by the caller; {@code lastHiddenState} is the
   *     layer's, {@code [time, hidden]}
   * @throws IllegalArgumentException if there is no such layer, or the features do not fit
   * @throws IllegalStateException if this model or the features are closed
   */
  public OutputList<BaseModelOutput> encode(RaggedFeatures features, int layer) {
    requireLayer(layer, config);
    return runRagged(features, layer, OutputOptions.NONE, BaseModelOutput::of);
  }

  /** Frees the native memory once no running call uses it. Closing again does nothing. */
  @Override
  public void close() {
    handle.close();
  }
}
