package io.github.w2vbert.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.training.Manifest;
import io.github.w2vbert.training.Trainer;
import io.github.w2vbert.training.TrainerOptions;
import io.github.w2vbert.training.TrainingResult;
import io.github.w2vbert.training.TrainingTask;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A model that learns from recordings. */
@Command(
    name = "finetune",
    description = {
      "Fine-tunes a model, or trains one from chance, on recordings with texts, labels or speakers.",
      "OUT becomes a model folder that this program and transformers open: the best model so far by"
          + " --eval. Beside it: README.md (a model card), log.jsonl, curves.html, and checkpoints,"
          + " from which --resume goes on after any end, to the same losses."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert finetune --model facebook/w2v-bert-2.0 --task ctc --train train.jsonl"
          + " --eval dev.jsonl --out my-model",
      "  w2vbert finetune --config config.json --task classification --train commands.tsv"
          + " --eval dev.tsv --out commands --epochs 40 --learning-rate 1e-3",
      "  w2vbert finetune --model my-model --task ctc --train calls --out better --speeds 0.9,1,1.1"
          + " --noise 0.5 --telephone 0.3 --set add_adapter=true"
    })
final class FinetuneCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      description =
          ModelFolder.WHAT
              + "config.json and model.safetensors: the model to begin with. Its vocabulary or"
              + " labels stay if it is for the same task.")
  private String model;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "A config.json instead of the model's; without --model the model begins with chance.")
  private Path config;

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description =
          "Changes an option of config.json, such as layerdrop=0.1 or mask_time_prob=0.05; may be"
              + " repeated.")
  private Map<String, String> changes = new LinkedHashMap<>();

  @Option(
      names = "--task",
      paramLabel = "TASK",
      required = true,
      converter = Words.Tasks.class,
      completionCandidates = Words.Tasks.class,
      description = "What the model learns: ${COMPLETION-CANDIDATES}.")
  private TrainingTask task;

  @Option(
      names = "--train",
      paramLabel = "MANIFEST",
      required = true,
      description = DataArguments.MANIFEST)
  private Path train;

  @Option(
      names = "--eval",
      paramLabel = "MANIFEST",
      description = "The same, to judge the model by; without it the last model is kept.")
  private Path evaluation;

  @Option(
      names = "--out",
      paramLabel = "OUT",
      required = true,
      description = "Folder to write: a new or an empty one, unless the run is resumed.")
  private Path output;

  @Option(
      names = "--resume",
      description = "Goes on from the newest checkpoint in OUT; begins if there is none.")
  private boolean resume;

  @Option(
      names = "--labels",
      paramLabel = "NAME",
      split = ",",
      description = "The classes in order; without it: those of the model or of the data, sorted.")
  private List<String> labels;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description =
          "Where the model learns: cpu, cuda (the first GPU) or cuda:N. Default: ${DEFAULT-VALUE}.")
  private String device;

  @Mixin private TrainerArguments trainerArguments;

  @Mixin private DataArguments dataArguments;

  @Mixin private OptimizerArguments optimizerArguments;

  @Mixin private AugmentArguments augmentArguments;

  @Option(
      names = "--licence",
      paramLabel = "NAME",
      defaultValue = "",
      description = "The licence of the model, for its card, such as apache-2.0.")
  private String licence;

  @Option(
      names = "--data-note",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "Where the data is from, for the model card.")
  private String dataNote;

  @Override
  public Integer call() throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    Usage usage = new Usage(spec.commandLine());
    if (model == null && config == null) {
      throw usage.wrong("neither --model nor --config is given; expected at least one");
    }
    boolean hasLabels = task == TrainingTask.CLASSIFICATION || task == TrainingTask.FRAMES;
    usage.requireEffect("--labels", labels, hasLabels, "--task classification or frames");
    TrainerOptions options = trainerArguments.options(usage, dataArguments, augmentArguments);
    Trainer.Builder trainer =
        Trainer.builder(task)
            .output(output)
            .options(options)
            .training(optimizerArguments.options(usage))
            .device(device)
            .adjustConfig(this::changed)
            .command(commandLine())
            .licence(licence)
            .data(dataNote)
            .resume(resume)
            .train(Manifest.read(train));
    if (evaluation != null) {
      trainer.evaluation(Manifest.read(evaluation));
    }
    if (config != null) {
      trainer.config(readConfig());
    }
    if (labels != null) {
      trainer.labels(labels);
    }
    if (model != null) {
      trainer.model(ModelFolder.of(model, err)).base(model);
    }
    TrainingResult result;
    try (TrainingMonitor monitor = TrainingMonitor.of(err)) {
      result = trainer.listener(monitor).build().run();
    }
    print(result);
    return 0;
  }

  private Wav2Vec2BertConfig readConfig() throws IOException {
    try {
      return Wav2Vec2BertConfig.parse(Files.readString(config));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(config + ": " + e.getMessage(), e);
    }
  }

  /** A configuration with the changes of --set; values are JSON, or text if they are none. */
  private Wav2Vec2BertConfig changed(Wav2Vec2BertConfig before) {
    if (changes.isEmpty()) {
      return before;
    }
    try {
      ObjectNode node = (ObjectNode) JSON.readTree(before.toJson());
      for (Map.Entry<String, String> change : changes.entrySet()) {
        if (!node.has(change.getKey())) {
          throw new IllegalArgumentException(
              "--set " + change.getKey() + ": config.json has no such option");
        }
        try {
          node.set(change.getKey(), JSON.readTree(change.getValue()));
        } catch (JsonProcessingException e) {
          node.put(change.getKey(), change.getValue());
        }
      }
      return Wav2Vec2BertConfig.parse(node.toString());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a configuration is JSON", e);
    }
  }

  /** The command as it was given, for the model card. */
  private String commandLine() {
    return "w2vbert "
        + spec.commandLine().getParent().getParseResult().originalArgs().stream()
            .map(FinetuneCommand::quoted)
            .collect(Collectors.joining(" "));
  }

  /** As a shell takes it. */
  private static String quoted(String argument) {
    return argument.matches("[\\w@%+=:,./-]+")
        ? argument
        : "'" + argument.replace("'", "'\\''") + "'";
  }

  private void print(TrainingResult result) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("model    %s, after step %d of %d%n", output, result.bestStep(), result.steps());
    if (evaluation != null) {
      out.printf("%-8s %s%n", task.metric(), EvaluateCommand.percent(result.bestError()));
    }
    out.printf(Locale.ROOT, "loss     %.4f%n", result.loss());
    if (!result.skipped().isEmpty()) {
      out.printf("skipped  %d recordings, see log.jsonl%n", result.skipped().size());
    }
    if (result.badBatches() > 0) {
      out.printf("bad      %d batches, see log.jsonl%n", result.badBatches());
    }
    out.printf("curves   %s%n", output.resolve("curves.html"));
  }
}
