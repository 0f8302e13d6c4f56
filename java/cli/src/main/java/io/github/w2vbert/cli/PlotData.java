package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.transcript.Word;
import java.util.List;
import java.util.Objects;

/**
 * What a plot shows of one recording.
 *
 * @param name of the file
 * @param text that was recognised
 * @param audio mono, at the model's sampling rate
 * @param mel natural logarithms of energies, {@code [frames, mel bins]}, a frame every {@link
 *     #MEL_SECONDS}; a value that is not finite is drawn grey
 * @param posteriors of every token in every frame of the output, {@code [time, vocabulary]}
 * @param vocabulary what the tokens are
 * @param secondsPerFrame from one frame of the output to the next
 * @param words in order of their start
 */
record PlotData(
    String name,
    String text,
    Audio audio,
    Matrix mel,
    LogProbabilities posteriors,
    CtcVocabulary vocabulary,
    double secondsPerFrame,
    List<Word> words) {
  /** From one mel frame to the next. */
  static final double MEL_SECONDS = 0.01;

  PlotData {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(text, "text");
    words = List.copyOf(words);
    if (!audio.isMono()) {
      throw new IllegalArgumentException(
          "audio has " + audio.channels() + " channels; expected the one that the model heard");
    }
    if (mel.rows() < 0 || mel.columns() < 1 || mel.rows() * mel.columns() != mel.values().length) {
      throw new IllegalArgumentException(
          "mel has %d values for %d frames of %d mel bins"
              .formatted(mel.values().length, mel.rows(), mel.columns()));
    }
    if (posteriors.vocabulary() != vocabulary.tokens().size()) {
      throw new IllegalArgumentException(
          "posteriors are of %d tokens; expected the %d of the vocabulary"
              .formatted(posteriors.vocabulary(), vocabulary.tokens().size()));
    }
    if (!(secondsPerFrame > 0 && secondsPerFrame < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "secondsPerFrame is " + secondsPerFrame + "; expected a finite number above 0");
    }
  }
}
