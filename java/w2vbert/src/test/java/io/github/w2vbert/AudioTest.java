package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AudioTest {
  private static final Audio STEREO =
      Audio.ofInterleaved(new float[] {0, 10, 1, 11, 2, 12, 3, 13}, 2, 4);

  @TempDir Path folder;

  @Test
  void factoriesCopyTheirInput() {
    float[] floats = {0.5f, -2};
    short[] shorts = {-32768, 16384};
    Audio ofFloats = Audio.of(floats, 16_000);
    Audio ofShorts = Audio.of(shorts, 16_000);
    Audio ofFloatBuffer = Audio.of(FloatBuffer.wrap(floats), 16_000);
    Audio ofShortBuffer = Audio.of(ShortBuffer.wrap(shorts), 16_000);
    floats[0] = 9;
    shorts[0] = 9;
    assertArrayEquals(new float[] {0.5f, -2}, ofFloats.samples());
    assertArrayEquals(new float[] {-1, 0.5f}, ofShorts.samples());
    assertArrayEquals(new float[] {0.5f, -2}, ofFloatBuffer.samples());
    assertArrayEquals(new float[] {-1, 0.5f}, ofShortBuffer.samples());
  }

  @Test
  void accessorsReturnCopies() {
    Audio audio = Audio.of(new float[] {1, 2}, 8000);
    audio.samples()[0] = 9;
    audio.samples(0)[0] = 9;
    assertArrayEquals(new float[] {1, 2}, audio.monoSamples());
  }

  @Test
  void buffersAreReadBetweenPositionAndLimitAndLeftAsTheyAre() {
    FloatBuffer floats = FloatBuffer.wrap(new float[] {9, 1, 2, 9}).position(1).limit(3);
    ShortBuffer shorts = ShortBuffer.wrap(new short[] {9, 16384, 9}).position(1).limit(2);
    assertArrayEquals(new float[] {1, 2}, Audio.of(floats, 1).samples());
    assertArrayEquals(new float[] {0.5f}, Audio.of(shorts, 1).samples());
    assertEquals(List.of(1, 3, 1, 2), bounds(floats, shorts));
  }

  private static List<Integer> bounds(FloatBuffer floats, ShortBuffer shorts) {
    return List.of(floats.position(), floats.limit(), shorts.position(), shorts.limit());
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -3e19f})
  void refusesSamplesWithoutFeatures(float bad) {
    float[] samples = {0, 1, 0, bad};
    String expected =
        "samples[3] is " + bad + ", expected a finite number of magnitude at most 2^64";
    assertRefused(expected, () -> Audio.of(samples, 16_000));
    assertRefused(expected, () -> Audio.of(FloatBuffer.wrap(samples), 16_000));
    assertRefused(expected, () -> Audio.ofInterleaved(samples, 2, 16_000));
  }

  @Test
  void keepsSamplesBeyondFullScale() {
    float[] samples = {-1.5f, 40_000, 0x1p64f, -0x1p64f};
    assertArrayEquals(samples, Audio.of(samples, 16_000).samples());
  }

  @Test
  void refusesWrongLayouts() {
    float[] three = new float[3];
    assertRefused("sampleRate is 0 Hz, expected 1 to 768000", () -> Audio.of(three, 0));
    assertRefused("sampleRate is -1 Hz", () -> Audio.of(FloatBuffer.wrap(three), -1));
    assertRefused("sampleRate is 768001 Hz", () -> Audio.of(new short[3], 768_001));
    assertRefused("channels is 0, expected 1 to 256", () -> Audio.ofInterleaved(three, 0, 8000));
    assertRefused("channels is 257", () -> Audio.ofInterleaved(new short[257], 257, 8000));
    assertRefused(
        "samples has 3 values, expected a multiple of 2 channels",
        () -> Audio.ofInterleaved(three, 2, 8000));
  }

  @Test
  void interleavedSamplesComeBackInterleaved() {
    assertEquals(2, STEREO.channels());
    assertEquals(4, STEREO.length());
    assertArrayEquals(new float[] {0, 10, 1, 11, 2, 12, 3, 13}, STEREO.samples());
    assertArrayEquals(new float[] {10, 11, 12, 13}, STEREO.samples(1));
    Audio shorts = Audio.ofInterleaved(new short[] {0, 8192, 16384, -32768, 1, 2}, 3, 8000);
    assertArrayEquals(new float[] {0.25f, 1f / 32768}, shorts.samples(1));
  }

  @Test
  void channelsAreChosenExplicitly() {
    assertFalse(STEREO.isMono());
    assertArrayEquals(new float[] {10, 11, 12, 13}, STEREO.channel(1).monoSamples());
    assertArrayEquals(new float[] {5, 6, 7, 8}, STEREO.mixToMono().monoSamples());
    assertEquals(4, STEREO.mixToMono().sampleRate());
    assertRefused("The audio has 2 channels, expected 1: choose", STEREO::monoSamples);
    assertRefused("channel is 2, expected 0 to 1", () -> STEREO.channel(2));
    assertRefused("channel is -1, expected 0 to 1", () -> STEREO.samples(-1));
    Audio mono = STEREO.channel(0);
    assertSame(mono, mono.channel(0));
    assertSame(mono, mono.mixToMono());
    assertRefused("channel is 1, expected 0 to 0", () -> mono.channel(1));
  }

  @Test
  void resamplesEveryChannel() {
    Audio up = STEREO.resample(7);
    assertEquals(7, up.length());
    assertEquals(7, up.sampleRate());
    assertArrayEquals(STEREO.channel(0).resample(7).samples(), up.samples(0));
    assertArrayEquals(STEREO.channel(1).resample(7).samples(), up.samples(1));
    assertSame(STEREO, STEREO.resample(4));
    assertEquals(0, Audio.of(new float[0], 8000).resample(16_000).length());
    assertRefused("sampleRate is 0 Hz", () -> STEREO.resample(0));
    assertRefused("sampleRate is 768001 Hz", () -> STEREO.resample(768_001));
    assertRefused(
        "Resampling 3000 samples from 1 to 768000 Hz gives 2304000000 samples, expected at most",
        () -> Audio.of(new float[3000], 1).resample(768_000));
  }

  @Test
  void slicesBySampleAndByTime() {
    assertArrayEquals(new float[] {1, 11, 2, 12}, STEREO.slice(1, 3).samples());
    assertEquals(0, STEREO.slice(4, 4).length());
    assertArrayEquals(
        new float[] {1, 11, 2, 12},
        STEREO.slice(Duration.ofMillis(260), Duration.ofMillis(740)).samples());
    assertRefused("Cannot slice samples -1 to 2, expected 0 <= from", () -> STEREO.slice(-1, 2));
    assertRefused("samples 3 to 2", () -> STEREO.slice(3, 2));
    assertRefused("samples 0 to 5, expected 0 <= from <= to <= 4", () -> STEREO.slice(0, 5));
    Duration second = Duration.ofSeconds(1);
    assertRefused("<= PT1S", () -> STEREO.slice(Duration.ZERO, Duration.ofMillis(1130)));
    assertRefused("PT-1S", () -> STEREO.slice(second.negated(), second));
    assertRefused("PT1S to PT0S", () -> STEREO.slice(second, Duration.ZERO));
    assertRefused("<= PT1S", () -> STEREO.slice(second, Duration.ofSeconds(Long.MAX_VALUE)));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 11_025, 44_100, 767_999, 768_000})
  void durationCoversTheClip(int rate) {
    for (int length : new int[] {0, 1, 2, rate, rate + 1, 3 * rate - 1}) {
      Audio audio = Audio.of(new float[length], rate);
      assertEquals(length, audio.slice(Duration.ZERO, audio.duration()).length());
      assertEquals((double) length / rate, audio.duration().toNanos() * 1e-9, 1e-9);
    }
  }

  @Test
  void writtenSixteenBitSamplesComeBack() throws IOException {
    short[] all = new short[65_536];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    Audio audio = Audio.ofInterleaved(all, 2, 44_100);
    Path file = folder.resolve("all.wav");
    audio.writeWav(file);
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    audio.writeWav(stream);
    assertArrayEquals(Files.readAllBytes(file), stream.toByteArray());
    Audio back = Audio.read(file);
    assertEquals(44_100, back.sampleRate());
    assertArrayEquals(audio.samples(0), back.samples(0));
    assertArrayEquals(audio.samples(1), back.samples(1));
  }

  @Test
  void writingRoundsAndLimits() throws IOException {
    Path file = folder.resolve("a.wav");
    Audio.of(new float[] {1, -1, -7e18f, 1.4f / 32768, -1.6f / 32768}, 8000).writeWav(file);
    float[] expected = {32767f / 32768, -1, -1, 1f / 32768, -2f / 32768};
    assertArrayEquals(expected, Audio.read(file).samples());
  }

  @Test
  void writingReplacesTheFileAndLeavesNoOther() throws IOException {
    Path file = folder.resolve("a.wav");
    Files.writeString(file, "old");
    Audio.of(new float[0], 8000).writeWav(file);
    assertEquals(0, Audio.read(file).length());
    Path directory = Files.createDirectory(folder.resolve("b.wav"));
    Files.writeString(directory.resolve("full"), "x");
    assertThrows(IOException.class, () -> Audio.of(new float[1], 8000).writeWav(directory));
    assertThrows(
        IOException.class,
        () -> Audio.of(new float[1], 8000).writeWav(folder.resolve("missing/a.wav")));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(file, directory), files.sorted().toList());
    }
  }

  @Test
  void toStringTellsTheShape() {
    assertEquals("Audio[samples=4, channels=2, sampleRate=4]", STEREO.toString());
  }

  private static void assertRefused(String expected, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.contains(expected), message);
  }
}
