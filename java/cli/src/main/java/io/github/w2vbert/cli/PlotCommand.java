package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.GreedyDecoder;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.LogProbabilities;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech to a picture of what the model makes of it. */
@Command(
    name = "plot",
    description =
        "Draws an audio file and what is recognised in it: waveform, mel energies, probabilities of"
            + " tokens, and words.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert plot command.wav -o command.html",
      "  w2vbert plot call.wav --model my-model -o call.html",
      "  w2vbert plot call.wav --model my-model -o call.png"
    })
final class PlotCommand extends CtcCommand {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "OUT.html, a page that needs nothing else, or OUT.png.")
  private Path output;

  @ArgGroup(exclusive = false, heading = "%nLong recordings:%n")
  private WindowArguments windows = new WindowArguments();

  private TranscribeOptions options = TranscribeOptions.DEFAULT;

  @Override
  void prepare() throws IOException {
    requireOptions(1);
    if (files().size() > 1) {
      throw wrongUsage("a plot shows one file, but " + files().size() + " files are given");
    }
    options = windows.in(options, this);
    try {
      PlotFile.check(output);
    } catch (IllegalArgumentException e) {
      throw wrongUsage("--output " + e.getMessage());
    }
  }

  @Override
  int run(Transcriber transcriber) throws IOException {
    return process(
        transcriber.processor().featureExtractor().samplingRate(),
        1,
        clips -> clips.stream().map(clip -> plot(clip, transcriber)).toList(),
        (clip, data) -> PlotFile.write(data, output));
  }

  private PlotData plot(Audio audio, Transcriber transcriber) {
    FeatureExtractor extractor = transcriber.processor().featureExtractor();
    Tokenizer tokenizer = transcriber.processor().tokenizer();
    int size = transcriber.model().config().vocabSize();
    LogProbabilities scores = transcriber.score(audio, options);
    Hypothesis best = GreedyDecoder.of(tokenizer, size).best(scores);
    try (Tensor mel = extractor.fbank(audio)) {
      return new PlotData(
          name(files().get(0)),
          best.text(),
          audio,
          Matrix.of(mel),
          scores,
          CtcVocabulary.of(tokenizer, size),
          transcriber.secondsPerFrame(),
          best.toWords(transcriber.secondsPerFrame()));
    }
  }
}
