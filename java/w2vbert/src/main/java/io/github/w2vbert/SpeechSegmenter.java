package io.github.w2vbert;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Finds the stretches of a clip that hold speech, by their energy.
 *
 * <pre>{@code
 * for (Span span : new SpeechSegmenter(VadOptions.DEFAULT).segment(audio)) {
 *   Audio utterance = audio.slice(span.from(), span.to());
 * }
 * }</pre>
 *
 * <p>The level of every 10 ms (their variance over 30 ms, so that a constant offset does not count)
 * is compared with the noise around: the tenth percentile of the levels nearby, digital silence
 * left out. What is {@linkplain VadOptions#threshold above it} is speech, and so is loud sound from
 * which nothing stands out. Short pauses are bridged and short noises dropped. This knows loud from
 * soft, not voices from music or slamming doors.
 *
 * <p>Immutable; any number of threads may share a segmenter. Time is linear in the length of the
 * clip, memory 8 bytes per 10 ms. Equal clips give equal spans.
 */
public final class SpeechSegmenter {
  private static final double PERCENTILE = 0.1;

  // Levels are counted in bins of 1 dB. Bin 0 is digital silence, and everything below.
  private static final int LOWEST = -100;
  private static final int BINS = 121;

  private final VadOptions options;

  /** A segmenter with these options. */
  public SpeechSegmenter(VadOptions options) {
    this.options = Objects.requireNonNull(options, "options");
  }

  /**
   * The stretches of speech: in order, apart or touching, none longer than {@link
   * VadOptions#maxLength} (below 10 Hz, than a sample, if that is longer); empty if there is none.
   *
   * @param audio mono, of any sample rate
   * @throws IllegalArgumentException if there is more than one channel
   */
  public List<Span> segment(Audio audio) {
    float[] samples = audio.monoSamples();
    int frame = Math.max(1, Math.round(audio.sampleRate() / 100f)); // samples
    Clock clock = new Clock(frame, audio.sampleRate());
    float[] levels = levels(samples, frame);
    List<Span> runs = runs(levels, clock);
    List<Span> segments = new ArrayList<>();
    for (Span run : padded(runs, levels.length, clock.frames(options.padding()))) {
      divide(run, levels, Math.max(1, clock.wholeFrames(options.maxLength())), segments);
    }
    return segments.stream()
        .map(span -> new Span(span.from() * frame, endSample(span.to(), frame, samples.length)))
        .toList();
  }

  private static int endSample(int frames, int frame, int length) {
    return (int) Math.min((long) frames * frame, length);
  }

  /** Times as numbers of frames. */
  private record Clock(int frame, int sampleRate) {
    int frames(double seconds) {
      return (int) Math.round(Math.min(seconds * sampleRate / frame, Integer.MAX_VALUE / 4));
    }

    int wholeFrames(double seconds) {
      return (int) Math.min(seconds * sampleRate / frame, Integer.MAX_VALUE / 4);
    }
  }

  /** The level of each frame and its neighbours, in decibels. */
  private static float[] levels(float[] samples, int frame) {
    int count = (int) (((long) samples.length + frame - 1) / frame);
    float[] energies = new float[count]; // of a sample, without its mean
    for (int f = 0; f < count; f++) {
      int begin = f * frame;
      int end = (int) Math.min((long) begin + frame, samples.length);
      double sum = 0;
      double squares = 0;
      for (int i = begin; i < end; i++) {
        double difference = samples[i] - (double) samples[begin];
        sum += difference;
        squares += difference * difference;
      }
      double mean = sum / (end - begin);
      energies[f] = (float) Math.max(0, squares / (end - begin) - mean * mean);
    }
    float[] levels = new float[count];
    for (int f = 0; f < count; f++) {
      int begin = Math.max(0, f - 1);
      int end = Math.min(count, f + 2);
      double sum = 0;
      for (int i = begin; i < end; i++) {
        sum += energies[i];
      }
      levels[f] = (float) Math.max(LOWEST, 10 * Math.log10(sum / (end - begin)));
    }
    return levels;
  }

  /** Frames above the noise, as spans of frames. */
  private List<Span> runs(float[] levels, Clock clock) {
    int hangover = clock.frames(options.hangover());
    int minSilence = clock.frames(options.minSilence());
    int minSpeech = Math.max(1, clock.frames(options.minSpeech()));
    NoiseFloor noise =
        new NoiseFloor(levels, clock.frames(options.noiseWindow()), minSpeech, options);
    List<Span> runs = new ArrayList<>();
    int begin = -1; // of the current run
    int last = -1; // its latest frame of speech
    for (int f = 0; f <= levels.length; f++) {
      if (begin >= 0 && (f == levels.length || f - last > hangover + Math.max(1, minSilence))) {
        if (last + 1 - begin >= minSpeech) {
          runs.add(new Span(begin, (int) Math.min(last + 1L + hangover, levels.length)));
        }
        begin = -1;
      }
      if (f < levels.length && isSpeech(levels[f], noise.at(f))) {
        begin = begin < 0 ? f : begin;
        last = f;
      }
    }
    return runs;
  }

  private boolean isSpeech(double level, double noise) {
    return level > LOWEST && level >= Math.max(noise + options.threshold(), options.minLevel());
  }

  private static List<Span> padded(List<Span> runs, int count, int padding) {
    List<Span> padded = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      Span run = runs.get(i);
      int least = i == 0 ? 0 : middle(runs.get(i - 1), run);
      int most = i + 1 == runs.size() ? count : middle(run, runs.get(i + 1));
      padded.add(
          new Span(
              Math.max(least, run.from() - padding),
              (int) Math.min(most, (long) run.to() + padding)));
    }
    return padded;
  }

  private static int middle(Span before, Span behind) {
    return before.to() + (behind.from() - before.to()) / 2;
  }

  /** Divides a span of frames into ones of at most `most`, and of at least a quarter of it. */
  private static void divide(Span span, float[] levels, int most, List<Span> out) {
    int begin = span.from();
    while (span.to() - begin > most) {
      int end = (int) Math.min((long) begin + most, span.to() - most / 4);
      int quietest = begin + Math.max(1, most / 2);
      for (int f = quietest; f <= end; f++) {
        quietest = levels[f] < levels[quietest] ? f : quietest;
      }
      out.add(new Span(begin, quietest));
      begin = quietest;
    }
    out.add(new Span(begin, span.to()));
  }

  /** The level of the noise around a frame that moves forward. */
  private static final class NoiseFloor {
    private final float[] levels;
    private final int reach; // frames to either side
    private final int minSpeech;
    private final VadOptions options;
    private final int[] histogram = new int[BINS];
    private int counted; // frames that entered the histogram
    private int dropped; // and that left it
    private int total; // in the histogram, without digital silence

    NoiseFloor(float[] levels, int window, int minSpeech, VadOptions options) {
      this.levels = levels;
      this.reach = Math.max(1, window / 2);
      this.minSpeech = minSpeech;
      this.options = options;
    }

    /** A percentile, but if nothing stands out from it, at most the loudest level of noise. */
    double at(int frame) {
      while (counted < levels.length && counted <= (long) frame + reach) {
        count(levels[counted++], 1);
      }
      while (dropped < frame - reach) {
        count(levels[dropped++], -1);
      }
      int bin = 1;
      for (int below = histogram[1]; bin < BINS - 1 && below <= total * PERCENTILE; ) {
        below += histogram[++bin];
      }
      double floor = LOWEST + bin;
      int above = 0;
      for (int b = BINS - 1; b > 0 && LOWEST + b >= floor + options.threshold(); b--) {
        above += histogram[b];
      }
      return above >= minSpeech ? floor : Math.min(floor, options.maxNoise());
    }

    private void count(float level, int change) {
      int bin = (int) Math.min(level - LOWEST, BINS - 1);
      if (bin > 0) {
        histogram[bin] += change;
        total += change;
      }
    }
  }
}
