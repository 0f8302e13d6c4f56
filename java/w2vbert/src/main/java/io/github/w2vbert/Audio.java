package io.github.w2vbert;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.UUID;

/**
 * A clip of PCM samples: float32, full scale is [-1, 1], one or more channels of equal length.
 *
 * <pre>{@code
 * Audio speech = Audio.read(Path.of("call.wav")).channel(0).resample(16_000);
 * }</pre>
 *
 * <p>Samples beyond full scale are kept. NaN, infinities and magnitudes above 2^64 are refused by
 * every factory: features of such a clip would silently be NaN. A clip may be empty.
 *
 * <p>Immutable: factories copy what they are given, accessors return copies, and any number of
 * threads may share a clip. There is nothing to close. Methods refuse null with
 * NullPointerException.
 */
public final class Audio {
  /** Most channels a clip may have. */
  public static final int MAX_CHANNELS = 256;

  /** Highest sample rate of a clip, in hertz; the lowest is 1. */
  public static final int MAX_SAMPLE_RATE = 768_000;

  /** Most samples per channel: the longest array a JVM allocates. */
  static final int MAX_SAMPLES = Integer.MAX_VALUE - 8;

  /** What {@link #isAccepted} asks for, in words. */
  static final String ACCEPTED = "a finite number of magnitude at most 2^64";

  private static final long NANOS_PER_SECOND = 1_000_000_000L;
  private static final int WAV_HEADER_BYTES = 44;

  private final float[][] planes; // [channels][samples]
  private final int sampleRate;

  /** Takes ownership of checked planes of equal length. */
  Audio(float[][] planes, int sampleRate) {
    this.planes = planes;
    this.sampleRate = sampleRate;
  }

  /**
   * Reads a WAV, FLAC, MP3 or Ogg file; its content decides which, not its name. All channels and
   * the sample rate are kept.
   *
   * <ul>
   *   <li>WAV: RIFF, RF64 or BW64 with integer PCM of 8, 16, 24 or 32 bits or IEEE float of 32 or
   *       64 bits, plain or WAVE_FORMAT_EXTENSIBLE. Integers become {@code sample / 2^(bits - 1)},
   *       so 16 bit is {@code sample / 32768} exactly (8 bit: {@code (sample - 128) / 128}). Chunks
   *       other than {@code fmt}, {@code ds64} and {@code data} are skipped. A data size that a
   *       program writing into a pipe could not fill in (0 or 0xFFFFFFFF, for example) means "until
   *       the end".
   *   <li>FLAC of 4 to 32 bits: the samples of its source, exactly, divided in the same way. All
   *       checksums are checked.
   *   <li>MP3 (MPEG 1, 2 or 2.5, layer III), with or without ID3, APE or Lyrics3 tags. A file with
   *       a LAME header has the length of its source; any other keeps the silence that encoders put
   *       before the sound (with LAME 1105 samples) and behind it.
   *   <li>Ogg with one stream of Vorbis, or of Opus, which is always at 48 kHz: with the length of
   *       the source, and channels in the order of the file. An Opus gain is applied. Vorbis with
   *       3, 5, 6 or 7 channels of which some are coupled, as encoders write 5.1, is refused.
   * </ul>
   *
   * <p>MP3, Vorbis and Opus are decoded by the optional dependencies {@code
   * com.badlogicgames.jlayer:jlayer}, {@code org.jcraft:jorbis} and {@code
   * io.github.jaredmdobson:concentus}, which {@code w2vbert-platform} brings; on the module path
   * also {@code --add-modules jlayer,jorbis,concentus}. A file that is cut off is refused, except
   * an MP3 without a header that is cut between two frames; where the beginning is missing, an MP3
   * begins with silence.
   *
   * @throws IllegalArgumentException if the content is not such a file, is damaged or is cut off,
   *     or if a compressed clip would take more than half of the Java heap
   * @throws W2vBertException if the decoder is not there
   * @throws IOException if reading fails
   */
  public static Audio read(Path file) throws IOException {
    long size = Files.isRegularFile(file) ? Files.size(file) : -1;
    try (InputStream in = Files.newInputStream(file)) {
      return AudioReader.read(in, size, file.toString());
    }
  }

