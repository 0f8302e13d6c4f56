package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AudioReaderTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "speech.flac, speech",
    "piped.flac, speech",
    "speech8.flac, speech8.wav",
    "tones.flac, tones.wav",
    "tones32.flac, tones32.wav"
  })
  void flacEqualsItsSource(String file, String source) throws IOException {
    Audio expected = source(source);
    for (Audio audio : readAllWays(bytes(file))) {
      assertEquals(expected.sampleRate(), audio.sampleRate());
      assertEquals(expected.channels(), audio.channels());
      for (int c = 0; c < expected.channels(); c++) {
        assertArrayEquals(expected.samples(c), audio.samples(c));
      }
    }
  }

  /**
   * The bound on the error is 1 dB above what the encoder leaves, measured with its own decoder.
   */
  @ParameterizedTest
  @CsvSource({
    "speech.mp3, speech, 23.5, 16000, 0",
    "tagged.mp3, speech, 26.3, 16000, 0",
    "plain.mp3, speech, 23.5, 16000, 1105",
    "speech.ogg, speech, 23, 16000, 0",
    "speech.opus, speech, 18.9, 48000, 0",
    "tones.mp3, tones.wav, 24.7, 44100, 0",
    "tones.ogg, tones.wav, 15.3, 44100, 0",
    "tones.opus, tones.wav, 20.8, 48000, 0"
  })
  void lossyFormatsAreCloseToTheirSource(
      String file, String source, double decibels, int rate, int delay) throws IOException {
    Audio expected = source(source);
    for (Audio audio : readAllWays(bytes(file))) {
      assertEquals(rate, audio.sampleRate());
      assertEquals(expected.channels(), audio.channels());
      if (delay == 0) {
        long length = (long) expected.length() * rate / expected.sampleRate();
        assertEquals(length, audio.length());
      }
      Audio same = audio.slice(delay, audio.length()).resample(expected.sampleRate());
      assertTrue(same.length() >= expected.length());
      for (int c = 0; c < expected.channels(); c++) {
        double ratio = signalToNoise(expected.samples(c), same.samples(c));
        assertTrue(ratio > decibels, file + " channel " + c + ": " + ratio + " dB");
      }
    }
  }

  @Test
  void mp3Of24KilohertzEqualsWhatItsEncoderDecodes() throws IOException {
    Audio expected = read(bytes("tones24.wav")); // rounded to 16 bits
    Audio audio = read(bytes("tones24.mp3"));
    assertEquals(expected.toString(), audio.toString());
    for (int c = 0; c < 2; c++) {
      double ratio = signalToNoise(expected.samples(c), audio.samples(c));
      assertTrue(ratio > 80, "channel " + c + ": " + ratio + " dB");
    }
  }

  @Test
  void mp3DecodersOfSeveralThreadsAreMadeOneByOne() throws Exception {
    float[] expected = read(bytes("plain.mp3")).samples();
    FutureTask<Audio> reading = new FutureTask<>(() -> read(bytes("plain.mp3")));
    Thread reader = new Thread(reading);
    synchronized (Mp3Reader.TABLES) {
      reader.start();
      while (reader.getState() != Thread.State.BLOCKED) {
        assertTrue(reader.isAlive(), "a decoder was made beside another");
        Thread.sleep(1);
      }
    }
    assertArrayEquals(expected, reading.get().samples());
  }

  @Test
  void mp3CutFromALongerOneBeginsWithSilence() throws IOException {
    byte[] whole = bytes("plain.mp3"); // 16 frames of 288 bytes, 576 samples
    float[] expected = read(whole).samples();
    for (int frames = 1; frames < 5; frames++) {
      byte[] cut = Arrays.copyOfRange(whole, frames * 288, whole.length);
      float[] samples = read(cut).samples();
      assertEquals(expected.length - frames * 576, samples.length);
      int from = 4 * 576; // behind what needs the frames that are gone
      assertArrayEquals(
          Arrays.copyOfRange(expected, from + frames * 576, expected.length),
          Arrays.copyOfRange(samples, from, samples.length),
          1e-6f);
    }
    assertRefused(
        Arrays.copyOfRange(whole, 5 * 288, 6 * 288), "none of its 1 MP3 frames can be decoded");
  }

  @Test
  void zerosAroundMp3AreSkipped() throws IOException {
    byte[] whole = bytes("plain.mp3");
    float[] expected = read(whole).samples();
    byte[] zeros = new byte[70_000];
    assertArrayEquals(expected, read(concat(zeros, whole, zeros)).samples());
    byte[] tag = concat(ascii("TAG"), new byte[125]);
    assertArrayEquals(expected, read(concat(whole, new byte[5], tag)).samples());
    assertRefused(concat(whole, zeros, whole), "begins with \"\\x00\\x00\\x00\\x00\"");
    assertRefused(zeros, "it starts with \"\\x00\\x00\\x00\\x00\", expected WAV");
  }

  @Test
  void contentDecidesNotTheName() throws IOException {
    Path file = Files.write(folder.resolve("clip.wav"), bytes("tones.ogg"));
    assertEquals(4410, Audio.read(file).length());
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> Audio.read(Files.writeString(folder.resolve("clip.flac"), "not found")))
            .getMessage();
    assertEquals(
        "Cannot read "
            + folder.resolve("clip.flac")
            + ": it starts with \"not \", expected WAV, FLAC, MP3, or Ogg with Vorbis or Opus",
        message);
  }

  @Test
  void streamsNeedNoMarkAndStayOpen() throws IOException {
    for (String name : new String[] {"speech.flac", "speech.mp3", "speech.ogg", "speech.opus"}) {
      byte[] content = bytes(name);
      InputStream slow =
          new InputStream() {
            private int at;

            @Override
            public int read() {
              return at < content.length ? content[at++] & 0xFF : -1;
            }

            @Override
            public int read(byte[] into, int offset, int length) {
              int next = read();
              into[offset] = (byte) next;
              return next < 0 ? -1 : 1;
            }

            @Override
            public void close() {
              throw new AssertionError("closed");
            }
          };
      assertArrayEquals(read(content).samples(), Audio.read(slow).samples());
    }
  }

  @Test
  void failuresOfTheStreamAreIoExceptions() throws IOException {
    for (String name : new String[] {"speech.flac", "speech.mp3", "speech.ogg", "speech.opus"}) {
      IOException broken = new IOException("broken pipe");
      InputStream start = new ByteArrayInputStream(Arrays.copyOf(bytes(name), 2000));
      InputStream failing =
          new InputStream() {
            @Override
            public int read() throws IOException {
              int next = start.read();
              if (next < 0) {
                throw broken;
              }
              return next;
            }
          };
      assertEquals(broken, assertThrows(IOException.class, () -> Audio.read(failing)));
    }
  }

  @Test
  void tagsAroundTheSoundAreSkipped() throws IOException {
    byte[] id3 = {'I', 'D', '3', 4, 0, 0x10, 0, 0, 1, 2};
    byte[] tag = concat(id3, new byte[130 + 10]);
    byte[] footer = concat(ascii("TAG"), new byte[125]);
    float[] flac = read(bytes("speech.flac")).samples();
    assertArrayEquals(
        flac, read(concat(tag, tag, new byte[7], bytes("speech.flac"), footer)).samples());
    float[] mp3 = read(bytes("speech.mp3")).samples();
    assertArrayEquals(mp3, read(concat(tag, bytes("speech.mp3"), footer)).samples());
    assertRefused(Arrays.copyOf(tag, 100), "ID3 tag declares 140 bytes, but only 90 follow");
    assertRefused(tag, "has an ID3 tag and then starts with \"\", expected WAV");
  }

  @Test
  void flacNeedsNoTotal() throws IOException {
    byte[] piped = bytes("piped.flac");
    float[] expected = read(piped).samples();
    piped[21] &= (byte) 0xF0; // 36 bits
    Arrays.fill(piped, 22, 26, (byte) 0);
    assertArrayEquals(expected, read(piped).samples());
    byte[] tag = concat(ascii("TAG"), new byte[125]);
    assertArrayEquals(expected, read(concat(piped, tag)).samples());
    assertRefused(concat(piped, ascii("TAT")), "begins with 0x5441, expected the sync code");
  }

  @Test
  void flacWithoutFramesIsAnEmptyClip() {
    Audio empty = read(flac(0, 16).put(4, (byte) 0x80).array());
    assertEquals(0, empty.length());
    assertEquals(16_000, empty.sampleRate());
  }

  @ParameterizedTest
  @ValueSource(strings = {"speech.flac", "tones32.flac", "speech.mp3", "speech.ogg", "speech.opus"})
  void everyTruncationIsRefused(String name) throws IOException {
    byte[] whole = bytes(name);
    for (int length = 0; length < whole.length; length += length < 100 ? 1 : 97) {
      byte[] cut = Arrays.copyOf(whole, length);
      String message =
          assertThrows(IllegalArgumentException.class, () -> read(cut), "cut at " + length)
              .getMessage();
      assertTrue(message.matches("Cannot read audio buffer: .*(expected|but ).*"), message);
    }
    byte[] almost = Arrays.copyOf(whole, whole.length - 1);
    assertThrows(IllegalArgumentException.class, () -> read(almost));
  }

  @Test
  void flacChecksWhatItsHeaderDeclares() throws IOException {
    byte[] whole = bytes("speech.flac");
    byte[] wrong = whole.clone();
    wrong[25]++; // the lowest byte of the total
    assertRefused(wrong, "STREAMINFO declares 8001 samples, but the frames have 8000");
    wrong = whole.clone();
    wrong[26]++;
    assertRefused(wrong, "MD5 of the samples is ");
    wrong = whole.clone();
    wrong[whole.length - 1]++;
    assertRefused(wrong, "FLAC frame 1, before byte 10196, has checksum 0x");
    wrong = bytes("piped.flac");
    wrong[19] = 0; // of the sample rate
    assertRefused(wrong, "FLAC frame 0, before byte ");
  }

  @Test
  void flacRefusesWrongFields() {
    assertRefused(flac(0, 16).put(7, (byte) 33).array(), "STREAMINFO has 33 bytes, expected 34");
    assertRefused(
        flac(0, 16).put(4, (byte) 4).array(), "metadata block 0 is of type 4, expected STREAMINFO");
    assertRefused(flac(0, 3).array(), "bits per sample is 3, expected 4 to 32");
    assertRefused(flac(0, 16).putShort(10, (short) 15).array(), "expected 16 <= min <= max");
    assertRefused(flac((1L << 36) - 1, 16).array(), "it has 68719476735 samples per channel");
  }

  @Test
  void oggRefusesWhatIsNotOneStreamOfSound() throws IOException {
    byte[] whole = bytes("speech.ogg");
    assertRefused(concat(whole, whole), "an Ogg stream follows the end of the first (chained)");
    assertRefused(
        repaired(whole, page -> page[29] = page[5] == 2 ? (byte) 't' : page[29]),
        "without a Vorbis or Opus stream (it has one that begins with \"\\x01torbis\\x00\")");
    assertRefused(
        repaired(whole, page -> Arrays.fill(page, 6, 14, (byte) -1)),
        "no Ogg page has a granule position");
    int second = nextPage(whole, 0);
    int third = nextPage(whole, second);
    byte[] behind = Arrays.copyOfRange(whole, second, third);
    assertRefused(concat(whole, behind), "an Ogg stream follows the end of the first");
    assertRefused(
        concat(Arrays.copyOf(whole, second), Arrays.copyOfRange(whole, third, whole.length)),
        "has the number 2, expected 1");
    byte[] wrong = whole.clone();
    wrong[whole.length - 1]++;
    assertRefused(wrong, "has checksum 0x");
    assertRefused(concat(Arrays.copyOf(whole, third), ascii("junk")), "inside an Ogg page header");
    assertRefused(concat(Arrays.copyOf(whole, third), new byte[99]), "no Ogg page begins at byte");
  }

  @Test
  void mp3RefusesWhatIsNotOneStreamOfSound() throws IOException {
    byte[] whole = bytes("plain.mp3"); // 16 frames of 288 bytes
    byte[] wrong = whole.clone();
    wrong[288] = 0;
    assertRefused(wrong, "MP3 frame 1 at byte 288 begins with \"\\x00");
    assertRefused(
        concat(whole, bytes("tones.mp3")), "MP3 frame 16 at byte 4608 is Mp3Header[version=1");
    assertRefused(Arrays.copyOf(whole, 4600), "ends at byte 4600 inside MP3 frame 15 at byte 4320");
    byte[] tagged = bytes("speech.mp3");
    assertRefused(Arrays.copyOf(tagged, 288 * 10), "its header declares 16 frames, but 9 follow");
    assertRefused(new byte[] {-1, -5, 0, 0}, "is MPEG audio other than layer III with a bit rate");
  }

  /** Damage behind valid checksums, as a hostile sender would make it, and by chance. */
  @ParameterizedTest
  @CsvSource({
    "speech.flac, 300",
    "tones32.flac, 300",
    "speech.mp3, 60",
    "tones.mp3, 60",
    "tagged.mp3, 60",
    "speech.ogg, 150",
    "tones.ogg, 150",
    "speech.opus, 40",
    "tones.opus, 40"
  })
  void damagedFilesGiveClipsOrRefusals(String name, int rounds) throws IOException {
    byte[] whole = bytes(name);
    Random random = new Random(20240607);
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true));
    System.setErr(new PrintStream(printed, true));
    try {
      for (int round = 0; round < rounds; round++) {
        byte[] damaged = whole.clone();
        // Half of the changes hit the headers.
        int range = round % 2 == 0 ? Math.min(400, whole.length) : whole.length;
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
          damaged[random.nextInt(range)] = (byte) random.nextInt();
        }
        byte[] content = name.matches(".*(ogg|opus)") ? repaired(damaged, page -> {}) : damaged;
        try {
          Audio audio = read(content);
          assertTrue((long) audio.length() * audio.channels() < 1 << 20, audio.toString());
        } catch (IllegalArgumentException e) {
          assertTrue(e.getMessage().startsWith("Cannot read audio buffer: "), e.getMessage());
        }
      }
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
    assertEquals("", printed.toString(StandardCharsets.UTF_8));
  }

  @Test
  void memoryFollowsTheBytesNotTheHeader() throws IOException {
    byte[] comments = repaired(bytes("speech.ogg"), this::declareManyComments);
    byte[] flac = flac(0x7FFFFFF0L, 16).put(4, (byte) 0x80).array();
    byte[] tag = {'I', 'D', '3', 4, 0, 0, 0x7F, 0x7F, 0x7F, 0x7F, 1};
    byte[] metadata = flac(0, 16).array();
    byte[] picture = {(byte) 0x86, -1, -1, -1, 0};
    for (byte[] content : new byte[][] {comments, flac, tag, concat(metadata, picture)}) {
      var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
      long id = Thread.currentThread().getId();
      long before = threads.getThreadAllocatedBytes(id);
      try {
        assertEquals(8000, read(content).length()); // comments are not needed
      } catch (IllegalArgumentException e) {
        assertTrue(e.getMessage().startsWith("Cannot read audio buffer: "), e.getMessage());
      }
      long allocated = threads.getThreadAllocatedBytes(id) - before;
      assertTrue(allocated < 32 << 20, "allocated " + allocated + " bytes");
    }
  }

  @Test
  void codebooksOfHostileSizeAreRefused() throws IOException {
    byte[] whole = bytes("speech.ogg");
    int book = new String(whole, StandardCharsets.ISO_8859_1).indexOf("BCV");
    int page = nextPage(whole, 0);
    assertTrue(book > page && book < nextPage(whole, page));
    byte[] wrong = whole.clone();
    wrong[book + 7] = 0x40; // 4 million entries
    assertRefused(repaired(wrong, p -> {}), "Vorbis codebook 0 has 41943");
    wrong = whole.clone();
    wrong[book + 4] = 1; // 257 dimensions
    assertRefused(repaired(wrong, p -> {}), "dimensions, expected at least 1 of 1 to 16");
  }

  @Test
  void vorbisTablesOfHostileSizeAreRefused() {
    assertEquals(128, readVorbis(1, 1, 2, 1, 1).length());
    assertEquals(128, readVorbis(1, 3, 64, 1, 1).length()); // 786,432 values
    String message =
        assertThrows(IllegalArgumentException.class, () -> readVorbis(1, 3, 64, 16, 64))
            .getMessage();
    assertEquals(
        "Cannot read audio buffer: the residue classes of all Vorbis modes have 805306368 values,"
            + " expected at most 1048576",
        message);
    assertThrows(IllegalArgumentException.class, () -> readVorbis(1, 3, 64, 2, 1));
    assertThrows(IllegalArgumentException.class, () -> readVorbis(1, 3, 64, 1, 2));
    message =
        assertThrows(IllegalArgumentException.class, () -> readVorbis(0, 1, 2, 1, 1)).getMessage();
    assertEquals("Cannot read audio buffer: a Vorbis floor is of type 0, expected 1", message);
  }

  private static Audio readVorbis(
      int floorType, int dimensions, int classes, int submaps, int modes) {
    byte[] file = VorbisBytes.file(floorType, dimensions, classes, submaps, modes);
    return read(repaired(file, page -> {}));
  }

  @Test
  void coupledChannelsThatTheVorbisDecoderMisreadsAreNamed() throws IOException {
    byte[] wrong = bytes("tones.ogg"); // whose two channels are coupled
    wrong[28 + 11] = 6;
    assertRefused(
        repaired(wrong, page -> {}),
        "its Vorbis stream couples 6 channels, which this decoder does not read, expected 1, 2, 4");
  }

  @Test
  void granulePositionsBelowMinusOneAreRefused() throws IOException {
    for (String name : new String[] {"speech.opus", "speech.ogg"}) {
      byte[] wrong =
          repaired(
              bytes(name),
              page -> {
                ByteBuffer fields = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
                if (fields.getInt(18) >= 2) { // behind the headers
                  fields.putLong(6, Long.MIN_VALUE + fields.getLong(6));
                }
              });
      assertRefused(wrong, "an Ogg page has granule position -92233720368547");
    }
  }

  @Test
  void opusRefusesWrongHeads() throws IOException {
    byte[] whole = bytes("speech.opus"); // of which the head, 19 bytes, begins at 28
    assertRefused(opusHead(whole, 8, 16), "Opus version is 16, expected 0 to 15");
    assertRefused(opusHead(whole, 9, 3), "channels is 3, expected 1 to 2");
    assertRefused(opusHead(whole, 18, 255), "mapping family is 255, expected 0");
    assertRefused(opusHead(whole, 18, 1), "\"OpusHead\" has 19 bytes, expected at least 22");
    byte[] page = Arrays.copyOf(whole, 28 + 22);
    page[27] = 22;
    byte[] longer = concat(page, Arrays.copyOfRange(whole, 28 + 19, whole.length));
    longer[28 + 18] = 1;
    longer[28 + 19] = (byte) 255;
    longer[28 + 20] = 0;
    assertRefused(repaired(longer, p -> {}), "Opus has 255 streams, 0 of them of two channels");
    longer[28 + 19] = 1;
    longer[28 + 21] = 0;
    assertArrayEquals(read(whole).samples(), read(repaired(longer, p -> {})).samples());
  }

  private static byte[] opusHead(byte[] whole, int at, int value) {
    byte[] changed = whole.clone();
    changed[28 + at] = (byte) value;
    return repaired(changed, page -> {});
  }

  /** Per sample: one float of each channel, and one of the channel that is copied in the end. */
  @Test
  void clipsBeyondTheHeapAreRefused() {
    AudioInput input = new AudioInput(InputStream.nullInputStream(), "bomb");
    ClipBuilder clip = new ClipBuilder(input, 2, 12 * 100_000);
    float[][] planes = new float[2][70_000];
    clip.append(planes, new int[2], 70_000);
    clip.append(planes, new int[2], 30_000);
    String message =
        assertThrows(IllegalArgumentException.class, () -> clip.append(planes, new int[] {0, 0}, 1))
            .getMessage();
    assertEquals(
        "Cannot read bomb: it decodes to more than 100000 samples of 2 channel(s), expected at most"
            + " that: what half of the Java heap holds",
        message);
    assertEquals(99_998, clip.build(1, 99_999, 8000).length());
  }

  @ParameterizedTest
  @CsvSource({
    "speech.mp3, MP3, com.badlogicgames.jlayer:jlayer",
    "speech.ogg, Vorbis, org.jcraft:jorbis",
    "speech.opus, Opus, io.github.jaredmdobson:concentus"
  })
  void absentDecodersAreNamed(String file, String format, String artifact) throws Exception {
    URL[] library = {Audio.class.getProtectionDomain().getCodeSource().getLocation()};
    try (URLClassLoader bare = new URLClassLoader(library, ClassLoader.getPlatformClassLoader())) {
      Class<?> audio = bare.loadClass(Audio.class.getName());
      ByteBuffer content = ByteBuffer.wrap(bytes(file));
      Throwable failure =
          assertThrows(
                  InvocationTargetException.class,
                  () -> audio.getMethod("read", ByteBuffer.class).invoke(null, content))
              .getCause();
      assertEquals(W2vBertException.class.getName(), failure.getClass().getName());
      assertEquals(
          "Cannot read audio buffer: it is "
              + format
              + ", whose decoder is not there; expected the Maven artifact "
              + artifact
              + ", which io.github.w2vbert:w2vbert-platform brings",
          failure.getMessage());
      Object flac =
          audio
              .getMethod("read", ByteBuffer.class)
              .invoke(null, ByteBuffer.wrap(bytes("speech.flac")));
      assertEquals(8000, audio.getMethod("length").invoke(flac));
    }
  }

  @Test
  void onTheModulePathAbsentDecodersAreToBeAdded() {
    Module unnamed = AudioReaderTest.class.getClassLoader().getUnnamedModule();
    assertEquals("", AudioReader.addModules(unnamed, "org.jcraft:jorbis"));
    assertEquals(
        "; on the module path also --add-modules jorbis",
        AudioReader.addModules(Object.class.getModule(), "org.jcraft:jorbis"));
  }

  /** A FLAC header for 16 kHz, mono, and the mark of a last metadata block left out. */
  private static ByteBuffer flac(long total, int bits) {
    ByteBuffer header = ByteBuffer.allocate(42).put(ascii("fLaC")).putInt(34);
    header.putShort((short) 4096).putShort((short) 4096).putShort((short) 0).putInt(0);
    header.putLong(16_000L << 44 | bits - 1L << 36 | total);
    return header;
  }

  /** Makes the comment packet, which begins the second page, declare 2^31 - 1 comments. */
  private void declareManyComments(byte[] page) {
    int at = new String(page, StandardCharsets.ISO_8859_1).indexOf("\3vorbis");
    if (at >= 0) {
      ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN).putInt(at + 7, Integer.MAX_VALUE - 1);
    }
  }

  /** The file with every page changed, and then its checksum made to fit. */
  private static byte[] repaired(byte[] ogg, Consumer<byte[]> change) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int at = 0;
    while (at + 27 <= ogg.length && at + 27 + (ogg[at + 26] & 0xFF) <= ogg.length) {
      int next = nextPage(ogg, at);
      byte[] page = Arrays.copyOfRange(ogg, at, Math.min(next, ogg.length));
      change.accept(page);
      ByteBuffer.wrap(page).putInt(22, 0);
      int crc = 0;
      for (byte value : page) {
        crc ^= value << 24;
        for (int bit = 0; bit < 8; bit++) {
          crc = crc << 1 ^ (crc < 0 ? 0x04C11DB7 : 0);
        }
      }
      ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN).putInt(22, crc);
      out.writeBytes(page);
      at = next;
    }
    return out.toByteArray();
  }

  private static int nextPage(byte[] ogg, int at) {
    int segments = ogg[at + 26] & 0xFF;
    int next = at + 27 + segments;
    for (int i = 0; i < segments; i++) {
      next += ogg[at + 27 + i] & 0xFF;
    }
    return next;
  }

  private static double signalToNoise(float[] expected, float[] actual) {
    double signal = 0;
    double noise = 0;
    for (int i = 0; i < expected.length; i++) {
      signal += expected[i] * (double) expected[i];
      noise += Math.pow(actual[i] - (double) expected[i], 2);
    }
    return 10 * Math.log10(signal / noise);
  }

  private static Audio source(String name) throws IOException {
    return name.equals("speech")
        ? Audio.read(Golden.dir().resolve("e2e/ctc_plain/audio_0.wav")).slice(0, 8000)
        : read(bytes(name));
  }

  private static Audio read(byte[] content) {
    return Audio.read(ByteBuffer.wrap(content));
  }

  private Audio[] readAllWays(byte[] content) throws IOException {
    Path file = Files.write(folder.resolve("clip"), content);
    return new Audio[] {
      Audio.read(file), Audio.read(new ByteArrayInputStream(content)), read(content)
    };
  }

  private static void assertRefused(byte[] content, String expected) {
    String message = assertThrows(IllegalArgumentException.class, () -> read(content)).getMessage();
    assertTrue(message.contains(expected), message);
  }

  private static byte[] bytes(String name) throws IOException {
    try (InputStream in = AudioReaderTest.class.getResourceAsStream("/audio/" + name)) {
      return in.readAllBytes();
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
