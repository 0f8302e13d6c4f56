package io.github.w2vbert.cli;

import io.github.w2vbert.Transcriber;
import io.github.w2vbert.decoding.BeamOptions;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.HotWords;
import io.github.w2vbert.decoding.NgramModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Option;

/**
 * How scores become text: as the model's folder says, by the best path, or by a beam search if an
 * option asks for one.
 */
final class DecodingArguments {
  @Option(
      names = "--beam",
      paramLabel = "N",
      description =
          "Beam search that keeps N ends per frame (100 if another of these options, or a language"
              + " model in the model's folder, asks for a search). Without a search: the most"
              + " probable token of every frame.")
  private Integer beam;

  @Option(
      names = "--best-path",
      description =
          "The most probable token of every frame, also where a language model lies in the model's"
              + " folder.")
  private boolean bestPath;

  @Option(
      names = "--n-best",
      paramLabel = "N",
      description = "Up to N alternatives with their scores, the best first; as text or JSON.")
  private Integer nBest;

  @Option(
      names = "--lm",
      paramLabel = "FILE",
      description =
          "Language model: n-grams of words as an ARPA file, plain or gzip, instead of the one in"
              + " the model's folder. Its words have to be spelt as in transcripts.")
  private Path languageModel;

  @Option(
      names = "--lm-weight",
      paramLabel = "X",
      description =
          "Multiplies the language model's log-probability (as the model's folder says, or 0.5).")
  private Double languageModelWeight;

  @Option(
      names = "--word-bonus",
      paramLabel = "X",
      description =
          "Added for every word, since a language model prefers few (as the model's folder says, or"
              + " 1.5).")
  private Double wordBonus;

  @Option(
      names = "--hotword",
      paramLabel = "PHRASE",
      description = "A word or phrase to favour, such as a name; may be repeated.")
  private List<String> hotWords = new ArrayList<>();

  @Option(
      names = "--hotwords-file",
      paramLabel = "FILE",
      description = "Phrases to favour, one a line, with a tab and a weight if that is not 1.")
  private Path hotWordsFile;

  @Option(
      names = "--hotword-weight",
      paramLabel = "X",
      description = "Added for every phrase that is favoured, times its own weight (10).")
  private Double hotWordWeight;

  /** A beam search for a model that is not open yet. */
  record Search(
      UnaryOperator<BeamOptions> options,
      NgramModel languageModel,
      List<String> weightNames,
      HotWords hotWords) {
    /**
     * @throws IllegalArgumentException if a hot word has a character that the model does not know,
     *     or there is no language model to be weighed
     */
    BeamSearchDecoder over(Transcriber transcriber) {
      BeamSearchDecoder decoder = transcriber.beamSearch();
      if (languageModel != null) { // the folder's weights belong to the folder's model
        decoder = decoder.withOptions(BeamOptions.DEFAULT).withModel(languageModel);
      }
      if (!decoder.hasModel() && !weightNames.isEmpty()) {
        throw new IllegalArgumentException(
            weightNames.get(0)
                + " has no effect without a language model; none lies in the model's folder, name"
                + " one with --lm");
      }
      return decoder.withOptions(options.apply(decoder.options())).withHotWords(hotWords);
    }
  }

  /** Whether alternatives are wanted. */
  boolean hasAlternatives() {
    return nBest != null;
  }

  /** Whether a language model that comes with the model is to be left out. */
  boolean bestPath() {
    return bestPath;
  }

  /** Checks the options. */
  void check(FilesCommand command) {
    command.requireEffect(
        "--hotword-weight", hotWordWeight, hasHotWords(), "--hotword or --hotwords-file");
    for (String phrase : hotWords) {
      command.usage("--hotword '" + phrase + "'", () -> HotWords.of(List.of(phrase)));
    }
    if (bestPath && searches()) {
      throw command.wrongUsage("--best-path is given, and an option that asks for a beam search");
    }
    change(command, BeamOptions.DEFAULT);
  }

  private boolean hasHotWords() {
    return !hotWords.isEmpty() || hotWordsFile != null;
  }

  private boolean searches() {
    return beam != null
        || nBest != null
        || languageModel != null
        || !weightNames().isEmpty()
        || hasHotWords();
  }

  /** The options given that weigh a language model. */
  private List<String> weightNames() {
    List<String> names = new ArrayList<>();
    if (languageModelWeight != null) {
      names.add("--lm-weight");
    }
    if (wordBonus != null) {
      names.add("--word-bonus");
    }
    return names;
  }

  private BeamOptions change(FilesCommand command, BeamOptions given) {
    BeamOptions options = given;
    options = command.change(options, "--beam", beam, BeamOptions::withBeamWidth);
    options = command.change(options, "--n-best", nBest, BeamOptions::withNBest);
    options =
        command.change(options, "--lm-weight", languageModelWeight, BeamOptions::withModelWeight);
    options = command.change(options, "--word-bonus", wordBonus, BeamOptions::withWordBonus);
    return command.change(
        options, "--hotword-weight", hotWordWeight, BeamOptions::withHotWordWeight);
  }

  /** Reads the files of the search that the options ask for; null if they ask for none. */
  Search read(FilesCommand command) throws IOException {
    if (!searches()) {
      return null;
    }
    Map<String, Double> phrases =
        hotWordsFile == null ? new LinkedHashMap<>() : HotWordsFile.read(hotWordsFile);
    hotWords.forEach(phrase -> phrases.put(phrase, 1.0));
    NgramModel model = languageModel == null ? null : NgramModel.read(languageModel);
    return new Search(
        options -> change(command, options), model, weightNames(), new HotWords(phrases));
  }
}
