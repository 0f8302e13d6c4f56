package io.github.w2vbert;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/**
 * Reads one RIFF/WAVE, RF64 or BW64 clip, known by its first four bytes. Nothing is allocated on
 * the word of a header: arrays grow with the bytes that arrive. The RIFF size and the byte rate,
 * wrong in many files, are not checked.
 */
final class WavReader {
  private static final int FORMAT_PCM = 0x0001;
  private static final int FORMAT_IEEE_FLOAT = 0x0003;
  private static final int FORMAT_EXTENSIBLE = 0xFFFE;

  private static final String SUPPORTED =
      "PCM (0x0001) with 8, 16, 24 or 32 bits, IEEE float (0x0003) with 32 or 64 bits, or"
          + " WAVE_FORMAT_EXTENSIBLE (0xFFFE) with one of these";

  private static final Map<Integer, String> FORMAT_NAMES =
      Map.ofEntries(
          Map.entry(0x0002, "Microsoft ADPCM"),
          Map.entry(0x0006, "A-law"),
          Map.entry(0x0007, "mu-law"),
          Map.entry(0x0011, "IMA ADPCM"),
          Map.entry(0x0031, "GSM 6.10"),
          Map.entry(0x0040, "G.721 ADPCM"),
          Map.entry(0x0050, "MPEG"),
          Map.entry(0x0055, "MP3"),
          Map.entry(0x0064, "G.726 ADPCM"),
          Map.entry(0x00FF, "AAC"),
          Map.entry(0x0161, "Windows Media Audio"),
          Map.entry(0x2000, "AC-3"),
          Map.entry(0xF1AC, "FLAC"));

  /** Bytes 2 to 15 of a subformat GUID whose first two are a format tag (mmreg.h, as stored). */
  private static final byte[] GUID_TAIL = {
    0, 0, 0, 0, 0x10, 0, (byte) 0x80, 0, 0, (byte) 0xAA, 0, 0x38, (byte) 0x9B, 0x71
  };

  private static final long SIZE_UNKNOWN = 0xFFFFFFFFL; // or, in RF64, stated by ds64
  private static final long UNTIL_END = Long.MAX_VALUE;
  private static final int BUFFER_BYTES = 1 << 16;

  private final InputStream in;
  private final long sourceSize; // in bytes, -1 if unknown
  private final String source; // named in every refusal
  private long position;

  private boolean wide; // RF64 or BW64: 64-bit sizes in a ds64 chunk
  private long riffSize;
  private long dataSize64 = -1;

  private Encoding encoding; // null until the fmt chunk was read
  private int channels;
  private int sampleRate;
  private int blockAlign;

  private WavReader(InputStream in, long sourceSize, String source) {
    this.in = in;
    this.sourceSize = sourceSize;
    this.source = source;
  }

  /**
   * Reads up to the end of the data chunk.
   *
   * @param sourceSize size of the source in bytes, -1 if unknown
   * @param source what to call it in messages
   */
  static Audio read(InputStream in, long sourceSize, String source) throws IOException {
    return new WavReader(in, sourceSize, source).read();
  }

  private Audio read() throws IOException {
    readRiffHeader();
    while (true) {
      byte[] header = readUpTo(8);
      if (header.length == 0) {
        throw refuse("it ends at byte " + position + " without a \"data\" chunk, expected one");
      }
      requireBytes(header, 8, "a chunk header");
      String id = chunkId(header);
      long size = little(header).getInt(4) & 0xFFFFFFFFL;
      if (id.equals("data")) {
        return readData(size);
      }
      int wanted = id.equals("fmt ") ? 40 : id.equals("ds64") && wide ? 24 : 0;
      byte[] body = readUpTo((int) Math.min(size, wanted));
      long present = body.length + skip(size - body.length);
      if (present < size) {
        throw refuse(chunk(id) + " declares " + size + " bytes, but only " + present + " follow");
      }
      skip(size & 1);
      if (id.equals("fmt ")) {
        readFormat(body);
      } else if (wanted > 0) {
        readSizes(body);
      }
    }
  }

  private void readRiffHeader() throws IOException {
    byte[] header = readUpTo(12);
    requireBytes(header, 12, "the RIFF header");
    wide = !chunkId(header).equals("RIFF");
    riffSize = little(header).getInt(4) & 0xFFFFFFFFL;
    String form = chunkId(Arrays.copyOfRange(header, 8, 12));
    if (!form.equals("WAVE")) {
      throw refuse("RIFF form type is " + AudioReader.quote(form) + ", expected \"WAVE\"");
    }
  }

  private void readSizes(byte[] body) {
    if (body.length < 24) {
      throw refuse(chunk("ds64") + " has " + body.length + " bytes, expected at least 24");
    }
    riffSize = little(body).getLong(0);
    dataSize64 = little(body).getLong(8);
    if (dataSize64 < -1) {
      throw refuse(
          chunk("ds64")
              + " dataSize is "
              + Long.toUnsignedString(dataSize64)
              + ", expected at most 2^63 - 1");
    }
  }

