package io.github.w2vbert.cli;

import io.github.w2vbert.training.BadAudio;
import io.github.w2vbert.training.Casing;
import io.github.w2vbert.training.TextRule;
import picocli.CommandLine.Option;

/** What happens to recordings that cannot be used, and to texts. */
final class DataArguments {
  /** What manifests are, for help. */
  static final String MANIFEST =
      "JSON lines (audio, and as needed text, label, labels, speaker, start, end), TSV with such a"
          + " header, or a folder of recordings with .txt files or transcripts.txt beside them.";

  @Option(
      names = "--skip-bad",
      description =
          "Leaves out recordings that cannot be used, and lists them. Without it the first one ends"
              + " the run.")
  private boolean skipsBad;

  @Option(
      names = "--case",
      paramLabel = "CASE",
      defaultValue = "auto",
      converter = Words.Casings.class,
      completionCandidates = Words.Casings.class,
      description =
          "The case of texts: ${COMPLETION-CANDIDATES}; auto is that of the vocabulary, or lower for"
              + " a new one. Default: ${DEFAULT-VALUE}.")
  private Casing casing;

  @Option(
      names = "--ignore",
      paramLabel = "CHARS",
      defaultValue = "",
      description = "Characters that are taken out of texts, such as '.,?!'.")
  private String ignored;

  BadAudio policy() {
    return skipsBad ? BadAudio.SKIP : BadAudio.FAIL;
  }

  TextRule rule() {
    return new TextRule(casing, ignored);
  }
}