  /**
   * Reads a file, as {@link #read(Path)}, from a stream, which needs no mark and is not closed: of
   * WAV to the end of the samples, of other formats further, up to its end. Memory grows with the
   * bytes that arrive, whatever a header says; but a compressed file may decode to thousands of
   * times its size, at most to half of the Java heap. Limit the stream, and how many are read at
   * once, if senders are not trusted.
   *
   * @throws IllegalArgumentException as {@link #read(Path)}
   * @throws W2vBertException if the decoder is not there
   * @throws IOException if reading fails
   */
  public static Audio read(InputStream in) throws IOException {
    return AudioReader.read(Objects.requireNonNull(in, "in"), -1, "audio stream");
  }

  /**
   * Reads a file, as {@link #read(Path)}, from the bytes between position and limit. The buffer is
   * left as it is; its byte order does not matter.
   *
   * @throws IllegalArgumentException as {@link #read(Path)}
   * @throws W2vBertException if the decoder is not there
   */
  public static Audio read(ByteBuffer file) {
    try {
      return AudioReader.read(new BufferStream(file.duplicate()), file.remaining(), "audio buffer");
    } catch (IOException e) {
      throw new AssertionError("reading a buffer does no I/O", e);
    }
  }

  /**
   * A mono clip of float samples, copied.
   *
   * @throws IllegalArgumentException if a sample is refused (see above), or the rate is not 1 to
   *     {@value #MAX_SAMPLE_RATE}
   */
  public static Audio of(float[] samples, int sampleRate) {
    return ofInterleaved(samples, 1, sampleRate);
  }

  /**
   * A mono clip of 16-bit samples, each divided by 32768.
   *
   * @throws IllegalArgumentException if the rate is not 1 to {@value #MAX_SAMPLE_RATE}
   */
  public static Audio of(short[] samples, int sampleRate) {
    return ofInterleaved(samples, 1, sampleRate);
  }

  /**
   * A mono clip of the floats between position and limit, copied; the buffer is left as it is.
   *
   * @throws IllegalArgumentException as {@link #of(float[], int)}
   */
  public static Audio of(FloatBuffer samples, int sampleRate) {
    float[] plane = new float[samples.remaining()];
    samples.duplicate().get(plane);
    requireRate(sampleRate);
    requireAccepted(plane);
    return new Audio(new float[][] {plane}, sampleRate);
  }

  /**
   * A mono clip of the 16-bit samples between position and limit, each divided by 32768; the buffer
   * is left as it is.
   *
   * @throws IllegalArgumentException if the rate is not 1 to {@value #MAX_SAMPLE_RATE}
   */
  public static Audio of(ShortBuffer samples, int sampleRate) {
    short[] copy = new short[samples.remaining()];
    samples.duplicate().get(copy);
    return of(copy, sampleRate);
  }

  /**
   * A clip of float samples in the order channel 0, channel 1, ..., channel 0, ..., copied.
   *
   * @throws IllegalArgumentException if a sample is refused (see above), the length is not a
   *     multiple of the channels, channels is not 1 to {@value #MAX_CHANNELS}, or the rate is not 1
   *     to {@value #MAX_SAMPLE_RATE}
   */
  public static Audio ofInterleaved(float[] samples, int channels, int sampleRate) {
    requireLayout(samples.length, channels, sampleRate);
    float[][] planes = new float[channels][samples.length / channels];
    for (int c = 0; c < channels; c++) {
      for (int i = 0, at = c; at < samples.length; i++, at += channels) {
        float sample = samples[at]; // read once: what is checked must be what is kept
        requireAccepted(sample, at);
        planes[c][i] = sample;
      }
    }
    return new Audio(planes, sampleRate);
  }

