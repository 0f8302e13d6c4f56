package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.transcript.Word;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/** Recordings to draw. */
final class PlotSamples {
  static final double FRAME = 0.02;
  static final CtcVocabulary VOCABULARY =
      new CtcVocabulary(List.of("<pad>", "|", "a", "b", "c"), 0, 1, Set.of(0));

  private PlotSamples() {}

  /** A tone of full scale. */
  static Audio tone(double seconds, int rate) {
    float[] samples = new float[(int) Math.round(seconds * rate)];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (float) Math.sin(0.3 * i);
    }
    return Audio.of(samples, rate);
  }

  /** Energies that grow with the mel bin and with time. */
  static Matrix mel(int frames, int bins) {
    float[] values = new float[frames * bins];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % bins + (float) (i / bins) / frames;
    }
    return new Matrix(frames, bins, values);
  }

  /** Frame t is certain of one token. */
  static LogProbabilities certain(int vocabulary, int... tokens) {
    float[] values = new float[tokens.length * vocabulary];
    Arrays.fill(values, Float.NEGATIVE_INFINITY);
    for (int t = 0; t < tokens.length; t++) {
      values[t * vocabulary + tokens[t]] = 0;
    }
    return LogProbabilities.of(values, tokens.length, vocabulary);
  }

  static Word word(String text, double start, double end, double confidence) {
    return new Word(text, start, end, confidence, List.of());
  }

  /** Two words in a tenth of a second. */
  static PlotData small() {
    return new PlotData(
        "small.wav",
        "ab c",
        tone(0.1, 8000),
        mel(10, 8),
        certain(5, 2, 3, 0, 1, 4),
        VOCABULARY,
        FRAME,
        List.of(word("ab", 0, 0.04, 0.9), word("c", 0.08, 0.1, 0.25)));
  }

  /** Of that length, with random probabilities and a word every 0.4 s. */
  static PlotData lasting(int seconds) {
    int frames = (int) Math.round(seconds / FRAME);
    Random random = new Random(1);
    float[] scores = new float[5 * frames];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (float) (3 * random.nextGaussian());
    }
    int words = seconds * 5 / 2;
    return new PlotData(
        "long.wav",
        "word ".repeat(words),
        tone(seconds, 1000),
        mel(100 * seconds, 8),
        LogProbabilities.ofLogits(scores, frames, 5),
        VOCABULARY,
        FRAME,
        IntStream.range(0, words)
            .mapToObj(i -> word("word" + i, 0.4 * i, 0.4 * i + 0.3, 0.5))
            .toList());
  }

  static PlotData empty() {
    return new PlotData(
        "empty.wav",
        "",
        Audio.of(new float[0], 16_000),
        mel(0, 80),
        certain(5),
        VOCABULARY,
        FRAME,
        List.of());
  }

  static PlotData withText(PlotData data, String name, String text, List<Word> words) {
    return new PlotData(
        name,
        text,
        data.audio(),
        data.mel(),
        data.posteriors(),
        data.vocabulary(),
        data.secondsPerFrame(),
        words);
  }

  static PlotData withMel(PlotData data, Matrix mel) {
    return new PlotData(
        data.name(),
        data.text(),
        data.audio(),
        mel,
        data.posteriors(),
        data.vocabulary(),
        data.secondsPerFrame(),
        data.words());
  }
}
