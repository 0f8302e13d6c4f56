package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleFunction;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpeechSegmenterTest {
  private static final int RATE = 16_000;
  private static final SpeechSegmenter DEFAULT = new SpeechSegmenter(VadOptions.DEFAULT);

  @ParameterizedTest
  @CsvSource({
    "40, -3, 16000",
    "20, -3, 16000",
    "14, -3, 16000",
    "40, -30, 16000",
    "20, -30, 16000",
    "14, -40, 16000",
    "20, -10, 8000",
    "20, -10, 44100",
    "20, -10, 11025"
  })
  void findsToneBurstsInNoise(double ratio, double level, int rate) {
    // Bursts from 1 to 1.5 s, 2.5 to 4 s and 4.2 to 5 s: the last pause is too short to divide.
    double[][] bursts = {{1, 1.5}, {2.5, 4}, {4.2, 5}};
    Random random = new Random(7);
    float[] samples = new float[7 * rate];
    for (int i = 0; i < samples.length; i++) {
      double time = i / (double) rate;
      samples[i] = (float) (random.nextGaussian() * amplitude(level - ratio));
      for (double[] burst : bursts) {
        if (time >= burst[0] && time < burst[1]) {
          samples[i] += (float) (Math.sqrt(2) * amplitude(level) * Math.sin(2200 * time));
        }
      }
    }
    List<Span> spans = DEFAULT.segment(Audio.of(samples, rate));
    assertEquals(2, spans.size(), spans.toString());
    // Padding of 0.1 s on both sides, hangover of 0.1 s, and smoothing by a frame.
    assertSeconds(0.9, 1.7, spans.get(0), rate);
    assertSeconds(2.4, 5.2, spans.get(1), rate);
  }

  @Test
  void digitalSilenceHasNoSpeech() {
    assertEquals(List.of(), segment(new float[10 * RATE]));
    float[] offset = new float[RATE];
    Arrays.fill(offset, 0.5f);
    assertEquals(List.of(), segment(offset));
  }

  @Test
  void faintNoiseHasNoSpeech() {
    assertEquals(List.of(), segment(noise(10 * RATE, -70)));
    assertEquals(List.of(), segment(noise(10 * RATE, -45)));
  }

  @Test
  void digitalSilenceDoesNotLowerTheNoise() {
    float[] samples = noise(10 * RATE, -45);
    Arrays.fill(samples, 0, 4 * RATE, 0);
    assertEquals(List.of(), segment(samples));
  }

  @Test
  void loudSoundThatNeverPausesIsSpeech() {
    assertEquals(List.of(new Span(0, 10 * RATE)), segment(noise(10 * RATE, -12)));
  }

  @Test
  void loudNoiseIsNoSpeechBesideSomethingLouder() {
    float[] samples = noise(10 * RATE, -25);
    for (int i = 5 * RATE; i < 6 * RATE; i++) {
      samples[i] += (float) (0.7 * Math.sin(0.2 * i));
    }
    List<Span> spans = segment(samples);
    assertEquals(1, spans.size());
    assertSeconds(4.9, 6.2, spans.get(0), RATE);
  }

  @Test
  void longSpeechIsDividedWhereItIsQuietest() {
    float[] samples = noise(70 * RATE, -12);
    for (int i = 0; i < samples.length; i++) { // softer for 0.1 s at 22 s and at 45 s
      if (Math.abs(i - 22 * RATE) < 800 || Math.abs(i - 45 * RATE) < 800) {
        samples[i] *= 0.3f;
      }
    }
    List<Span> spans = segment(samples);
    assertEquals(3, spans.size());
    assertEquals(22.0, spans.get(0).to() / (double) RATE, 0.06);
    assertEquals(45.0, spans.get(1).to() / (double) RATE, 0.06);
    assertEquals(70 * RATE, spans.get(2).to());
  }

  @Test
  void noiseIsMeasuredNearby() {
    // The second half has 20 dB more noise: its noise is no speech, but its tone is.
    float[] samples = noise(80 * RATE, -70);
    float[] loud = noise(80 * RATE, -50);
    System.arraycopy(loud, 0, samples, 40 * RATE, 40 * RATE);
    for (int i = 60 * RATE; i < 61 * RATE; i++) {
      samples[i] += (float) (0.03 * Math.sin(0.2 * i));
    }
    SpeechSegmenter segmenter =
        new SpeechSegmenter(VadOptions.DEFAULT.withNoiseWindow(10).withMinLevel(-80));
    List<Span> spans = segmenter.segment(Audio.of(samples, RATE));
    Span tone = spans.get(spans.size() - 1);
    assertSeconds(59.9, 61.2, tone, RATE);
    for (Span span : spans.subList(0, spans.size() - 1)) { // only around the step
      assertTrue(span.from() > 39 * RATE && span.to() < 46 * RATE, span.toString());
    }
  }

  @Test
  void shortNoisesAreDropped() {
    float[] samples = noise(3 * RATE, -70);
    samples[RATE] = 1; // a click
    assertEquals(List.of(), segment(samples));
    SpeechSegmenter all = new SpeechSegmenter(VadOptions.DEFAULT.withMinSpeech(0));
    assertEquals(1, all.segment(Audio.of(samples, RATE)).size());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 159, 160, 161, 1000})
  void veryShortClipsAreFine(int length) {
    SpeechSegmenter all = new SpeechSegmenter(VadOptions.DEFAULT.withMinSpeech(0));
    float[] samples = new float[length];
    for (int i = 0; i < length; i++) {
      samples[i] = i % 2 - 0.5f;
    }
    List<Span> spans = all.segment(Audio.of(samples, RATE));
    assertEquals(length < 2 ? List.of() : List.of(new Span(0, length)), spans);
  }

  @Test
  void recordedSpeechIsCovered() throws IOException {
    try (Stream<Path> files = Files.walk(Golden.dir())) {
      List<Path> clips =
          files.filter(file -> file.getFileName().toString().matches("audio_\\d+\\.wav")).toList();
      assertTrue(clips.size() > 20);
      for (Path clip : clips) {
        Audio audio = Audio.read(clip);
        float[] samples = audio.channel(0).samples();
        double inside = 0;
        for (Span span : DEFAULT.segment(audio.channel(0))) {
          inside += energy(samples, span.from(), span.to());
        }
        double all = energy(samples, 0, samples.length);
        assertTrue(inside >= 0.95 * all, clip + ": " + inside / all);
      }
    }
  }

  @Property(tries = 100)
  void spansAreSortedDisjointInsideAndBounded(
      @ForAll @IntRange(max = 60_000) int length,
      @ForAll @IntRange(min = 100, max = 16_000) int rate,
      @ForAll @DoubleRange(min = 0.1, max = 5) double maxLength,
      @ForAll @DoubleRange(max = 0.5) double padding,
      @ForAll @DoubleRange(max = 0.5) double hangover,
      @ForAll long seed) {
    Random random = new Random(seed);
    float[] samples = new float[length];
    double level = 0;
    for (int i = 0; i < length; i++) {
      if (random.nextInt(1 + rate / 4) == 0) {
        level = random.nextInt(3) == 0 ? 0 : amplitude(-60 * random.nextDouble());
      }
      samples[i] = (float) (random.nextGaussian() * level);
    }
    VadOptions options =
        VadOptions.DEFAULT
            .withMaxLength(maxLength)
            .withPadding(padding)
            .withHangover(hangover)
            .withMinSilence(0.05);
    Audio audio = Audio.of(samples, rate);
    List<Span> spans = new SpeechSegmenter(options).segment(audio);
    int end = 0;
    for (Span span : spans) {
      assertTrue(span.from() >= end && span.to() > span.from(), spans.toString());
      assertTrue(span.length() <= maxLength * rate, span + " at " + rate + " Hz");
      end = span.to();
    }
    assertTrue(end <= length);
    assertEquals(spans, new SpeechSegmenter(options).segment(audio));
  }

  @Test
  void memoryIsSmall() {
    Audio audio = Audio.of(noise(60 * RATE, -20), RATE);
    DEFAULT.segment(audio); // loads classes
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id = Thread.currentThread().getId();
    long before = threads.getThreadAllocatedBytes(id);
    DEFAULT.segment(audio);
    long allocated = threads.getThreadAllocatedBytes(id) - before;
    assertTrue(allocated < 6_000 * 8 + 50_000, "allocated " + allocated + " bytes");
  }

  @Test
  void refusesSeveralChannelsAndWrongOptions() {
    Audio stereo = Audio.ofInterleaved(new float[200], 2, RATE);
    assertThrows(IllegalArgumentException.class, () -> DEFAULT.segment(stereo));
    VadOptions options = VadOptions.DEFAULT;
    assertRefused("threshold is 0.0, expected a finite number above 0", options::withThreshold, 0);
    assertRefused("minLevel is NaN, expected a finite", options::withMinLevel, Double.NaN);
    assertRefused("maxNoise is Infinity", options::withMaxNoise, Double.POSITIVE_INFINITY);
    assertRefused("noiseWindow is 0.0", options::withNoiseWindow, 0);
    assertRefused("hangover is -1.0, expected a finite number of 0", options::withHangover, -1);
    assertRefused("minSilence is -1.0", options::withMinSilence, -1);
    assertRefused("minSpeech is -1.0", options::withMinSpeech, -1);
    assertRefused("padding is -1.0", options::withPadding, -1);
    assertRefused(
        "maxLength is 0.05, expected a finite number of 0.1", options::withMaxLength, 0.05);
    assertThrows(IllegalArgumentException.class, () -> new Span(3, 3));
    assertThrows(IllegalArgumentException.class, () -> new Span(-1, 3));
  }

  private static void assertRefused(
      String expected, DoubleFunction<VadOptions> with, double value) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> with.apply(value)).getMessage();
    assertTrue(message.startsWith(expected), message);
  }

  private static void assertSeconds(double from, double to, Span span, int rate) {
    assertEquals(from, span.from() / (double) rate, 0.03);
    assertEquals(to, span.to() / (double) rate, 0.03);
  }

  private static List<Span> segment(float[] samples) {
    return DEFAULT.segment(Audio.of(samples, RATE));
  }

  private static float[] noise(int length, double level) {
    Random random = new Random(7);
    float[] samples = new float[length];
    for (int i = 0; i < length; i++) {
      samples[i] = (float) (random.nextGaussian() * amplitude(level));
    }
    return samples;
  }

  private static double amplitude(double decibels) {
    return Math.pow(10, decibels / 20);
  }

  private static double energy(float[] samples, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += samples[i] * (double) samples[i];
    }
    return sum;
  }
}
