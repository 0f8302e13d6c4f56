package io.github.w2vbert;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.github.w2vbert.NativeHandle.Lease;
import io.github.w2vbert.internal.NativeModel;
import io.github.w2vbert.internal.NativeTensor;
import io.github.w2vbert.internal.NativeTraining;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A model that learns: parameters with gradients, AdamW, random state. The mathematics are those of
 * the reference in training mode: its dropouts, layerdrop, SpecAugment and losses, at the same
 * places.
 *
 * <pre>{@code
 * try (ModelTraining training =
 *     ModelTraining.fromPretrained(
 *         Wav2Vec2BertForCTC.class,
 *         directory,
 *         LoadOptions.DEFAULT.withMissingInitialized(42),
 *         TrainingOptions.DEFAULT)) {
 *   for (Batch batch : batches) {
 *     double loss = training.accumulate(batch.features(), batch.labels(), 1.0).loss();
 *     training.step(3e-5);
 *   }
 *   training.savePretrained(result);
 * }
 * }</pre>
 *
 * <p>Random draws depend on the seed and on what was computed before, not on the number of threads:
 * the same calls after the same state draw the same. Calls wait for each other and compute on their
 * callers' threads, as calls of models do; {@link #worker} computes several batches at the same
 * time. After a call that failed for want of memory, gradients may be incomplete: call {@link
 * #zeroGradients}.
 */
public final class ModelTraining implements AutoCloseable {
  private static final Map<Class<?>, Function<OpenModel, Wav2Vec2BertPreTrainedModel>> CLASSES =
      Map.of(
          Wav2Vec2BertForCTC.class, Wav2Vec2BertForCTC::new,
          Wav2Vec2BertForSequenceClassification.class, Wav2Vec2BertForSequenceClassification::new,
          Wav2Vec2BertForAudioFrameClassification.class,
              Wav2Vec2BertForAudioFrameClassification::new,
          Wav2Vec2BertForXVector.class, Wav2Vec2BertForXVector::new);

  private final ReentrantLock lock = new ReentrantLock();
  private final Wav2Vec2BertPreTrainedModel model; // has the parameters that are trained
  private final NativeHandle<NativeTraining> handle;

  /** Takes over `model`. */
  private ModelTraining(Wav2Vec2BertPreTrainedModel model, TrainingOptions options) {
    this.model = model;
    handle = open(model, options);
  }

  private NativeHandle<NativeTraining> open(
      Wav2Vec2BertPreTrainedModel model, TrainingOptions options) {
    String json;
    try {
      json = Json.MAPPER.writeValueAsString(options);
    } catch (JsonProcessingException e) {
      throw new W2vBertException("cannot write " + options + " as JSON: " + e, e);
    }
    try (Lease<NativeModel> lease = model.lease()) {
      return new NativeHandle<>(
          this, NativeHandle.create(() -> NativeTraining.create(lease.pointer(), json)));
    }
  }

  private static ModelTraining of(Wav2Vec2BertPreTrainedModel model, TrainingOptions options) {
    try (Closing made = new Closing()) {
      made.add(model);
      return made.keep(new ModelTraining(model, options));
    }
  }

  private static Function<OpenModel, Wav2Vec2BertPreTrainedModel> constructor(Class<?> type) {
    Function<OpenModel, Wav2Vec2BertPreTrainedModel> constructor =
        CLASSES.get(Objects.requireNonNull(type, "type"));
    if (constructor == null) {
      throw new IllegalArgumentException(
          "type is " + type.getSimpleName() + "; expected a class with a head, which has a loss");
    }
    return constructor;
  }

  /**
   * Loads a checkpoint folder to train it further.
   *
   * @param type the class of the model: one with a head
   * @param options how the checkpoint is loaded: weights are always float32 and copied. A base
   *     checkpoint has no head: {@link LoadOptions#withMissingInitialized} draws one. With {@link
   *     LoadOptions#withDevice} a CUDA device computes, with the same draws and without graphs;
   *     there the sums of a gradient have no fixed order, so that repeated trainings differ in
   *     their last bits. A limit of memory counts the parameters and what {@link #model} computes.
   * @throws IllegalArgumentException as {@code fromPretrained} of {@code type}; if it has no head;
   *     if the options ask for other weights than float32; or if {@code ctc_loss_reduction} is
   *     {@code none}
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded; on a
   *     CUDA device, too, if a training on the CPU came before the first model on a device in this
   *     process, since LibTorch then knows no devices for gradients
   */
  public static <M extends Wav2Vec2BertPreTrainedModel> ModelTraining fromPretrained(
      Class<M> type, Path directory, LoadOptions options, TrainingOptions training) {
    Objects.requireNonNull(training, "training");
    Function<OpenModel, Wav2Vec2BertPreTrainedModel> constructor = constructor(type);
    if (options.weights() != WeightType.FLOAT32) {
      throw new IllegalArgumentException(
          "the load options ask for " + options.weights() + " weights; training expects float32");
    }
    return of(
        Wav2Vec2BertPreTrainedModel.load(
            type,
            directory,
            options.withCopiedWeights().withDevice(ofTraining(options.device())),
            open -> type.cast(constructor.apply(open))),
        training);
  }

  /**
   * Begins with fresh parameters, drawn as the reference draws them.
   *
   * @param training its seed is that of the draw, too
   * @throws IllegalArgumentException if {@code type} has no head, or the configuration lacks what
   *     it needs
   */
  public static <M extends Wav2Vec2BertPreTrainedModel> ModelTraining initialize(
      Class<M> type, Wav2Vec2BertConfig config, TrainingOptions training) {
    return initialize(type, config, DeviceOptions.CPU, training);
  }

  /**
   * The same on a device, where the parameters are the same, too.
   *
   * @param device as {@link #fromPretrained} takes it
   * @throws IllegalArgumentException as there, or if there is no such device
   * @throws W2vBertException if the device cannot be used, or LibTorch knows no devices for
   *     gradients, see {@link #fromPretrained}
   */
  public static <M extends Wav2Vec2BertPreTrainedModel> ModelTraining initialize(
      Class<M> type, Wav2Vec2BertConfig config, DeviceOptions device, TrainingOptions training) {
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(training, "training");
    Function<OpenModel, Wav2Vec2BertPreTrainedModel> constructor = constructor(type);
    return of(
        constructor.apply(
            Wav2Vec2BertPreTrainedModel.draw(type, config, training.seed(), ofTraining(device))),
        training);
  }

  /** Parameters change, and graphs would have to be made again. */
  private static DeviceOptions ofTraining(DeviceOptions device) {
    return device.isCuda() ? device.withoutGraphs() : device;
  }

  /** The model's configuration. */
  public Wav2Vec2BertConfig config() {
    return model.config();
  }

  /** What the checkpoint and the model did not share. */
  public LoadReport loadReport() {
    return model.loadReport();
  }

  /** Names and shapes of all parameters, frozen ones included. */
  public List<ParameterInfo> parameters() {
    return model.parameters();
  }

  /**
   * A copy of one parameter as it is now; to be closed by the caller.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public Tensor parameter(String name) {
    return alone(() -> model.parameter(name));
  }

  /**
   * A copy of the gradient of one parameter; to be closed by the caller.
   *
   * @return null if no gradient has reached it: it is frozen, unused (such as {@code
   *     masked_spec_embed} without SpecAugment), or every layer with it was left out
   * @throws IllegalArgumentException if there is none of this name
   */
  public Tensor gradient(String name) {
    Objects.requireNonNull(name, "name");
    return alone(() -> handle.call(training -> Tensor.ofNullable(training.gradient(name))));
  }

  /**
   * Runs a padded batch forward in training mode and backward, and adds the gradients of {@code
   * weight * loss} to those there are. To train on several batches as on one, weigh each by its
   * share and call {@link #step} after the last.
   *
   * @param labels as {@code forward} of the model takes them
   * @param weight a finite number
   * @return the loss; if it is NaN or infinite, nothing was added
   * @throws IllegalArgumentException if shapes, types or labels do not fit; or if SpecAugment is on
   *     and the batch has fewer frames than {@code mask_time_length}
   * @throws IllegalStateException if this, or a tensor, is closed, or {@link #useAverage} is on
   */
  public TrainingLoss accumulate(Features features, Tensor labels, double weight) {
    return alone(() -> accumulate(handle, features, labels, weight));
  }

  private static TrainingLoss accumulate(
      NativeHandle<NativeTraining> handle, Features features, Tensor labels, double weight) {
    Objects.requireNonNull(features, "features");
    Objects.requireNonNull(labels, "labels");
    return ComputeThreads.run(
        () ->
            handle.call(
                training -> {
                  try (Lease<NativeTensor> input = Tensor.lease(features.inputFeatures());
                      Lease<NativeTensor> mask = Tensor.lease(features.attentionMask());
                      Lease<NativeTensor> targets = Tensor.lease(labels)) {
                    return new TrainingLoss(
                        training.accumulate(
                            input.pointer(), mask.pointer(), targets.pointer(), weight));
                  }
                }));
  }

  /**
   * Draws from now on as a training with this seed does from its beginning. A batch whose draws
   * follow from a seed of its own is trained alike by every {@link #worker}.
   */
  public void reseed(long seed) {
    alone(() -> reseed(handle, seed));
  }

  private static Void reseed(NativeHandle<NativeTraining> handle, long seed) {
    return handle.call(
        training -> {
          training.reseed(seed);
          return null;
        });
  }

  /**
   * A place of its own for gradients of the same parameters: several batches of a step are computed
   * at the same time by as many workers, each on a thread of its own, if {@code
   * w2vbert.concurrency} allows. Small models, which leave threads idle, learn faster so. Each
   * worker takes the memory of one more set of gradients.
   *
   * @return to be closed by the caller; it draws as this training did at its beginning, see {@link
   *     Worker#reseed}
   * @throws IllegalStateException if this is closed
   */
  public Worker worker() {
    return new Worker(this);
  }

  /**
   * Adds the gradients of a worker to those there are; afterwards the worker has none. To get the
   * same bits again, call workers in the same order.
   *
   * @throws IllegalArgumentException if it is a worker of another training
   * @throws IllegalStateException if this or the worker is closed, or {@link #useAverage} is on
   */
  public void collect(Worker worker) {
    Objects.requireNonNull(worker, "worker");
    worker.alone( // before the turn: whoever computes with the worker waits for one
        () ->
            computing(
                training ->
                    worker.handle.call(
                        other -> {
                          training.take_gradients(other);
                          return null;
                        })));
  }

  /** Computes gradients beside its {@link ModelTraining}. Calls wait for each other. */
  public static final class Worker implements AutoCloseable {
    private final ReentrantLock lock = new ReentrantLock();
    private final NativeHandle<NativeTraining> handle;

    private Worker(ModelTraining training) {
      handle =
          training.handle.call(main -> new NativeHandle<>(this, NativeHandle.create(main::worker)));
    }

    /**
     * As {@link ModelTraining#accumulate}, for the gradients of this worker. Must not run while the
     * training makes a step or exchanges its parameters: its result would mean nothing.
     *
     * @throws IllegalArgumentException as there
     * @throws IllegalStateException if this, or a tensor, is closed
     */
    public TrainingLoss accumulate(Features features, Tensor labels, double weight) {
      return alone(() -> ModelTraining.accumulate(handle, features, labels, weight));
    }

    /** As {@link ModelTraining#reseed}, for the draws of this worker. */
    public void reseed(long seed) {
      alone(() -> ModelTraining.reseed(handle, seed));
    }

    private <R> R alone(Supplier<R> body) {
      lock.lock();
      try {
        return body.get();
      } finally {
        lock.unlock();
      }
    }

    /** Frees the native memory once no running call uses it. Closing again does nothing. */
    @Override
    public void close() {
      handle.close();
    }
  }

  /**
   * Clips the gradients and makes one step of AdamW with them. Parameters without gradient neither
   * move nor decay. Afterwards there are no gradients.
   *
   * @return the norm of the gradients; if it is NaN or infinite, no step was made, which is no
   *     failure now and then in float16, see {@link TrainingStep#lossScale}
   * @throws IllegalArgumentException if the rate is not a finite number of at least 0
   * @throws IllegalStateException if this is closed, or {@link #useAverage} is on
   */
  public TrainingStep step(double learningRate) {
    double[] norm = new double[1];
    double[] scale = new double[1];
    boolean applied = computing(training -> training.step(learningRate, norm, scale));
    return new TrainingStep(norm[0], applied, scale[0]);
  }

  /** Forgets all gradients. */
  public void zeroGradients() {
    computing(
        training -> {
          training.zero_gradients();
          return null;
        });
  }

  /**
   * A model for inference that shares the parameters: it changes with every step, so that results
   * of a call while {@link #step} runs mean nothing. It may outlive this object.
   *
   * @param type the class that is trained
   * @return to be closed by the caller
   * @throws IllegalArgumentException if another class is trained
   */
  public <M extends Wav2Vec2BertPreTrainedModel> M model(Class<M> type) {
    if (type != model.getClass()) {
      throw new IllegalArgumentException(
          "type is " + type.getSimpleName() + "; expected " + model.getClass().getSimpleName());
    }
    return type.cast(
        constructor(type).apply(handle.call(training -> model.beside(training::model))));
  }

  /**
   * Writes the model as the reference does, see {@link
   * Wav2Vec2BertPreTrainedModel#savePretrained(Path)}: with the averaged weights while {@link
   * #useAverage} is on.
   *
   * @throws W2vBertException if a file cannot be written; none is left half-written
   */
  public void savePretrained(Path directory) {
    alone(
        () -> {
          model.savePretrained(directory);
          return null;
        });
  }

  /**
   * Writes parameters, running means, average, random state and loss scale into one safetensors
   * file, which appears complete or not at all. Training that goes on from it with the same options
   * gives the same results to the last bit.
   *
   * @throws IllegalStateException if there are gradients that no step has used, which a state does
   *     not hold; or if {@link #useAverage} is on
   * @throws W2vBertException if the file cannot be written
   */
  public void saveState(Path file) {
    String path = file.toAbsolutePath().toString();
    computing(
        training -> {
          training.save_state(path);
          return null;
        });
  }

  /**
   * Goes on from a state of a model of the same class and configuration. Gradients are forgotten.
   *
   * @throws IllegalArgumentException if there is no such file or it is no such state; nothing has
   *     changed then
   * @throws IllegalStateException if {@link #useAverage} is on
   * @throws W2vBertException if it cannot be read
   */
  public void loadState(Path file) {
    String path = file.toAbsolutePath().toString();
    computing(
        training -> {
          training.load_state(path);
          return null;
        });
  }

  /**
   * Exchanges the parameters for their running average, to evaluate or save it, or back. Meanwhile
   * the model cannot be trained. Without any step the average is what training began with.
   *
   * @throws IllegalStateException if {@link TrainingOptions#averageDecay} is 0
   */
  public void useAverage(boolean on) {
    computing(
        training -> {
          training.use_average(on);
          return null;
        });
  }

  private <R> R computing(Function<NativeTraining, R> body) {
    return alone(() -> ComputeThreads.run(() -> handle.call(body::apply)));
  }

  private <R> R alone(Supplier<R> body) {
    lock.lock();
    try {
      return body.get();
    } finally {
      lock.unlock();
    }
  }

  /** Frees the native memory once no running call uses it. Closing again does nothing. */
  @Override
  public void close() {
    handle.close();
    model.close();
  }
}
