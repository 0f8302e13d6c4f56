package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.training.ErrorCounts;
import io.github.w2vbert.training.Evaluation;
import io.github.w2vbert.training.Evaluator;
import io.github.w2vbert.training.Judgement;
import io.github.w2vbert.training.Manifest;
import io.github.w2vbert.training.TrainingTask;
import io.github.w2vbert.training.Utterance;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How well a model does on recordings of which it is known what is said. */
@Command(
    name = "evaluate",
    description = {
      "Judges a model: word and character error rates of transcripts, errors of labels or frames,"
          + " or the equal error rate of speakers.",
      "Transcripts are those of w2vbert transcribe: a language model in the model's folder takes part."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert evaluate --model my-model --data test.jsonl",
      "  w2vbert evaluate --model my-model --data recordings --utterances",
      "  w2vbert evaluate --model my-model --data test.tsv --json | jq .WER.rate"
    })
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description =
          ModelFolder.WHAT
              + "config.json, model.safetensors, preprocessor_config.json and, for transcripts,"
              + " vocab.json.")
  private String model;

  @Option(
      names = "--data",
      paramLabel = "MANIFEST",
      required = true,
      description = DataArguments.MANIFEST)
  private Path data;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      converter = Words.Tasks.class,
      completionCandidates = Words.Tasks.class,
      description =
          "What the model does: ${COMPLETION-CANDIDATES}. Without it: what its configuration names"
              + " under architectures.")
  private TrainingTask task;

  @Mixin private DataArguments dataArguments;

  @Mixin private LoadArguments loading;

  @Option(
      names = "--best-path",
      description = "Leaves out the language model in the model's folder, if there is one.")
  private boolean bestPath;

  @Option(
      names = "--utterances",
      description = "Also prints every utterance that has errors, with what is right.")
  private boolean showsUtterances;

  @Option(names = "--json", description = "One JSON object, with all utterances.")
  private boolean json;

  @Override
  public Integer call() {
    PrintWriter err = spec.commandLine().getErr();
    LoadOptions options = loading.options();
    List<Utterance> utterances = Manifest.read(data);
    Path folder = ModelFolder.of(model, err);
    TrainingTask chosen = task == null ? taskOf(folder) : task;
    Evaluation evaluation;
    try (TrainingMonitor monitor = TrainingMonitor.of(err);
        Evaluator evaluator = Evaluator.fromPretrained(chosen, folder, options, bestPath)) {
      evaluation =
          evaluator.evaluate(utterances, dataArguments.rule(), dataArguments.policy(), monitor);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(toJson(evaluation));
    } else {
      Table.aligned(rows(evaluation)).forEach(out::println);
      if (showsUtterances) {
        printUtterances(evaluation, out);
      }
    }
    return 0;
  }

  private static TrainingTask taskOf(Path folder) {
    List<String> names = Wav2Vec2BertConfig.fromPretrained(folder).architectures();
    return Arrays.stream(TrainingTask.values())
        .filter(task -> names.contains(task.model().getSimpleName()))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    folder.resolve("config.json")
                        + " has the architectures "
                        + names
                        + ", which have no task; choose one with --task"));
  }

  /** A table of all rates with their counts. */
  static List<List<String>> rows(Evaluation evaluation) {
    List<List<String>> rows = new ArrayList<>();
    if (evaluation.task() == TrainingTask.XVECTOR) {
      rows.add(List.of("", "rate", "threshold"));
      rows.add(
          List.of(
              evaluation.task().metric(),
              percent(evaluation.error()),
              String.format(Locale.ROOT, "%.4f", evaluation.verification().threshold())));
    } else {
      rows.add(List.of("", "rate", "substitutions", "deletions", "insertions", "of"));
      rows.add(row(evaluation.task().metric(), evaluation.errors()));
      if (evaluation.task() == TrainingTask.CTC) {
        rows.add(row("CER", evaluation.characters()));
      }
    }
    rows.add(
        List.of(
            "audio",
            String.format(Locale.ROOT, "%.1f s", evaluation.seconds()),
            evaluation.judgements().size() + " utterances"));
    return rows;
  }

  private static List<String> row(String name, ErrorCounts counts) {
    return List.of(
        name,
        percent(counts.rate()),
        String.valueOf(counts.substitutions()),
        String.valueOf(counts.deletions()),
        String.valueOf(counts.insertions()),
        String.valueOf(counts.reference()));
  }

  static String percent(double rate) {
    return String.format(Locale.ROOT, "%.2f %%", 100 * rate);
  }

  private static void printUtterances(Evaluation evaluation, PrintWriter out) {
    for (Judgement judgement : evaluation.judgements()) {
      if (judgement.errors().errors() > 0) {
        out.println();
        out.printf("%s (%s)%n", judgement.utterance().audio(), percent(judgement.errors().rate()));
        if (!judgement.expected().isEmpty() || !judgement.recognised().isEmpty()) {
          out.printf("  expected    %s%n", judgement.expected());
          out.printf("  recognised  %s%n", judgement.recognised());
        }
      }
    }
  }

  private static ObjectNode toJson(Evaluation evaluation) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("task", evaluation.task().name().toLowerCase(Locale.ROOT));
    node.put("seconds", evaluation.seconds());
    if (evaluation.task() == TrainingTask.XVECTOR) {
      node.putObject(evaluation.task().metric())
          .put("rate", evaluation.error())
          .put("threshold", evaluation.verification().threshold());
    } else {
      node.put("loss", evaluation.loss());
      put(node.putObject(evaluation.task().metric()), evaluation.errors());
      if (evaluation.task() == TrainingTask.CTC) {
        put(node.putObject("CER"), evaluation.characters());
      }
    }
    var utterances = node.putArray("utterances");
    for (Judgement judgement : evaluation.judgements()) {
      ObjectNode one = utterances.addObject();
      one.put("audio", judgement.utterance().audio().toString());
      one.put("expected", judgement.expected()).put("recognised", judgement.recognised());
      put(one, judgement.errors());
    }
    return node;
  }

  private static void put(ObjectNode node, ErrorCounts counts) {
    node.put("rate", counts.rate())
        .put("substitutions", counts.substitutions())
        .put("deletions", counts.deletions())
        .put("insertions", counts.insertions())
        .put("of", counts.reference());
  }
}
