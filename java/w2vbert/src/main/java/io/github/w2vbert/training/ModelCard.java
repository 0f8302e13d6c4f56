package io.github.w2vbert.training;

import com.fasterxml.jackson.databind.node.TextNode;
import io.github.w2vbert.internal.TextFile;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The README.md of a trained model, with the fields that the Hugging Face hub reads. */
final class ModelCard {
  private ModelCard() {}

  /**
   * Writes it into the output folder; it appears complete or not at all.
   *
   * @param best how the model does; null if that is not known
   */
  static void write(
      Trainer.Builder settings,
      Setup setup,
      Corpus corpus,
      Corpus evaluationCorpus,
      Evaluation best,
      long step) {
    TextFile.write(
        settings.output.resolve("README.md"),
        text(settings, setup, corpus, evaluationCorpus, best, step));
  }

  private static String text(
      Trainer.Builder settings,
      Setup setup,
      Corpus corpus,
      Corpus evaluationCorpus,
      Evaluation best,
      long step) {
    TrainingTask task = settings.task;
    List<String> lines = new ArrayList<>();
    lines.add("---");
    if (!settings.licence.isEmpty()) {
      lines.add("license: " + quoted(settings.licence));
    }
    lines.add("library_name: transformers");
    lines.add(
        "pipeline_tag: "
            + (task == TrainingTask.CTC ? "automatic-speech-recognition" : "audio-classification"));
    if (settings.model != null) {
      lines.add("base_model: " + quoted(base(settings)));
    }
    lines.add("tags:");
    lines.add("- wav2vec2-bert");
    lines.add("- w2vbert");
    lines.add("---");
    lines.add("");
    lines.add("# " + settings.output.toAbsolutePath().normalize().getFileName());
    lines.add("");
    lines.add(
        "A `"
            + task.model().getSimpleName()
            + "`, "
            + (settings.model == null
                ? "trained from chance"
                : "fine-tuned from `" + base(settings) + "`")
            + " by w2vbert. This library and transformers read it.");
    lines.add("");
    lines.add("Licence: " + (settings.licence.isEmpty() ? "not stated" : settings.licence) + ".");
    lines.add("");
    lines.add("## Data");
    lines.add("");
    if (!settings.data.isEmpty()) {
      lines.add(settings.data);
      lines.add("");
    }
    lines.add("| | utterances | hours | left out |");
    lines.add("|---|---:|---:|---:|");
    lines.add(row("training", corpus));
    if (evaluationCorpus != null) {
      lines.add(row("evaluation", evaluationCorpus));
    }
    lines.add("");
    if (task == TrainingTask.CTC) {
      lines.add("Vocabulary: " + setup.training().tokenizer().vocabularySize() + " tokens.");
    } else {
      lines.add("Labels: " + setup.training().labels().size() + ".");
    }
    lines.add("");
    lines.add("## Metrics");
    lines.add("");
    lines.addAll(metrics(best));
    lines.add("");
    lines.add("Taken after step " + step + "; `curves.html` shows the run.");
    lines.add("");
    lines.add("## Training");
    lines.add("");
    if (!settings.command.isEmpty()) {
      lines.add("```bash");
      lines.add(settings.command);
      lines.add("```");
      lines.add("");
    }
    lines.add("| option | value |");
    lines.add("|---|---|");
    addOptions("", settings.options, lines);
    if (settings.learners instanceof ModelLearner.Factory learners) {
      addOptions("training.", learners.options().withSeed(settings.options.seed()), lines);
    }
    lines.add("");
    return String.join("\n", lines);
  }

  /** Adds a row for each component of a record; those of records in it have the name of both. */
  private static void addOptions(String prefix, Record options, List<String> lines) {
    for (RecordComponent component : options.getClass().getRecordComponents()) {
      String name = prefix + component.getName();
      Object value;
      try {
        value = component.getAccessor().invoke(options);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("records of this library have public accessors", e);
      }
      if (value instanceof Record inner) {
        addOptions(name + ".", inner, lines);
      } else {
        lines.add("| " + name + " | " + cell(value) + " |");
      }
    }
  }

  /** Words in lower case, lists with commas between; empty if there is no value. */
  private static String cell(Object value) {
    if (value instanceof Collection<?> all) {
      return all.stream().map(ModelCard::cell).collect(Collectors.joining(", "));
    }
    if (value instanceof Enum<?> word) {
      return word.name().toLowerCase(Locale.ROOT);
    }
    return value == null ? "" : value.toString().replace("|", "\\|");
  }

  private static String base(Trainer.Builder settings) {
    return settings.base.isEmpty() ? settings.model.toString() : settings.base;
  }

  /** As a text of YAML, which takes JSON's quotes. */
  private static String quoted(String text) {
    return TextNode.valueOf(text).toString();
  }

  private static String row(String name, Corpus corpus) {
    return String.format(
        Locale.ROOT,
        "| %s | %d | %.2f | %d |",
        name,
        corpus.items().size(),
        corpus.seconds() / 3600,
        corpus.skipped().size());
  }

  private static List<String> metrics(Evaluation evaluation) {
    if (evaluation == null) {
      return List.of("None: there was no data to evaluate.");
    }
    List<String> lines = new ArrayList<>();
    lines.add("| metric | value | substitutions | deletions | insertions | of |");
    lines.add("|---|---:|---:|---:|---:|---:|");
    if (evaluation.task() == TrainingTask.XVECTOR) {
      lines.add(
          String.format(
              Locale.ROOT,
              "| EER | %.2f %% (threshold %.4f) | | | | |",
              100 * evaluation.error(),
              evaluation.verification().threshold()));
      return lines;
    }
    lines.add(row(evaluation.task().metric(), evaluation.errors()));
    if (evaluation.task() == TrainingTask.CTC) {
      lines.add(row("CER", evaluation.characters()));
    }
    return lines;
  }

  private static String row(String name, ErrorCounts counts) {
    return String.format(
        Locale.ROOT,
        "| %s | %.2f %% | %d | %d | %d | %d |",
        name,
        100 * counts.rate(),
        counts.substitutions(),
        counts.deletions(),
        counts.insertions(),
        counts.reference());
  }
}