  /**
   * A clip of 16-bit samples in the order channel 0, channel 1, ..., channel 0, ..., each divided
   * by 32768.
   *
   * @throws IllegalArgumentException if the length is not a multiple of the channels, channels is
   *     not 1 to {@value #MAX_CHANNELS}, or the rate is not 1 to {@value #MAX_SAMPLE_RATE}
   */
  public static Audio ofInterleaved(short[] samples, int channels, int sampleRate) {
    requireLayout(samples.length, channels, sampleRate);
    float[][] planes = new float[channels][samples.length / channels];
    for (int c = 0; c < channels; c++) {
      for (int i = 0, at = c; at < samples.length; i++, at += channels) {
        planes[c][i] = samples[at] * 0x1p-15f;
      }
    }
    return new Audio(planes, sampleRate);
  }

  /** Samples per second, in hertz. */
  public int sampleRate() {
    return sampleRate;
  }

  /** Number of channels, at least 1. */
  public int channels() {
    return planes.length;
  }

  /** Whether there is exactly one channel, as the models need. */
  public boolean isMono() {
    return planes.length == 1;
  }

  /** Number of samples in each channel. */
  public int length() {
    return planes[0].length;
  }

  /** Length divided by sample rate, rounded down to nanoseconds. */
  public Duration duration() {
    return Duration.ofSeconds(
        length() / sampleRate, length() % sampleRate * NANOS_PER_SECOND / sampleRate);
  }

  /** A copy of all samples, channels interleaved; of a mono clip, simply its samples. */
  public float[] samples() {
    if (isMono()) {
      return planes[0].clone();
    }
    long total = (long) length() * channels();
    if (total > MAX_SAMPLES) {
      throw new IllegalStateException(
          "The clip has "
              + total
              + " samples in all, more than one array holds ("
              + MAX_SAMPLES
              + "): use samples(channel)");
    }
    float[] interleaved = new float[(int) total];
    for (int c = 0; c < planes.length; c++) {
      for (int i = 0, at = c; i < planes[c].length; i++, at += planes.length) {
        interleaved[at] = planes[c][i];
      }
    }
    return interleaved;
  }

  /**
   * A copy of the samples of one channel.
   *
   * @throws IllegalArgumentException if there is no such channel
   */
  public float[] samples(int channel) {
    return planes[requireChannel(channel)].clone();
  }

  /**
   * The samples of a mono clip, not copied: never written to.
   *
   * @throws IllegalArgumentException if there is more than one channel
   */
  float[] monoSamples() {
    if (!isMono()) {
      throw new IllegalArgumentException(
          "The audio has "
              + channels()
              + " channels, expected 1: choose with channel(int) or"
              + " mixToMono()");
    }
    return planes[0];
  }

  /**
   * A mono clip of one channel, counted from 0.
   *
   * @throws IllegalArgumentException if there is no such channel
   */
  public Audio channel(int channel) {
    return isMono() && requireChannel(channel) == 0
        ? this
        : new Audio(new float[][] {planes[requireChannel(channel)]}, sampleRate);
  }

  /** A mono clip of the mean over the channels. */
  public Audio mixToMono() {
    if (isMono()) {
      return this;
    }
    float[] mean = new float[length()];
    for (int i = 0; i < mean.length; i++) {
      double sum = 0;
      for (float[] plane : planes) {
        sum += plane[i];
      }
      mean[i] = (float) (sum / planes.length);
    }
    return new Audio(new float[][] {mean}, sampleRate);
  }