  private void readFormat(byte[] body) {
    if (encoding != null) {
      throw refuse("it has two \"fmt \" chunks, expected one");
    }
    if (body.length < 16) {
      throw refuse(chunk("fmt ") + " has " + body.length + " bytes, expected at least 16");
    }
    ByteBuffer fields = little(body);
    int tag = fields.getShort(0) & 0xFFFF;
    channels = fields.getShort(2) & 0xFFFF;
    long rate = fields.getInt(4) & 0xFFFFFFFFL;
    blockAlign = fields.getShort(12) & 0xFFFF;
    int bits = fields.getShort(14) & 0xFFFF;
    if (tag == FORMAT_EXTENSIBLE) {
      tag = subformat(body, bits);
    }
    if (tag != FORMAT_PCM && tag != FORMAT_IEEE_FLOAT) {
      throw refuse(
          String.format(
              "format tag is 0x%04X (%s), expected %s",
              tag, FORMAT_NAMES.getOrDefault(tag, "unknown"), SUPPORTED));
    }
    if (channels < 1 || channels > Audio.MAX_CHANNELS) {
      throw refuse("channels is " + channels + ", expected 1 to " + Audio.MAX_CHANNELS);
    }
    if (rate < 1 || rate > Audio.MAX_SAMPLE_RATE) {
      throw refuse("sample rate is " + rate + " Hz, expected 1 to " + Audio.MAX_SAMPLE_RATE);
    }
    sampleRate = (int) rate;
    Encoding found = Encoding.of(tag == FORMAT_IEEE_FLOAT, bits);
    if (found == null) {
      throw refuse(
          "bits per sample is "
              + bits
              + (tag == FORMAT_PCM ? " of PCM" : " of IEEE float")
              + ", expected "
              + SUPPORTED);
    }
    if (blockAlign != channels * found.bytes) {
      throw refuse(
          "block align is "
              + blockAlign
              + ", expected "
              + channels * found.bytes
              + " for "
              + channels
              + " channel(s) of "
              + bits
              + " bits");
    }
    encoding = found;
  }

  /**
   * Format tag inside WAVE_FORMAT_EXTENSIBLE; fewer valid bits are kept high-aligned by writers.
   */
  private int subformat(byte[] body, int bits) {
    if (body.length < 40) {
      throw refuse(
          chunk("fmt ")
              + " of WAVE_FORMAT_EXTENSIBLE has "
              + body.length
              + " bytes, expected at least 40");
    }
    int validBits = little(body).getShort(18) & 0xFFFF;
    if (validBits > bits) {
      throw refuse("valid bits per sample is " + validBits + ", expected at most " + bits);
    }
    if (!Arrays.equals(body, 26, 40, GUID_TAIL, 0, GUID_TAIL.length)) {
      StringBuilder guid = new StringBuilder();
      for (int i = 24; i < 40; i++) {
        guid.append(String.format("%02x", body[i]));
      }
      throw refuse("subformat GUID (as stored) is " + guid + ", expected " + SUPPORTED);
    }
    return little(body).getShort(24) & 0xFFFF;
  }

  private Audio readData(long declared32) throws IOException {
    if (encoding == null) {
      throw refuse("its \"data\" chunk comes before any \"fmt \" chunk, expected \"fmt \" first");
    }
    long declared = declared32;
    if (wide && declared32 == SIZE_UNKNOWN) {
      declared = dataSize64 < 0 ? SIZE_UNKNOWN : dataSize64;
    }
    boolean open = isPlaceholder(declared);
    if (!open && declared % blockAlign != 0) {
      throw refuse(
          chunk("data")
              + " declares "
              + declared
              + " bytes, expected a multiple of the block align "
              + blockAlign);
    }
    boolean endless = open && (declared == 0 || declared == SIZE_UNKNOWN);
    long limit = endless ? UNTIL_END : declared - declared % blockAlign;
    long known = sourceSize < 0 ? UNTIL_END : Math.max(0, sourceSize - position);
    long expected = Math.min(limit, known);
    int bufferBytes = (int) Math.max(blockAlign, Math.min(expected, BUFFER_BYTES));
    byte[] buffer = new byte[bufferBytes - bufferBytes % blockAlign];
    // A source of known size is read into arrays of the final length, a stream into growing ones.
    long firstCapacity = sourceSize < 0 ? buffer.length / blockAlign : expected / blockAlign;
    float[][] planes = new float[channels][(int) Math.min(firstCapacity, Audio.MAX_SAMPLES)];
    int count = 0;
    long read = 0;
    while (read < limit) {
      int got = in.readNBytes(buffer, 0, (int) Math.min(buffer.length, limit - read));
      read += got;
      int whole = got / blockAlign;
      if (whole > Audio.MAX_SAMPLES - count) {
        throw refuse(
            "it has more than "
                + Audio.MAX_SAMPLES
                + " samples per channel, expected at most that");
      }
      grow(planes, count, whole);
      decode(buffer, whole, planes, count);
      count += whole;
      if (got < buffer.length) {
        break;
      }
    }
    if (!open && read < declared) {
      throw refuse(
          chunk("data") + " declares " + declared + " bytes, but only " + read + " follow");
    }
    if (read % blockAlign != 0) {
      throw refuse(
          "it ends inside a sample, "
              + read
              + " bytes into the data, expected a multiple of the"
              + " block align "
              + blockAlign);
    }
    for (int c = 0; c < channels; c++) {
      planes[c] = planes[c].length == count ? planes[c] : Arrays.copyOf(planes[c], count);
    }
    return new Audio(planes, sampleRate);
  }

