package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class AugmenterTest {
  private static final int RATE = 16_000;
  private static final AugmentOptions ALL =
      AugmentOptions.DEFAULT
          .withSpeeds(List.of(0.9, 1.0, 1.1))
          .withNoise(0.5, 0, 20)
          .withNoiseKinds(List.of(NoiseKind.values()))
          .withReverb(0.5, 0.1, 0.5)
          .withTelephone(0.5);

  private static Audio tone(double hz, int length) {
    float[] samples = new float[length];
    for (int i = 0; i < length; i++) {
      samples[i] = (float) (0.5 * Math.sin(2 * Math.PI * hz * i / RATE));
    }
    return Audio.of(samples, RATE);
  }

  private static float[] random(int length, long seed) {
    Random random = new Random(seed);
    float[] samples = new float[length];
    for (int i = 0; i < length; i++) {
      samples[i] = random.nextFloat() - 0.5f;
    }
    return samples;
  }

  private static float[] apply(Augmenter augmenter, Audio clip, int epoch, int utterance) {
    double speed = augmenter.speed(epoch, utterance);
    Audio result = augmenter.apply(clip, speed, epoch, utterance);
    assertEquals(augmenter.length(clip.length(), speed), result.length());
    return result.samples();
  }

  @Test
  void nothingChangesByDefault() {
    Audio clip = tone(440, 5000);
    float[] samples = apply(new Augmenter(AugmentOptions.DEFAULT, 1, RATE), clip, 2, 3);
    assertArrayEquals(clip.samples(), samples);
  }

  @Test
  void whatHappensDependsOnSeedEpochAndUtteranceAlone() {
    Audio clip = tone(440, 4000);
    Augmenter augmenter = new Augmenter(ALL, 1, RATE);
    int distinct = 0;
    for (int i = 0; i < 12; i++) {
      float[] first = apply(augmenter, clip, i, 7);
      assertArrayEquals(first, apply(new Augmenter(ALL, 1, RATE), clip, i, 7));
      assertEquals(ALL.speeds().contains(augmenter.speed(i, 7)), true);
      distinct += Arrays.equals(first, apply(new Augmenter(ALL, 2, RATE), clip, i, 7)) ? 0 : 1;
      distinct += Arrays.equals(first, apply(augmenter, clip, i, 8)) ? 0 : 1;
      distinct += Arrays.equals(first, apply(augmenter, clip, i + 100, 7)) ? 0 : 1;
    }
    assertTrue(distinct > 25, "distinct " + distinct);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.9, 1.1, 1.25})
  void speedChangesLengthAndPitch(double speed) {
    Augmenter augmenter = new Augmenter(AugmentOptions.DEFAULT.withSpeeds(List.of(speed)), 1, RATE);
    float[] samples = apply(augmenter, tone(500, 16_000), 0, 0);
    assertEquals(16_000 / speed, samples.length, 1);
    assertEquals(500 * speed, zeroCrossings(samples) / 2.0 * RATE / samples.length, 4);
  }

  private static int zeroCrossings(float[] samples) {
    int crossings = 0;
    for (int i = 1; i < samples.length; i++) {
      crossings += (samples[i] >= 0) != (samples[i - 1] >= 0) ? 1 : 0;
    }
    return crossings;
  }

  @ParameterizedTest
  @CsvSource({"20", "0", "-5"})
  void noiseHasTheAskedRatio(double snr) {
    Audio clip = tone(440, 16_000);
    Augmenter augmenter = new Augmenter(AugmentOptions.DEFAULT.withNoise(1, snr, snr), 1, RATE);
    for (int utterance = 0; utterance < 5; utterance++) {
      float[] noise = apply(augmenter, clip, 0, utterance);
      float[] clean = clip.samples();
      for (int i = 0; i < noise.length; i++) {
        noise[i] -= clean[i];
      }
      double ratio = 10 * Math.log10(Augmenter.power(clean) / Augmenter.power(noise));
      assertEquals(snr, ratio, 0.01);
    }
  }

  @Test
  void silenceStaysSilent() {
    Augmenter augmenter = new Augmenter(AugmentOptions.DEFAULT.withNoise(1, 5, 5), 1, RATE);
    float[] silent = new float[4000];
    assertArrayEquals(silent, apply(augmenter, Audio.of(silent, RATE), 0, 0));
  }

  @Test
  void recordedNoiseIsUsed(@TempDir Path folder) throws IOException {
    tone(1000, 3000).writeWav(folder.resolve("noise.wav"));
    Files.writeString(folder.resolve("README"), "no audio");
    AugmentOptions options =
        AugmentOptions.DEFAULT.withNoise(1, 0, 0).withNoiseFolder(folder).withNoiseKinds(List.of());
    float[] low = tone(100, 16_000).samples();
    float[] samples = apply(new Augmenter(options, 1, RATE), tone(100, 16_000), 0, 0);
    for (int i = 0; i < samples.length; i++) {
      samples[i] -= low[i];
    }
    assertEquals(1000, zeroCrossings(samples) / 2.0, 10);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Augmenter(options.withNoiseFolder(folder.resolve("none")), 1, RATE));
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Augmenter(options.withNoiseFolder(empty), 1, RATE));
  }

  @Test
  void reverberationDecays() {
    Augmenter augmenter = new Augmenter(AugmentOptions.DEFAULT.withReverb(1, 0.4, 0.4), 1, RATE);
    float[] click = new float[16_000];
    click[0] = 1;
    float[] response = apply(augmenter, Audio.of(click, RATE), 0, 0);
    assertTrue(Math.abs(response[0]) > 0.1);
    double early = Augmenter.power(Arrays.copyOfRange(response, 200, 1800));
    double late = Augmenter.power(Arrays.copyOfRange(response, 3400, 5000));
    assertEquals(30, 10 * Math.log10(early / late), 3); // half of 60 dB after half of 0.4 s
    assertEquals(0, Augmenter.power(Arrays.copyOfRange(response, 6500, 16_000)), 1e-12);
  }

  @Test
  void recordedResponsesAreUsedFromTheirPeak(@TempDir Path folder) throws IOException {
    float[] impulse = new float[2000];
    impulse[100] = 0.6f;
    impulse[900] = -0.3f;
    Audio.of(impulse, RATE).writeWav(folder.resolve("hall.wav"));
    Augmenter augmenter =
        new Augmenter(
            AugmentOptions.DEFAULT.withReverb(1, 0.1, 0.1).withImpulseFolder(folder), 1, RATE);
    float[] click = new float[3000];
    click[0] = 1;
    int recorded = 0;
    for (int utterance = 0; utterance < 20; utterance++) {
      float[] response = apply(augmenter, Audio.of(click, RATE), 0, utterance);
      recorded += Math.abs(response[800] / response[0] + 0.5) < 1e-3 ? 1 : 0;
    }
    assertTrue(recorded > 3 && recorded < 17, "recorded " + recorded);
  }

  @ParameterizedTest
  @CsvSource({"1000, 0.9, 1.1", "2500, 0.9, 1.1", "100, 0, 0.15", "5000, 0, 0.02"})
  void telephonesPassTheirBand(double hz, double least, double most) {
    Augmenter augmenter = new Augmenter(AugmentOptions.DEFAULT.withTelephone(1), 1, RATE);
    Audio clip = tone(hz, 16_000);
    float[] samples = apply(augmenter, clip, 0, 0);
    double gain = Math.sqrt(Augmenter.power(samples) / Augmenter.power(clip.samples()));
    assertTrue(gain >= least && gain <= most, hz + " Hz: " + gain);
  }

  @Test
  void muLawKeepsItsCodesAndIsMonotonic() {
    float last = Float.NEGATIVE_INFINITY;
    for (int code : IntStream.concat(descending(255, 128), IntStream.range(0, 128)).toArray()) {
      float sample = Telephone.decode(code);
      assertTrue(sample >= last);
      last = sample;
      if (sample != 0) { // there are two zeros
        assertEquals(code, Telephone.encode(sample));
      }
    }
    assertEquals(8031 / 8192f, Telephone.decode(Telephone.encode(1)));
    assertEquals(-8031 / 8192f, Telephone.decode(Telephone.encode(-1)));
  }

  private static IntStream descending(int from, int to) {
    return IntStream.rangeClosed(0, from - to).map(i -> from - i);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "7, 3", "64, 64", "1000, 17", "3, 50"})
  void convolutionEqualsItsDefinition(int length, int taps) {
    float[] signal = random(length, 1);
    float[] kernel = random(taps, 2);
    float[] result = Spectrum.convolve(signal, kernel);
    assertEquals(length, result.length);
    for (int i = 0; i < length; i++) {
      double sum = 0;
      for (int k = 0; k < taps && k <= i; k++) {
        sum += (double) kernel[k] * signal[i - k];
      }
      assertEquals(sum, result[i], 1e-6);
    }
  }

  /** The power in an octave around 4 kHz beside that around 500 Hz, three octaves below. */
  @ParameterizedTest
  @CsvSource({"WHITE, 9", "PINK, 0", "BROWN, -9"})
  void coloursHaveTheirSlope(NoiseKind kind, double decibels) {
    float[] noise = kind.samples(1 << 16, RATE, new Random(4));
    assertEquals(decibels, 10 * Math.log10(octave(noise, 4000) / octave(noise, 500)), 1);
  }

  private static double octave(float[] noise, double hz) {
    float[] kernel = new float[2001]; // a windowed band pass of linear phase
    double low = hz / Math.sqrt(2) / RATE;
    double high = hz * Math.sqrt(2) / RATE;
    for (int i = 0; i < kernel.length; i++) {
      double t = Math.PI * (i - 1000);
      double ideal =
          t == 0 ? 2 * (high - low) : (Math.sin(2 * high * t) - Math.sin(2 * low * t)) / t;
      kernel[i] = (float) (ideal * (0.5 + 0.5 * Math.cos(t / 1000)));
    }
    return Augmenter.power(Spectrum.convolve(noise, kernel));
  }

  @ParameterizedTest
  @EnumSource(NoiseKind.class)
  void anyLengthCanBeMade(NoiseKind kind) {
    for (int length : new int[] {1, 2, 1000, 1025}) {
      float[] noise = kind.samples(length, RATE, new Random(1));
      assertEquals(length, noise.length);
      for (float sample : noise) {
        assertFalse(Float.isNaN(sample) || Float.isInfinite(sample));
      }
    }
  }

  @Test
  void impossibleOptionsAreRefused() {
    AugmentOptions options = AugmentOptions.DEFAULT;
    assertThrows(IllegalArgumentException.class, () -> options.withSpeeds(List.of()));
    assertThrows(IllegalArgumentException.class, () -> options.withSpeeds(List.of(0.0)));
    assertThrows(IllegalArgumentException.class, () -> options.withNoise(1.5, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withNoise(1, 2, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withReverb(1, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withTelephone(Double.NaN));
    assertThrows(
        IllegalArgumentException.class,
        () -> options.withNoiseKinds(List.of()).withNoise(0.5, 0, 1));
  }
}
