package io.github.w2vbert.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.DeviceOptions;
import io.github.w2vbert.TrainingOptions;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Fine-tunes a checkpoint, or trains a model from chance, on recordings with texts, labels or
 * speakers.
 *
 * <pre>{@code
 * TrainingResult result =
 *     Trainer.builder(TrainingTask.CTC)
 *         .model(Path.of("w2v-bert-2.0"))
 *         .train(Manifest.read(Path.of("train.jsonl")))
 *         .evaluation(Manifest.read(Path.of("dev.jsonl")))
 *         .output(Path.of("my-model"))
 *         .options(TrainerOptions.DEFAULT.withEpochs(20))
 *         .build()
 *         .run();
 * }</pre>
 *
 * <p>The output folder is a model that this library and the reference read, the best so far by
 * {@link Evaluation#error}, of equals by loss (without data to evaluate the last one): {@code
 * config.json}, {@code model.safetensors}, {@code preprocessor_config.json}, for CTC the
 * tokenizer's files, and {@code README.md}, a model card. Beside it lie {@code log.jsonl}, {@code
 * curves.html} and {@code checkpoints}, from which a run that ended in any way goes on as if it had
 * not, to the same losses.
 *
 * <p>A trainer runs once, on the thread that calls it. With {@code w2vbert.concurrency} above 1 the
 * batches of a step ({@link TrainerOptions#accumulation}) are computed as many at the same time,
 * the further ones on threads of its own: small models, which leave threads idle, learn faster so.
 * What a batch draws does not depend on that, but sums are rounded otherwise: losses are the same
 * to the last bit only for the same {@code w2vbert.threads} and {@code w2vbert.concurrency}.
 */
public final class Trainer {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Options that may be others when a run goes on. */
  private static final Set<String> CHANGEABLE =
      Set.of("epochs", "maxSteps", "evaluateEvery", "checkpointEvery", "keepCheckpoints");

  private final Builder settings;

  private Trainer(Builder settings) {
    this.settings = settings;
  }

  /** Begins a trainer. */
  public static Builder builder(TrainingTask task) {
    return new Builder(task);
  }

  /**
   * Trains.
   *
   * @throws IllegalArgumentException if data, model or options do not fit each other, a recording
   *     cannot be used and that is to fail, or the output folder has something in it; with resume,
   *     if its checkpoint is one of another run
   * @throws W2vBertException if a file cannot be read or written, or if too many batches have no
   *     finite loss or gradients
   */
  public TrainingResult run() {
    Checkpoints checkpoints = new Checkpoints(settings.output, settings.options.keepCheckpoints());
    Path checkpoint = settings.resume ? checkpoints.newest().orElse(null) : null;
    if (checkpoint == null) {
      requireRoom();
    }
    try (Setup setup =
        Setup.of(
            settings.task,
            settings.model,
            settings.config,
            settings.labels,
            settings.adjust,
            settings.train,
            settings.options)) {
      ObjectNode fingerprint = fingerprint(setup);
      TrainerState state = TrainerState.begin(fingerprint);
      if (checkpoint != null) {
        state = Checkpoints.state(checkpoint);
        requireSame(checkpoint, "", state.settings(), fingerprint);
      }
      try (Learner learner =
              settings.learners.open(
                  settings.task,
                  settings.model,
                  setup.config(),
                  setup.newHead(),
                  settings.options.seed(),
                  Math.min(settings.options.accumulation(), W2vBert.concurrency()));
          TrainingLog log = openLog(state.logBytes())) {
        if (checkpoint != null) {
          learner.loadState(Checkpoints.model(checkpoint));
        }
        try (TrainingRun run = new TrainingRun(settings, setup, learner, checkpoints, log, state)) {
          return run.run();
        }
      }
    }
  }

  /** A run without checkpoint begins in an empty folder, or after one that ended too early. */
  private void requireRoom() {
    boolean began = Files.exists(settings.output.resolve(TrainingLog.FILE));
    if (!Files.exists(settings.output) || (settings.resume && began)) {
      return;
    }
    try (Stream<Path> entries = Files.list(settings.output)) {
      if (entries.findAny().isPresent()) {
        throw new IllegalArgumentException(
            settings.output
                + " is not empty; expected a new folder, or one with a run that is to be resumed");
      }
    } catch (NotDirectoryException e) {
      throw new IllegalArgumentException(
          settings.output + " is a file; expected a folder, or a new name", e);
    } catch (IOException e) {
      throw new W2vBertException("cannot read the folder " + settings.output + ": " + e, e);
    }
  }

  private TrainingLog openLog(long bytes) {
    try {
      Files.createDirectories(settings.output);
    } catch (IOException e) {
      throw new W2vBertException("cannot make the folder " + settings.output + ": " + e, e);
    }
    return TrainingLog.open(settings.output, bytes);
  }

  /** What decides the losses of a run. */
  private ObjectNode fingerprint(Setup setup) {
    ObjectNode node = JSON.createObjectNode();
    node.put("task", settings.task.name());
    node.put("model", settings.model == null ? "" : settings.model.toString());
    node.put("config", sha256(setup.config().toJson()));
    node.put("labels", String.valueOf(settings.labels));
    node.put("train", sha256(settings.train.toString()));
    node.put("learner", String.valueOf(settings.learners));
    node.set("options", JSON.valueToTree(settings.options));
    return node;
  }

  private static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  private static void requireSame(Path checkpoint, String path, JsonNode then, JsonNode now) {
    if (!then.isObject() || !now.isObject()) {
      if (!then.asText().equals(now.asText()) || then.size() != now.size()) {
        throw new IllegalArgumentException(
            checkpoint
                + " is of a run whose "
                + path
                + " is "
                + then
                + ", now it is "
                + now
                + "; expected the same, to resume it");
      }
      for (int i = 0; i < then.size(); i++) {
        requireSame(checkpoint, path + "[" + i + "]", then.get(i), now.get(i));
      }
      return;
    }
    TreeSet<String> names = new TreeSet<>();
    then.fieldNames().forEachRemaining(names::add);
    now.fieldNames().forEachRemaining(names::add);
    names.removeAll(CHANGEABLE);
    for (String name : names) {
      requireSame(
          checkpoint,
          path.isEmpty() || path.equals("options") ? name : path + "." + name,
          then.path(name),
          now.path(name));
    }
  }

  /** Settings of a trainer. Not for several threads. */
  public static final class Builder {
    final TrainingTask task;
    Path model;
    Wav2Vec2BertConfig config;
    List<String> labels;
    UnaryOperator<Wav2Vec2BertConfig> adjust = UnaryOperator.identity();
    List<Utterance> train = List.of();
    List<Utterance> evaluation = List.of();
    Path output;
    TrainerOptions options = TrainerOptions.DEFAULT;
    TrainingListener listener = TrainingListener.NONE;
    TrainingOptions training = TrainingOptions.DEFAULT;
    String device = DeviceOptions.CPU.name();
    Learner.Factory learners; // null: of models with these options
    String command = "";
    String licence = "";
    String base = "";
    String data = "";
    boolean resume;

    private Builder(TrainingTask task) {
      this.task = Objects.requireNonNull(task, "task");
    }

    private Builder(Builder other) {
      task = other.task;
      model = other.model;
      config = other.config;
      labels = other.labels;
      adjust = other.adjust;
      train = other.train;
      evaluation = other.evaluation;
      output = other.output;
      options = other.options;
      listener = other.listener;
      training = other.training;
      device = other.device;
      learners = other.learners;
      command = other.command;
      licence = other.licence;
      base = other.base;
      data = other.data;
      resume = other.resume;
    }

    /** Sets the folder of the checkpoint to begin with; without it the model begins with chance. */
    public Builder model(Path folder) {
      model = Objects.requireNonNull(folder, "model");
      return this;
    }

    /** Sets the configuration of a model that begins with chance, or instead of a checkpoint's. */
    public Builder config(Wav2Vec2BertConfig value) {
      config = Objects.requireNonNull(value, "config");
      return this;
    }

    /** Has the last word about the configuration, when vocabulary and labels are in it. */
    public Builder adjustConfig(UnaryOperator<Wav2Vec2BertConfig> value) {
      adjust = Objects.requireNonNull(value, "adjust");
      return this;
    }

    /**
     * Sets the names of the classes, in order. Without it they are the checkpoint's if it is for
     * the same task and has all that are needed, or else those of the data, sorted; of frames with
     * "none" before them.
     */
    public Builder labels(List<String> names) {
      labels = List.copyOf(names);
      return this;
    }

    /** Sets what the model learns from. */
    public Builder train(List<Utterance> utterances) {
      train = List.copyOf(utterances);
      return this;
    }

    /** Sets what the model is judged by; without it the last model is kept. */
    public Builder evaluation(List<Utterance> utterances) {
      evaluation = List.copyOf(utterances);
      return this;
    }

    /** Sets the folder of the result: a new or an empty one, unless a run is resumed. */
    public Builder output(Path folder) {
      output = Objects.requireNonNull(folder, "output");
      return this;
    }

    /** Sets how training goes about it. */
    public Builder options(TrainerOptions value) {
      options = Objects.requireNonNull(value, "options");
      return this;
    }

    /**
     * Sets AdamW and regularisation. The seed in it is replaced by that of {@link
     * #options(TrainerOptions)}.
     */
    public Builder training(TrainingOptions value) {
      training = Objects.requireNonNull(value, "training");
      learners = null;
      return this;
    }

    /**
     * Sets where the model learns and is evaluated: {@code cpu}, which is the default, {@code cuda}
     * or {@code cuda:N}. On a GPU the draws are the same; a sum there has no fixed order, so that
     * repeated runs differ in the last bits.
     *
     * @throws IllegalArgumentException if there is no such name
     */
    public Builder device(String name) {
      device = DeviceOptions.of(name).name();
      return this;
    }

    /** Sets who is told how the run goes. */
    public Builder listener(TrainingListener value) {
      listener = Objects.requireNonNull(value, "listener");
      return this;
    }

    /** Sets what the model card says: the command that trained the model. */
    public Builder command(String value) {
      command = Objects.requireNonNull(value, "command");
      return this;
    }

    /** Sets what the model card says: the licence, as the hub names it, such as apache-2.0. */
    public Builder licence(String value) {
      licence = Objects.requireNonNull(value, "licence");
      return this;
    }

    /** Sets what the model card calls the checkpoint; without it that is its folder. */
    public Builder base(String value) {
      base = Objects.requireNonNull(value, "base");
      return this;
    }

    /** Sets what the model card says: where the data is from. */
    public Builder data(String value) {
      data = Objects.requireNonNull(value, "data");
      return this;
    }

    /**
     * Sets whether the run goes on from the newest checkpoint in the output folder, if there is
     * one. It must be the same run: only the numbers of epochs and steps may be others, and when
     * evaluations and checkpoints are made.
     */
    public Builder resume(boolean value) {
      resume = value;
      return this;
    }

    Builder learners(Learner.Factory value) {
      learners = value;
      return this;
    }

    /**
     * Builds the trainer.
     *
     * @throws IllegalArgumentException if there is no model and no configuration, no data or no
     *     output, or if labels are given for CTC
     */
    public Trainer build() {
      require(model != null || config != null, "neither a model nor a configuration is given");
      require(!train.isEmpty(), "there is no utterance to learn from");
      require(output != null, "no output folder is given");
      require(
          labels == null || task == TrainingTask.CLASSIFICATION || task == TrainingTask.FRAMES,
          "labels are given, but the task " + task + " has none");
      Builder built = new Builder(this);
      if (built.learners == null) {
        built.learners = new ModelLearner.Factory(training, device);
      }
      return new Trainer(built);
    }

    private static void require(boolean holds, String message) {
      if (!holds) {
        throw new IllegalArgumentException(message);
      }
    }
  }
}
