package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class WavReaderTest {
  @TempDir Path folder;

  static Stream<Arguments> encodings() {
    int[][] encodings = {{1, 8}, {1, 16}, {1, 24}, {1, 32}, {3, 32}, {3, 64}};
    return Arrays.stream(encodings)
        .flatMap(
            e ->
                Stream.of(1, 2, 3, 6, 256)
                    .flatMap(
                        channels ->
                            Stream.of(false, true)
                                .map(ext -> Arguments.of(e[0], e[1], channels, ext))));
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void readsEveryEncoding(int tag, int bits, int channels, boolean extensible) throws IOException {
    WavBytes wav = wav(tag, bits, channels, extensible);
    // 70,001 samples cross the buffer of the reader in the cheap cases; 129 otherwise.
    int length = channels <= 2 ? 70_001 : 129;
    double[] values = new double[length * channels];
    Random random = new Random(bits * 1000L + channels);
    for (int i = 0; i < values.length; i++) {
      // A multiple of the step of the encoding, at most 24 significant bits: exact in float32.
      int steps = 1 << Math.min(bits, 24) - 1;
      values[i] = (random.nextInt(2 * steps) - steps) / (double) steps;
    }
    values[0] = -1;
    byte[] bytes = wav.samples(values).bytes();
    for (Audio audio : readAllWays(bytes)) {
      assertEquals(channels, audio.channels());
      assertEquals(length, audio.length());
      assertEquals(16_000, audio.sampleRate());
      float[] samples = audio.samples();
      for (int i = 0; i < values.length; i++) {
        assertEquals((float) values[i], samples[i], "sample " + i);
      }
    }
  }

  @Test
  void integerExtremesAreDividedByTwoToTheBitsMinusOne() {
    assertArrayEquals(
        new float[] {-1, 32767f / 32768, 1f / 32768},
        read(wav(1, 16, 1, false).samples(-1, 32767 / 32768.0, 1 / 32768.0).bytes()).samples());
    WavBytes eight = wav(1, 8, 1, false);
    eight.data = new byte[] {0, 127, (byte) 128, (byte) 255};
    assertArrayEquals(new float[] {-1, -1f / 128, 0, 127f / 128}, read(eight.bytes()).samples());
    WavBytes wide = wav(1, 32, 1, false);
    wide.data = new byte[] {-1, -1, -1, 0x7F, 1, 0, 0, 0, 0, 0, 0, (byte) 0x80};
    assertArrayEquals(new float[] {1, 0x1p-31f, -1}, read(wide.bytes()).samples());
    WavBytes three = wav(1, 24, 1, false);
    three.data = new byte[] {-1, -1, 0x7F, 0, 0, (byte) 0x80, -1, -1, -1};
    assertArrayEquals(
        new float[] {8388607f / 8388608, -1, -1f / 8388608}, read(three.bytes()).samples());
  }

  @Test
  void keepsFloatsBeyondFullScale() {
    float[] samples = read(wav(3, 32, 1, false).samples(-3.5, 1e18, 0).bytes()).samples();
    assertArrayEquals(new float[] {-3.5f, 1e18f, 0}, samples);
  }

  @Test
  void readsTheGoldenClip() throws IOException {
    Path file = golden("e2e/ctc_plain/audio_0.wav");
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    Audio audio = Audio.read(file);
    assertEquals(16_000, audio.sampleRate());
    assertTrue(audio.isMono());
    assertEquals((bytes.capacity() - 44) / 2, audio.length());
    for (int i = 0; i < audio.length(); i++) {
      assertEquals(bytes.getShort(44 + 2 * i) / 32768f, audio.monoSamples()[i]);
    }
  }

  @Test
  void skipsUnknownChunksWithOddPadding() throws IOException {
    WavBytes wav = wav(1, 16, 1, false).samples(0.25, -0.5);
    wav.beforeFormat = WavBytes.chunk("JUNK", new byte[27]);
    byte[] list =
        WavBytes.chunk("LIST", "INFOISFT\5\0\0\0Lavf\0".getBytes(StandardCharsets.US_ASCII));
    byte[] fact = WavBytes.chunk("fact", new byte[4]);
    wav.beforeData = concat(list, fact, WavBytes.chunk("\u00FFdd\0", new byte[0]));
    wav.afterData = WavBytes.chunk("LIST", new byte[100]);
    for (Audio audio : readAllWays(wav.bytes())) {
      assertArrayEquals(new float[] {0.25f, -0.5f}, audio.samples());
    }
  }

  @Test
  void longerFormatChunkIsRead() {
    WavBytes wav = wav(1, 16, 1, false).samples(0.5);
    wav.formatSize = 18;
    assertArrayEquals(new float[] {0.5f}, read(wav.bytes()).samples());
    wav.formatSize = 51;
    assertArrayEquals(new float[] {0.5f}, read(wav.bytes()).samples());
  }

  @ParameterizedTest
  @CsvSource({
    "0xFFFFFFFF, 0xFFFFFFFF", // FFmpeg
    "0, 0", // GStreamer
    "0, 0xFFFFFFFF",
    "36, 0", // a header written for no samples and never corrected
    "0x80000024, 0x80000000", // arecord
    "0x7FFFF024, 0x7FFFF000", // SoX
  })
  void sizesOfPipesMeanUntilTheEnd(String riffSize, String dataSize) throws IOException {
    double[] values = new double[100_000];
    Arrays.setAll(values, i -> (i % 1000) / 1024.0);
    WavBytes wav = wav(1, 16, 2, false).samples(values);
    wav.riffSize = Long.decode(riffSize);
    wav.dataSize = Long.decode(dataSize);
    for (Audio audio : readAllWays(wav.bytes())) {
      assertEquals(50_000, audio.length());
      assertEquals(999 / 1024f, audio.samples()[99_999]);
    }
  }

  @Test
  void soxSizeIsRoundedDownToTheBlock() {
    WavBytes wav = wav(1, 24, 1, false).samples(0.5, 0.25);
    wav.dataSize = 0x7FFFF000L / 3 * 3;
    assertEquals(2, read(wav.bytes()).length());
  }

  @Test
  void emptyDataBeforeOtherChunksIsAnEmptyClip() throws IOException {
    WavBytes wav = wav(1, 16, 2, false);
    wav.afterData = WavBytes.chunk("LIST", new byte[64]);
    for (Audio audio : readAllWays(wav.bytes())) {
      assertEquals(0, audio.length());
      assertEquals(2, audio.channels());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"RF64", "BW64"})
  void readsSixtyFourBitSizes(String riff) throws IOException {
    WavBytes wav = wav(1, 16, 1, false).samples(0.5, 0.25, 0.125);
    wav.riff = riff;
    wav.riffSize = 0xFFFFFFFFL;
    wav.dataSize = 0xFFFFFFFFL;
    wav.afterData = WavBytes.chunk("LIST", new byte[64]);
    wav.beforeFormat = WavBytes.chunk("ds64", WavBytes.ds64(200, 6));
    for (Audio audio : readAllWays(wav.bytes())) {
      assertArrayEquals(new float[] {0.5f, 0.25f, 0.125f}, audio.samples());
    }
    wav.afterData = new byte[0];
    wav.beforeFormat = WavBytes.chunk("ds64", WavBytes.ds64(-1, -1));
    assertEquals(3, read(wav.bytes()).length());
  }

  @Test
  void streamIsLeftBehindTheSamples() throws IOException {
    byte[] wav = wav(1, 16, 1, false).samples(0.5, 0.25).bytes();
    InputStream in = new ByteArrayInputStream(concat(wav, new byte[] {42}));
    Audio.read(in);
    assertEquals(42, in.read());
  }

  @Test
  void bufferIsReadBetweenPositionAndLimitAndLeftAsItIs() {
    byte[] wav = wav(1, 16, 1, false).samples(0.5, 0.25).bytes();
    ByteBuffer buffer = ByteBuffer.allocateDirect(wav.length + 20);
    buffer.position(7).mark();
    buffer.put(wav).limit(7 + wav.length).reset();
    assertArrayEquals(new float[] {0.5f, 0.25f}, Audio.read(buffer).samples());
    assertArrayEquals(new float[] {0.5f, 0.25f}, Audio.read(buffer.asReadOnlyBuffer()).samples());
    assertEquals(7, buffer.position());
    assertEquals(7 + wav.length, buffer.limit());
  }

  @Test
  void failuresOfTheSourceAreIoExceptions() {
    Path missing = folder.resolve("missing.wav");
    assertThrows(NoSuchFileException.class, () -> Audio.read(missing));
    assertThrows(IOException.class, () -> Audio.read(folder));
    IOException broken = new IOException("broken pipe");
    InputStream failing =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw broken;
          }
        };
    assertEquals(broken, assertThrows(IOException.class, () -> Audio.read(failing)));
  }

  @Test
  void messagesNameTheSource() throws IOException {
    byte[] bytes = {'R', 'I', 'F', 'F', 0, 0};
    Path file = Files.write(folder.resolve("song.wav"), bytes);
    String message =
        assertThrows(IllegalArgumentException.class, () -> Audio.read(file)).getMessage();
    assertTrue(message.startsWith("Cannot read " + file + ": it ends at byte 6"), message);
    assertRefused(bytes, "audio buffer");
    String stream =
        assertThrows(
                IllegalArgumentException.class, () -> Audio.read(new ByteArrayInputStream(bytes)))
            .getMessage();
    assertTrue(stream.contains("audio stream"), stream);
  }

  static Stream<Arguments> foreignFiles() {
    return Stream.of(
        Arguments.of("\u00FF\u00F1\u0050\u0080", "AAC"),
        Arguments.of("\0\0\0 ftypM4A ", "MP4"),
        Arguments.of("\u001AE\u00DF\u00A3\0\0\0\0", "Matroska"),
        Arguments.of("FORM\0\0\0\0AIFF", "AIFF"),
        Arguments.of(".snd\0\0\0\0", "AU"),
        Arguments.of("#!AMR\n", "AMR"),
        Arguments.of("riff\u002E\u0091\u00CF\u0011", "Sony Wave64"),
        Arguments.of("RIFX\0\0\0\0WAVE", "RIFX"),
        Arguments.of("{\"error\": 404}", "starts with \"{\"er\""),
        Arguments.of("\u00FF", "starts with \"\\xff\""),
        Arguments.of("RIFF\4\0\0\0AVI ", "form type is \"AVI \", expected \"WAVE\""));
  }

  @ParameterizedTest
  @MethodSource("foreignFiles")
  void namesWhatIsNotRead(String start, String expected) {
    assertRefused(start.getBytes(StandardCharsets.ISO_8859_1), expected);
  }

  @Test
  void refusesAnEmptySource() {
    assertRefused(new byte[0], "empty (0 bytes)");
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
        refusal("channels is 0, expected 1 to 256", w -> w.channels = 0),
        refusal("channels is 257, expected 1 to 256", w -> w.channels = 257),
        refusal("sample rate is 0 Hz, expected 1 to 768000", w -> w.rate = 0),
        refusal("sample rate is 768001 Hz", w -> w.rate = 768_001),
        refusal("sample rate is 4294967295 Hz", w -> w.rate = 0xFFFFFFFFL),
        refusal("bits per sample is 0 of PCM", w -> w.bits = 0),
        refusal("bits per sample is 12 of PCM", w -> w.bits = 12),
        refusal("bits per sample is 64 of PCM", w -> w.bits = 64),
        refusal("bits per sample is 16 of IEEE float", w -> w.tag = WavBytes.FLOAT),
        refusal(
            "block align is 2, expected 4 for 2 channel(s) of 16 bits",
            w -> {
              w.channels = 2;
              w.blockAlign = 2;
            }),
        refusal("block align is 0, expected 2", w -> w.blockAlign = 0),
        refusal("0x0002 (Microsoft ADPCM), expected PCM (0x0001) with 8", w -> w.tag = 2),
        refusal("0x0006 (A-law)", w -> w.tag = 6),
        refusal("0x0007 (mu-law)", w -> w.tag = 7),
        refusal("0x0055 (MP3)", w -> w.tag = 0x55),
        refusal("0x1234 (unknown)", w -> w.tag = 0x1234),
        refusal("0x0007 (mu-law)", w -> w.extend(7)),
        refusal("subformat GUID (as stored) is 0100", w -> w.extend(1).guidTail[13] = 0),
        refusal(
            "valid bits per sample is 17, expected at most 16", w -> w.extend(1).validBits = 17),
        refusal("of WAVE_FORMAT_EXTENSIBLE has 18 bytes", w -> w.extend(1).formatSize = 18),
        refusal("\"fmt \" has 14 bytes, expected at least 16", w -> w.formatSize = 14),
        refusal("declares 6 bytes, but only 4 follow", w -> w.dataSize = 6L),
        refusal("declares 2147483646 bytes, but only 4 follow", w -> w.dataSize = 0x7FFFFFFEL),
        refusal("declares 4294967294 bytes, but only 4 follow", w -> w.dataSize = 0xFFFFFFFEL),
        refusal("declares 3 bytes, expected a multiple of the block align 2", w -> w.dataSize = 3L),
        refusal(
            "ends inside a sample, 5 bytes",
            w -> {
              w.afterData = new byte[] {1};
              w.dataSize = 0xFFFFFFFFL;
            }),
        refusal("two \"fmt \" chunks", w -> w.beforeFormat = WavBytes.chunk("fmt ", pcmFormat())),
        refusal(
            "\"data\" chunk comes before any \"fmt \"",
            w -> w.beforeFormat = WavBytes.chunk("data", new byte[4])),
        refusal(
            "chunk \"ds64\" has 20 bytes, expected at least 24",
            w -> w.wide(WavBytes.chunk("ds64", new byte[20]))),
        refusal(
            "dataSize is 9223372036854775808",
            w -> w.wide(WavBytes.chunk("ds64", WavBytes.ds64(0, Long.MIN_VALUE)))),
        refusal(
            "declares 1099511627776 bytes, but only 4 follow",
            w -> w.wide(WavBytes.chunk("ds64", WavBytes.ds64(0, 1L << 40)))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusals")
  void refusesWrongFields(String expected, Consumer<WavBytes> change) throws IOException {
    WavBytes wav = wav(1, 16, 1, false).samples(0.5, 0.25);
    change.accept(wav);
    byte[] bytes = wav.bytes();
    assertRefused(bytes, expected);
    String stream =
        assertThrows(
                IllegalArgumentException.class, () -> Audio.read(new ByteArrayInputStream(bytes)))
            .getMessage();
    assertTrue(stream.contains(expected), stream);
  }

  @Test
  void refusesAChunkBeyondTheEnd() {
    byte[] wav = wav(1, 16, 1, false).samples(0.5).bytes();
    byte[] lying = WavBytes.chunk("LIST", new byte[10]);
    ByteBuffer.wrap(lying).order(ByteOrder.LITTLE_ENDIAN).putInt(4, -2);
    byte[] bytes = concat(Arrays.copyOf(wav, 36), lying);
    assertRefused(bytes, "chunk \"LIST\" declares 4294967294 bytes, but only 10 follow");
  }

  @Test
  void refusesAFileWithoutData() {
    byte[] wav = wav(1, 16, 1, false).bytes();
    assertRefused(Arrays.copyOf(wav, 36), "ends at byte 36 without a \"data\" chunk");
    assertRefused(Arrays.copyOf(wav, 39), "ends at byte 39 inside a chunk header");
    assertRefused(Arrays.copyOf(wav, 11), "ends at byte 11 inside the RIFF header");
  }

  @ParameterizedTest
  @CsvSource({"32, NaN", "32, Infinity", "64, -Infinity", "64, 1e300", "32, 1e20"})
  void refusesFloatsThatHaveNoFeatures(int bits, double value) {
    byte[] bytes = wav(3, bits, 2, false).samples(0, 0.5, 0, value).bytes();
    assertRefused(
        bytes, "sample 1 of channel 1 is " + (float) value + ", expected a finite number");
  }

  @Test
  void everyTruncationIsRefused() {
    WavBytes wav = wav(1, 24, 2, true).samples(0.5, 0.25, -0.5, -0.25);
    wav.beforeData = WavBytes.chunk("LIST", new byte[5]);
    byte[] bytes = wav.bytes();
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(IllegalArgumentException.class, () -> read(cut), "cut at " + length);
      assertThrows(IllegalArgumentException.class, () -> Audio.read(new ByteArrayInputStream(cut)));
    }
    assertEquals(2, read(bytes).length());
  }

  @Test
  void damagedFilesGiveClipsOrRefusals() throws IOException {
    Random random = new Random(20240607);
    for (int round = 0; round < 5_000; round++) {
      WavBytes wav = wav(round % 2 == 0 ? 1 : 3, 32, 1 + round % 3, round % 5 == 0);
      wav.samples(new double[3 * wav.channels]);
      if (round % 7 == 0) {
        wav.wide(WavBytes.chunk("ds64", WavBytes.ds64(100, wav.data.length)));
      }
      byte[] bytes = wav.bytes();
      for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
        int extreme = random.nextInt(3) - 1 + random.nextInt(2) * 127;
        bytes[random.nextInt(bytes.length)] =
            (byte) (random.nextBoolean() ? extreme : random.nextInt());
      }
      requireClipOrRefusal(() -> read(bytes));
      requireClipOrRefusal(() -> Audio.read(new ByteArrayInputStream(bytes)));
    }
  }

  @Test
  void memoryFollowsTheBytesNotTheHeader() throws IOException {
    WavBytes wav = wav(1, 8, 256, false).samples(new double[256]);
    wav.dataSize = 0xFFFFFF00L;
    byte[] bytes = wav.bytes();
    Path file = Files.write(folder.resolve("lying.wav"), bytes);
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id = Thread.currentThread().getId();
    long before = threads.getThreadAllocatedBytes(id);
    assertThrows(IllegalArgumentException.class, () -> Audio.read(new ByteArrayInputStream(bytes)));
    assertThrows(IllegalArgumentException.class, () -> read(bytes));
    assertThrows(IllegalArgumentException.class, () -> Audio.read(file));
    long allocated = threads.getThreadAllocatedBytes(id) - before;
    assertTrue(allocated < 4 << 20, "allocated " + allocated + " bytes");
  }

  private interface Reading {
    Audio run() throws IOException;
  }

  private static void requireClipOrRefusal(Reading reading) throws IOException {
    try {
      Audio audio = reading.run();
      assertTrue(audio.length() * audio.channels() < 1000);
    } catch (IllegalArgumentException e) {
      assertTrue(e.getMessage().startsWith("Cannot read audio "), e.getMessage());
      assertTrue(e.getMessage().matches("(?s).*(expected|only \\d+ follow).*"), e.getMessage());
    }
  }

  private static Arguments refusal(String expected, Consumer<WavBytes> change) {
    return Arguments.of(expected, change);
  }

  private static WavBytes wav(int tag, int bits, int channels, boolean extensible) {
    WavBytes wav = new WavBytes();
    wav.tag = tag;
    wav.bits = bits;
    wav.channels = channels;
    wav.extensible = extensible;
    return wav;
  }

  private static byte[] pcmFormat() {
    return Arrays.copyOfRange(new WavBytes().bytes(), 20, 36);
  }

  private static Audio read(byte[] wav) {
    return Audio.read(ByteBuffer.wrap(wav));
  }

  private Audio[] readAllWays(byte[] wav) throws IOException {
    Path file = Files.write(folder.resolve("clip.wav"), wav);
    return new Audio[] {Audio.read(file), Audio.read(new ByteArrayInputStream(wav)), read(wav)};
  }

  private static void assertRefused(byte[] wav, String expected) {
    String message = assertThrows(IllegalArgumentException.class, () -> read(wav)).getMessage();
    assertTrue(message.contains(expected), message);
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  /** A recorded case, found from the module or from the root of the tree. */
  private static Path golden(String name) {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      Path file = folder.resolve("native/tests/golden").resolve(name);
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new IllegalStateException("native/tests/golden/" + name + " is in no folder above");
  }
}