  /**
   * This clip at another rate, of length {@code ceil(length * rate / sampleRate)}: output sample m
   * lies at the time m / rate, without delay. A linear-phase low-pass (Kaiser-windowed sinc) passes
   * up to 0.91 of the lower Nyquist frequency unchanged and stops everything from that Nyquist
   * frequency on, both to better than -100 dB; a constant stays that constant. Outside the clip is
   * silence. Same rate: this clip.
   *
   * @throws IllegalArgumentException if the rate is not 1 to {@value #MAX_SAMPLE_RATE}, or the
   *     result would be longer than an array
   */
  public Audio resample(int rate) {
    requireRate(rate);
    if (rate == sampleRate) {
      return this;
    }
    long length = Resampler.outputLength(length(), sampleRate, rate);
    if (length > MAX_SAMPLES) {
      throw new IllegalArgumentException(
          "Resampling "
              + length()
              + " samples from "
              + sampleRate
              + " to "
              + rate
              + " Hz gives "
              + length
              + " samples, expected at most "
              + MAX_SAMPLES);
    }
    float[][] resampled = new float[planes.length][];
    for (int c = 0; c < planes.length; c++) {
      resampled[c] = Resampler.resample(planes[c], sampleRate, rate);
    }
    return new Audio(resampled, rate);
  }

  /**
   * The samples {@code from} (inclusive) to {@code to} (exclusive) of every channel, copied.
   *
   * @throws IllegalArgumentException unless 0 &lt;= from &lt;= to &lt;= length
   */
  public Audio slice(int from, int to) {
    if (from < 0 || from > to || to > length()) {
      throw new IllegalArgumentException(
          "Cannot slice samples "
              + from
              + " to "
              + to
              + ", expected 0 <= from <= to <= "
              + length());
    }
    float[][] part = new float[planes.length][];
    for (int c = 0; c < planes.length; c++) {
      part[c] = Arrays.copyOfRange(planes[c], from, to);
    }
    return new Audio(part, sampleRate);
  }

  /**
   * The samples between two times from the start, each rounded to the nearest sample.
   *
   * @throws IllegalArgumentException unless 0 &lt;= from &lt;= to &lt;= duration
   */
  public Audio slice(Duration from, Duration to) {
    if (from.isNegative() || from.compareTo(to) > 0 || sampleIndex(to) > length()) {
      throw new IllegalArgumentException(
          "Cannot slice " + from + " to " + to + ", expected PT0S <= from <= to <= " + duration());
    }
    return slice((int) sampleIndex(from), (int) sampleIndex(to));
  }