  /**
   * Whether a data size stands for "until the end": what programs write into a pipe, where they
   * cannot come back to the header. 0 is such a placeholder unless the RIFF size says that
   * something follows.
   */
  private boolean isPlaceholder(long size) {
    if (size == 0) {
      return riffSize == SIZE_UNKNOWN || riffSize + 8 <= position;
    }
    return size == SIZE_UNKNOWN // FFmpeg
        || size == 0x80000000L // arecord
        || size == 0x7FFFF000L - 0x7FFFF000L % blockAlign; // SoX
  }

  private static void grow(float[][] planes, int count, int more) {
    int capacity = planes[0].length;
    if (more > capacity - count) {
      int larger = (int) Math.min(Math.max(2L * capacity, (long) count + more), Audio.MAX_SAMPLES);
      for (int c = 0; c < planes.length; c++) {
        planes[c] = Arrays.copyOf(planes[c], larger);
      }
    }
  }

  private void decode(byte[] bytes, int whole, float[][] planes, int at) {
    ByteBuffer data = little(bytes);
    for (int c = 0; c < channels; c++) {
      encoding.decode(data, c * encoding.bytes, blockAlign, planes[c], at, whole);
      if (encoding.isFloat) {
        for (int i = at; i < at + whole; i++) {
          if (!Audio.isAccepted(planes[c][i])) {
            throw refuse(
                "sample "
                    + i
                    + " of channel "
                    + c
                    + " is "
                    + planes[c][i]
                    + ", expected "
                    + Audio.ACCEPTED);
          }
        }
      }
    }
  }

  private byte[] readUpTo(int count) throws IOException {
    byte[] bytes = in.readNBytes(count);
    position += bytes.length;
    return bytes;
  }

  /** Reads rather than seeks: a file stream can seek past its end without notice. */
  private long skip(long count) throws IOException {
    byte[] sink = new byte[(int) Math.min(count, 8192)];
    long skipped = 0;
    while (skipped < count) {
      int got = in.readNBytes(sink, 0, (int) Math.min(sink.length, count - skipped));
      if (got == 0) {
        break;
      }
      skipped += got;
    }
    position += skipped;
    return skipped;
  }

  private void requireBytes(byte[] bytes, int expected, String what) {
    if (bytes.length < expected) {
      throw refuse(
          "it ends at byte "
              + position
              + " inside "
              + what
              + ", expected "
              + expected
              + " bytes of it, got "
              + bytes.length);
    }
  }

  private IllegalArgumentException refuse(String what) {
    return new IllegalArgumentException("Cannot read " + source + ": " + what);
  }

  private static String chunk(String id) {
    return "chunk " + AudioReader.quote(id);
  }

  private static String chunkId(byte[] header) {
    return new String(header, 0, 4, StandardCharsets.ISO_8859_1);
  }

  private static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** How one sample is stored. Integers divide by a power of two, so up to 24 bits are exact. */
  private enum Encoding {
    PCM_8(1, false) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = ((in.get(p) & 0xFF) - 128) * 0x1p-7f;
        }
      }
    },
    PCM_16(2, false) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = in.getShort(p) * 0x1p-15f;
        }
      }
    },
    PCM_24(3, false) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = (in.getShort(p) & 0xFFFF | in.get(p + 2) << 16) * 0x1p-23f;
        }
      }
    },
    PCM_32(4, false) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = in.getInt(p) * 0x1p-31f;
        }
      }
    },
    FLOAT_32(4, true) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = in.getFloat(p);
        }
      }
    },
    FLOAT_64(8, true) {
      @Override
      void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count) {
        for (int i = 0, p = from; i < count; i++, p += stride) {
          out[at + i] = (float) in.getDouble(p);
        }
      }
    };

    final int bytes;
    final boolean isFloat;

    Encoding(int bytes, boolean isFloat) {
      this.bytes = bytes;
      this.isFloat = isFloat;
    }

    /** Reads {@code count} samples at {@code from}, {@code from + stride}, ... */
    abstract void decode(ByteBuffer in, int from, int stride, float[] out, int at, int count);

    /** The encoding, or null if there is none with that many bits. */
    static Encoding of(boolean isFloat, int bits) {
      for (Encoding encoding : values()) {
        if (encoding.isFloat == isFloat && encoding.bytes * 8 == bits) {
          return encoding;
        }
      }
      return null;
    }
  }
}
