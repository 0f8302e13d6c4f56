package io.github.w2vbert;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javazoom.jl.decoder.Bitstream;
import javazoom.jl.decoder.BitstreamException;
import javazoom.jl.decoder.Header;
import javazoom.jl.decoder.LayerIIIDecoder;
import javazoom.jl.decoder.OutputBuffer;
import javazoom.jl.decoder.SynthesisFilter;

/**
 * Decodes MP3 (MPEG 1, 2 and 2.5, layer III) with JLayer. Frames are found and checked here and
 * handed to the decoder one by one; its samples are taken as floats, before it rounds them to 16
 * bits.
 *
 * <p>JLayer is pure Java and on Maven Central. The release is of 2013, so its faults, worked around
 * below, are here to stay.
 *
 * <p>Encoders put silence before and behind the sound. A LAME header says how much, and it is cut
 * off; without that header it stays, 1105 samples at the beginning with LAME's usual settings.
 */
final class Mp3Reader {
  private static final int BOTH_CHANNELS = 0;

  /** Delay of the decoder: of the filter bank and the overlap. */
  private static final int DECODER_DELAY = 528 + 1;

  /** Held while decoders are made: JLayer fills static tables with the first ones. */
  static final Object TABLES = new Object();

  private final AudioInput input;
  private final Feed feed = new Feed();
  private final Bitstream bitstream = new Bitstream(feed);
  private final Samples samples = new Samples();

  private Mp3Header first; // which all frames are like
  private long position; // where the latest frame begins
  private LayerIIIDecoder decoder; // null before the first frame

  // What a header frame before the sound says.
  private long declaredFrames = -1;
  private int delay; // samples to cut off at the beginning
  private int padding; // and at the end

  private Mp3Reader(AudioInput input) {
    this.input = input;
  }

  /** Reads a file from its first frame on. */
  static Audio read(AudioInput input) throws IOException {
    return new Mp3Reader(input).read();
  }

  private Audio read() throws IOException {
    first = Mp3Header.of(input.peek(Mp3Header.SIZE));
    int channels = first.channels();
    int length = first.samples();
    samples.planes = new float[channels][length];
    ClipBuilder clip = new ClipBuilder(input, channels);
    int[] start = new int[channels];
    boolean sounds = false; // whether a frame has been decoded
    long frames = 0;
    for (byte[] frame; (frame = nextFrame(frames)) != null; ) {
      if (frames == 0 && declaredFrames < 0 && isHeaderFrame(frame)) {
        continue;
      }
      Arrays.fill(samples.counts, 0);
      decode(frame, frames);
      sounds |= samples.counts[0] > 0;
      // The first frames of a clip cut from a longer one need frames that are gone: silence.
      for (int c = 0; c < channels && sounds; c++) {
        if (samples.counts[c] != length) {
          throw input.refuse(
              frameName(frames)
                  + " decodes to "
                  + samples.counts[c]
                  + " samples, expected "
                  + length);
        }
      }
      clip.append(samples.planes, start, length);
      frames++;
    }
    if (frames > 0 && !sounds) {
      throw input.refuse(
          "none of its " + frames + " MP3 frames can be decoded, expected one or more");
    }
    // Encoders other than LAME may count their header, too.
    if (frames < declaredFrames - (delay > 0 ? 0 : 1)) {
      throw input.refuse(
          "its header declares " + declaredFrames + " frames, but " + frames + " follow");
    }
    long begin = Math.min(delay, clip.length());
    long end = clip.length() - (frames > declaredFrames && declaredFrames > 0 ? 0 : padding);
    return clip.build(begin, Math.max(begin, end), first.sampleRate());
  }

  /** The next frame; null at the end, or at a tag behind the sound, zeros before them or not. */
  private byte[] nextFrame(long index) throws IOException {
    position = input.position();
    byte[] start = input.peek(Mp3Header.SIZE);
    if (start.length > 0 && start[0] == 0) {
      input.skipZeros();
      byte[] behind = input.peek(Mp3Header.SIZE);
      start = behind.length == 0 || isTag(behind) ? behind : start;
    }
    if (start.length == 0 || isTag(start)) {
      return null;
    }
    Mp3Header header = Mp3Header.of(start);
    if (header == null) {
      throw input.refuse(
          frameName(index)
              + " begins with "
              + AudioReader.quote(new String(start, StandardCharsets.ISO_8859_1))
              + ", expected a frame of MPEG layer III with a bit rate");
    }
    if (!header.fits(first)) {
      throw input.refuse(frameName(index) + " is " + header + ", expected one like " + first);
    }
    return input.readFully(header.bytes(), frameName(index));
  }