  /** Nearest sample to a time that is not negative; beyond the clip, anything above the length. */
  private long sampleIndex(Duration time) {
    if (time.getSeconds() > length()) {
      return Long.MAX_VALUE;
    }
    return time.getSeconds() * sampleRate
        + (time.getNano() * (long) sampleRate + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND;
  }

  /**
   * Writes a 16-bit PCM WAV file: samples times 32768, rounded to the nearest integer, limited to
   * [-32768, 32767]. A clip read from 16 bits is written back exactly. The file appears complete or
   * not at all: it is written under another name in the same folder and renamed, replacing what was
   * there.
   *
   * @throws IllegalArgumentException if the clip is too long for the format's 32-bit sizes
   * @throws IOException if writing fails
   */
  public void writeWav(Path file) throws IOException {
    requireWavSize(file.toString());
    Path target = file.toAbsolutePath();
    Path temporary = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID());
    try {
      try (OutputStream out = Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW)) {
        writeWav(out);
      }
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /**
   * Writes a 16-bit PCM WAV file, as {@link #writeWav(Path)}, to a stream, which is not closed.
   *
   * @throws IllegalArgumentException if the clip is too long for the format's 32-bit sizes
   * @throws IOException if writing fails
   */
  public void writeWav(OutputStream out) throws IOException {
    requireWavSize("audio stream");
    out.write(wavHeader());
    writeSamples(out);
  }

  private void requireWavSize(String target) {
    long dataBytes = 2L * length() * channels();
    if (dataBytes > 0x7FFFFFFFL) {
      throw new IllegalArgumentException(
          "Cannot write "
              + target
              + ": the samples take "
              + dataBytes
              + " bytes, expected at most "
              + 0x7FFFFFFFL);
    }
  }

  private byte[] wavHeader() {
    int blockAlign = 2 * channels();
    int dataBytes = length() * blockAlign;
    return ByteBuffer.allocate(WAV_HEADER_BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(new byte[] {'R', 'I', 'F', 'F'})
        .putInt(WAV_HEADER_BYTES - 8 + dataBytes)
        .put(new byte[] {'W', 'A', 'V', 'E', 'f', 'm', 't', ' '})
        .putInt(16)
        .putShort((short) 1)
        .putShort((short) channels())
        .putInt(sampleRate)
        .putInt(sampleRate * blockAlign)
        .putShort((short) blockAlign)
        .putShort((short) 16)
        .put(new byte[] {'d', 'a', 't', 'a'})
        .putInt(dataBytes)
        .array();
  }

  private void writeSamples(OutputStream out) throws IOException {
    ByteBuffer block = ByteBuffer.allocate(128 * 2 * channels()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < length(); i++) {
      for (float[] plane : planes) {
        int rounded = Math.round(plane[i] * 32768);
        block.putShort((short) Math.max(-32768, Math.min(32767, rounded)));
      }
      if (!block.hasRemaining() || i == length() - 1) {
        out.write(block.array(), 0, block.position());
        block.clear();
      }
    }
  }

  /** For logs: length, channels and rate, no samples. */
  @Override
  public String toString() {
    return "Audio[samples="
        + length()
        + ", channels="
        + channels()
        + ", sampleRate="
        + sampleRate
        + "]";
  }

  /** Whether features of this sample are finite: a power of 2^64 times full scale fits float32. */
  static boolean isAccepted(float sample) {
    return Math.abs(sample) <= 0x1p64f;
  }

  private static void requireAccepted(float[] samples) {
    for (int i = 0; i < samples.length; i++) {
      requireAccepted(samples[i], i);
    }
  }

  private static void requireAccepted(float sample, int index) {
    if (!isAccepted(sample)) {
      throw new IllegalArgumentException(
          "samples[" + index + "] is " + sample + ", expected " + ACCEPTED);
    }
  }

  private static void requireLayout(int length, int channels, int sampleRate) {
    requireRate(sampleRate);
    if (channels < 1 || channels > MAX_CHANNELS) {
      throw new IllegalArgumentException(
          "channels is " + channels + ", expected 1 to " + MAX_CHANNELS);
    }
    if (length % channels != 0) {
      throw new IllegalArgumentException(
          "samples has " + length + " values, expected a multiple of " + channels + " channels");
    }
  }

  private static void requireRate(int sampleRate) {
    if (sampleRate < 1 || sampleRate > MAX_SAMPLE_RATE) {
      throw new IllegalArgumentException(
          "sampleRate is " + sampleRate + " Hz, expected 1 to " + MAX_SAMPLE_RATE);
    }
  }

  private int requireChannel(int channel) {
    if (channel < 0 || channel >= channels()) {
      throw new IllegalArgumentException(
          "channel is " + channel + ", expected 0 to " + (channels() - 1));
    }
    return channel;
  }

  /** The remaining bytes of a buffer as a stream. */
  private static final class BufferStream extends InputStream {
    private final ByteBuffer buffer;

    BufferStream(ByteBuffer buffer) {
      this.buffer = buffer;
    }

    @Override
    public int read() {
      return buffer.hasRemaining() ? buffer.get() & 0xFF : -1;
    }

    @Override
    public int read(byte[] bytes, int offset, int count) {
      if (count == 0) {
        return 0;
      }
      if (!buffer.hasRemaining()) {
        return -1;
      }
      int got = Math.min(count, buffer.remaining());
      buffer.get(bytes, offset, got);
      return got;
    }
  }
}