  private void decode(byte[] frame, long index) {
    feed.frame = new ByteArrayInputStream(frame);
    try {
      Header header = bitstream.readFrame();
      if (header != null) {
        if (decoder == null) {
          decoder = decoder(header);
        }
        decoder.decodeFrame();
      }
      bitstream.closeFrame();
    } catch (W2vBertException e) {
      throw e;
    } catch (BitstreamException | RuntimeException e) {
      throw input.undecodable(frameName(index), e);
    }
  }

  private LayerIIIDecoder decoder(Header header) {
    synchronized (TABLES) {
      SynthesisFilter left = new SynthesisFilter(0, 1, null);
      SynthesisFilter right = new SynthesisFilter(1, 1, null);
      LayerIIIDecoder made =
          new LayerIIIDecoder(bitstream, header, left, right, samples, BOTH_CHANNELS);
      if (first.sampleRate() == 24_000) {
        correctBands(made);
      }
      return made;
    }
  }

  /** JLayer has a typing error in its scale factor bands of 24 kHz (ISO 13818-3, table B.2). */
  private void correctBands(LayerIIIDecoder decoder) {
    try {
      Field field = LayerIIIDecoder.class.getDeclaredField("sfBandIndex");
      field.setAccessible(true);
      Object bands = Array.get(field.get(decoder), 1); // of 24 kHz
      Field longBands = bands.getClass().getDeclaredField("l");
      longBands.setAccessible(true);
      int[] starts = (int[]) longBands.get(bands);
      if (starts[18] == 330 && starts[17] == 278 && starts[19] == 394) {
        starts[18] = 332;
      }
      if (starts[18] == 332) {
        return;
      }
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw undecodable24kHz(e);
    }
    throw undecodable24kHz(null);
  }

  private W2vBertException undecodable24kHz(Throwable cause) {
    return new W2vBertException(
        "Cannot read "
            + input.source()
            + ": it is MP3 of 24000 Hz, which this version of the decoder gets wrong; expected"
            + " com.badlogicgames.jlayer:jlayer 1.0.2-gdx",
        cause);
  }

  /** Reads the header that encoders write as a first, silent frame, if this is it. */
  private boolean isHeaderFrame(byte[] frame) {
    int at = Mp3Header.SIZE + first.sideInfo();
    ByteBuffer fields = ByteBuffer.wrap(frame);
    if (isAt(frame, Mp3Header.SIZE + 32, "VBRI") && frame.length >= Mp3Header.SIZE + 32 + 18) {
      declaredFrames = fields.getInt(Mp3Header.SIZE + 32 + 14) & 0xFFFFFFFFL;
      return true;
    }
    if (!isAt(frame, at, "Xing") && !isAt(frame, at, "Info") || frame.length < at + 8) {
      return false;
    }
    int flags = fields.getInt(at + 4);
    at += 8;
    declaredFrames = 0;
    if ((flags & 1) != 0 && frame.length >= at + 4) {
      declaredFrames = fields.getInt(at) & 0xFFFFFFFFL;
    }
    for (int field = 0; field < 4; field++) { // frames, bytes, table of contents, quality
      at += (flags >> field & 1) * (field == 2 ? 100 : 4);
    }
    // Nine bytes of encoder name, twelve of other matters, then two numbers of twelve bits.
    if (frame.length >= at + 24 && frame[at] != 0) {
      int both =
          (frame[at + 21] & 0xFF) << 16 | (frame[at + 22] & 0xFF) << 8 | frame[at + 23] & 0xFF;
      delay = (both >> 12) + DECODER_DELAY;
      padding = Math.max(0, (both & 0xFFF) - DECODER_DELAY);
    }
    return true;
  }

  /** Whether the bytes begin a tag: ID3v1, ID3v2, APE or Lyrics3. */
  private static boolean isTag(byte[] start) {
    return isAt(start, 0, "TAG")
        || isAt(start, 0, "ID3")
        || isAt(start, 0, "APET")
        || isAt(start, 0, "LYRI");
  }

  private static boolean isAt(byte[] bytes, int at, String text) {
    return at + text.length() <= bytes.length
        && new String(bytes, at, text.length(), StandardCharsets.ISO_8859_1).equals(text);
  }

  private String frameName(long index) {
    return "MP3 frame " + index + " at byte " + position;
  }

  /** The stream that the decoder reads: it ends with every frame, and goes on with the next. */
  private static final class Feed extends InputStream {
    private InputStream frame = InputStream.nullInputStream();

    @Override
    public int read() throws IOException {
      return frame.read();
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      return frame.read(bytes, offset, length);
    }
  }

  /** Takes the samples of a frame, 32 at a time, before they are rounded. */
  private static final class Samples extends OutputBuffer {
    private final int[] counts = new int[2];
    private float[][] planes;

    Samples() {
      super(2, false);
    }

    @Override
    public void appendSamples(int channel, float[] block) {
      float[] plane = planes[channel];
      for (int i = 0; i < 32; i++) {
        plane[counts[channel]++] = block[i];
      }
    }
  }
}
