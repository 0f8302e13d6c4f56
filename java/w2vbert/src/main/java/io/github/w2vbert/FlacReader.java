package io.github.w2vbert;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Reads one FLAC stream (RFC 9639) of 4 to 32 bits. Everything the format offers against damage is
 * checked: both checksums of every frame, their numbers, the total of samples, and the MD5 of all
 * samples.
 *
 * <p>Written here because the decoder on Maven Central, org.jflac:jflac-codec 1.5.2, decodes 32
 * bits wrongly, does not return from some files, and takes a truncated one for a whole one.
 */
final class FlacReader {
  /** Weights of the fixed predictors by order, of the nearest sample first (RFC 9639, 9.2.5). */
  private static final long[][] FIXED = {{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}};

  private static final int[] CRC8 = crcTable(8, 0x07);
  private static final int[] CRC16 = crcTable(16, 0x8005);

  private final AudioInput input;

  // STREAMINFO
  private int maxBlock;
  private int sampleRate;
  private int channels;
  private int bits;
  private long total; // samples per channel; 0 if unknown
  private byte[] md5; // all zero if unknown

  private long frames; // read so far
  private long firstNumber; // of the first frame
  private long[][] block; // [channels][maxBlock]
  private float[][] planes; // the same as floats
  private byte[] digested; // the same as little-endian bytes

  // Bits that have been read from the input and not used: the low `cached` ones, at most 7 between
  // calls, so that the checksums cover exactly the bytes that were used.
  private long cache;
  private int cached;
  private int crc8;
  private int crc16;

  private FlacReader(AudioInput input) {
    this.input = input;
  }

  /** Reads a stream from its mark {@code fLaC} on. */
  static Audio read(AudioInput input) throws IOException {
    return new FlacReader(input).read();
  }

  private Audio read() throws IOException {
    input.skip(4); // fLaC
    readMetadata();
    block = new long[channels][maxBlock];
    planes = new float[channels][maxBlock];
    digested = new byte[maxBlock * channels * ((bits + 7) / 8)];
    int[] start = new int[channels];
    ClipBuilder clip = new ClipBuilder(input, channels);
    MessageDigest digest = md5();
    float scale = Math.scalb(1f, 1 - bits);
    while (total == 0 || clip.length() < total) {
      byte[] next = input.peek(3);
      if (next.length == 0 || new String(next, StandardCharsets.ISO_8859_1).equals("TAG")) {
        break; // ID3v1, where no frame can begin
      }
      int count = readFrame(clip.length());
      for (int c = 0; c < channels; c++) {
        for (int i = 0; i < count; i++) {
          planes[c][i] = block[c][i] * scale;
        }
      }
      digest.update(digested, 0, littleEndian(count));
      clip.append(planes, start, count);
    }
    if (total != 0 && clip.length() != total) {
      throw input.refuse(
          "STREAMINFO declares " + total + " samples, but the frames have " + clip.length());
    }
    byte[] found = digest.digest();
    if (!Arrays.equals(md5, new byte[16]) && !Arrays.equals(md5, found)) {
      throw input.refuse(
          "MD5 of the samples is "
              + HexFormat.of().formatHex(found)
              + ", expected "
              + HexFormat.of().formatHex(md5));
    }
    return clip.build(0, clip.length(), sampleRate);
  }

  private static MessageDigest md5() {
    try {
      return MessageDigest.getInstance("MD5");
    } catch (NoSuchAlgorithmException e) {
      throw new W2vBertException("FLAC needs MD5, which every Java platform has to offer", e);
    }
  }

  private void readMetadata() throws IOException {
    boolean last = false;
    for (int index = 0; !last; index++) {
      byte[] header = input.readFully(4, "a FLAC metadata header");
      last = header[0] < 0;
      int type = header[0] & 0x7F;
      int size = (header[1] & 0xFF) << 16 | (header[2] & 0xFF) << 8 | header[3] & 0xFF;
      if ((type == 0) != (index == 0)) {
        throw input.refuse(
            "FLAC metadata block "
                + index
                + " is of type "
                + type
                + ", expected STREAMINFO (0) first and only there");
      }
      if (index == 0) {
        readStreamInfo(size);
      } else if (input.skip(size) < size) {
        throw input.endInside("a FLAC metadata block of " + size + " bytes");
      }
    }
  }

  private void readStreamInfo(int size) throws IOException {
    if (size != 34) {
      throw input.refuse("STREAMINFO has " + size + " bytes, expected 34");
    }
    int minBlock = (int) read(16);
    maxBlock = (int) read(16);
    read(24); // smallest frame
    read(24); // largest frame
    sampleRate = (int) read(20);
    channels = (int) read(3) + 1;
    bits = (int) read(5) + 1;
    total = read(36);
    md5 = input.readFully(16, "STREAMINFO");
    if (minBlock < 16 || minBlock > maxBlock) {
      throw input.refuse(
          "block size is " + minBlock + " to " + maxBlock + ", expected 16 <= min <= max");
    }
    if (sampleRate < 1 || sampleRate > Audio.MAX_SAMPLE_RATE) {
      throw input.refuse(
          "sample rate is " + sampleRate + " Hz, expected 1 to " + Audio.MAX_SAMPLE_RATE);
    }
    if (bits < 4) {
      throw input.refuse("bits per sample is " + bits + ", expected 4 to 32");
    }
    if (total > Audio.MAX_SAMPLES) {
      throw input.refuse(
          "it has " + total + " samples per channel, expected at most " + Audio.MAX_SAMPLES);
    }
  }

  /** Reads a frame into the block; returns its samples per channel. */
  private int readFrame(long samplesBefore) throws IOException {
    crc8 = 0;
    crc16 = 0;
    int sync = (int) read(16);
    if ((sync & 0xFFFE) != 0xFFF8) {
      throw refuseFrame("begins with " + hex(sync) + ", expected the sync code 0xFFF8 or 0xFFF9");
    }
    int sizeCode = (int) read(4);
    int rateCode = (int) read(4);
    int layout = (int) read(4);
    int bitsCode = (int) read(3);
    if (read(1) != 0) {
      throw refuseFrame("has its reserved bit set, expected 0");
    }
    requireNumber(readNumber(), sync == 0xFFF8, samplesBefore);
    int count = blockSize(sizeCode);
    requireRate(rateCode);
    requireBits(bitsCode);
    int declared = layout < 8 ? layout + 1 : 2;
    if (layout > 10 || declared != channels) {
      throw refuseFrame(
          "has channel assignment " + layout + ", expected one of " + channels + " channel(s)");
    }
    int header = crc8;
    int expected = (int) read(8);
    if (header != expected) {
      throw refuseFrame("has header checksum " + hex(header) + ", expected " + hex(expected));
    }
    for (int c = 0; c < channels; c++) {
      boolean side = layout == 8 && c == 1 || layout == 9 && c == 0 || layout == 10 && c == 1;
      readSubframe(block[c], count, side ? bits + 1 : bits);
    }
    cached = 0; // padding up to a whole byte
    int body = crc16;
    expected = (int) read(16);
    if (body != expected) {
      throw refuseFrame("has checksum " + hex(body) + ", expected " + hex(expected));
    }
    if (layout >= 8) {
      undoStereo(layout, count);
    }
    requireRange(count);
    frames++;
    return count;
  }

  /** The number of a frame or sample, in the manner of UTF-8 up to 36 bits. */
  private long readNumber() throws IOException {
    int first = (int) read(8);
    int ones = Integer.numberOfLeadingZeros(~(first << 24));
    if (ones == 1 || ones > 7) {
      throw refuseFrame("has a number that begins with " + hex(first) + ", expected a coded one");
    }
    long number = ones == 0 ? first : first & 0x7F >> ones;
    for (int i = 1; i < ones; i++) {
      int next = (int) read(8);
      if ((next & 0xC0) != 0x80) {
        throw refuseFrame("has a number that goes on with " + hex(next) + ", expected 0x80-0xBF");
      }
      number = number << 6 | next & 0x3F;
    }
    return number;
  }

  private void requireNumber(long number, boolean ofFrame, long samplesBefore) {
    if (frames == 0) {
      firstNumber = number;
    }
    long expected = firstNumber + (ofFrame ? frames : samplesBefore);
    if (number != expected) {
      throw refuseFrame("has the number " + number + ", expected " + expected);
    }
  }

  private int blockSize(int code) throws IOException {
    int size =
        switch (code) {
          case 0 -> throw refuseFrame("has block size code 0, expected 1 to 15");
          case 1 -> 192;
          case 2, 3, 4, 5 -> 144 << code;
          case 6 -> (int) read(8) + 1;
          case 7 -> (int) read(16) + 1;
          default -> 1 << code;
        };
    if (size > maxBlock) {
      throw refuseFrame("has " + size + " samples, expected at most " + maxBlock);
    }
    return size;
  }

  private void requireRate(int code) throws IOException {
    int rate =
        switch (code) {
          case 0 -> sampleRate;
          case 1 -> 88_200;
          case 2 -> 176_400;
          case 3 -> 192_000;
          case 4 -> 8_000;
          case 5 -> 16_000;
          case 6 -> 22_050;
          case 7 -> 24_000;
          case 8 -> 32_000;
          case 9 -> 44_100;
          case 10 -> 48_000;
          case 11 -> 96_000;
          case 12 -> (int) read(8) * 1000;
          case 13 -> (int) read(16);
          case 14 -> (int) read(16) * 10;
          default -> throw refuseFrame("has sample rate code 15, expected 0 to 14");
        };
    if (rate != sampleRate) {
      throw refuseFrame("has sample rate " + rate + " Hz, expected " + sampleRate);
    }
  }

  private void requireBits(int code) {
    int[] known = {bits, 8, 12, -1, 16, 20, 24, 32};
    if (known[code] != bits) {
      throw refuseFrame("has bits per sample code " + code + ", expected that of " + bits);
    }
  }

  private void readSubframe(long[] out, int count, int depth) throws IOException {
    int header = (int) read(8);
    int type = header >> 1;
    int wasted = (header & 1) == 0 ? 0 : (int) readUnary(depth) + 1;
    if (wasted >= depth) {
      throw refuseFrame("has " + wasted + " wasted bits, expected fewer than " + depth);
    }
    int width = depth - wasted;
    if (type == 0) {
      Arrays.fill(out, 0, count, readSigned(width));
    } else if (type == 1) {
      for (int i = 0; i < count; i++) {
        out[i] = readSigned(width);
      }
    } else if (type >= 8 && type <= 12) {
      readPredicted(out, count, width, type - 8, false);
    } else if (type >= 32 && type <= 63) {
      readPredicted(out, count, width, type - 31, true);
    } else {
      throw refuseFrame("has subframe type " + type + ", expected 0, 1, 8 to 12 or 32 to 63");
    }
    if (wasted > 0) {
      for (int i = 0; i < count; i++) {
        out[i] <<= wasted;
      }
    }
  }

  private void readPredicted(long[] out, int count, int width, int order, boolean linear)
      throws IOException {
    if (order > count) {
      throw refuseFrame("has order " + order + ", expected at most its " + count + " samples");
    }
    for (int i = 0; i < order; i++) {
      out[i] = readSigned(width);
    }
    int shift = 0;
    long[] weights = FIXED[linear ? 0 : order];
    if (linear) {
      int precision = (int) read(4) + 1;
      shift = (int) readSigned(5);
      if (precision == 16 || shift < 0) {
        throw refuseFrame(
            "has coefficients of "
                + precision
                + " bits shifted by "
                + shift
                + ", expected at most 15 bits and no negative shift");
      }
      weights = new long[order];
      for (int i = 0; i < order; i++) {
        weights[i] = readSigned(precision);
      }
    }
    readResidual(out, count, order);
    for (int i = order; i < count; i++) {
      long sum = 0;
      for (int k = 0; k < order; k++) {
        sum += weights[k] * out[i - 1 - k];
      }
      out[i] += sum >> shift;
    }
  }

  private void readResidual(long[] out, int count, int order) throws IOException {
    int method = (int) read(2);
    if (method > 1) {
      throw refuseFrame("has residual coding " + method + ", expected 0 or 1");
    }
    int parameterBits = 4 + method;
    int escape = (1 << parameterBits) - 1;
    int partitionOrder = (int) read(4);
    int partition = count >> partitionOrder;
    if (partition << partitionOrder != count || partition < order) {
      throw refuseFrame(
          "has partition order "
              + partitionOrder
              + ", expected one that divides "
              + count
              + " samples into parts of "
              + order
              + " or more");
    }
    int i = order;
    for (int end = partition; end <= count; end += partition) {
      int parameter = (int) read(parameterBits);
      if (parameter == escape) {
        int width = (int) read(5);
        for (; i < end; i++) {
          out[i] = width == 0 ? 0 : readSigned(width);
        }
      } else {
        long most = (1L << 32) >> parameter; // a residual has at most 32 bits
        for (; i < end; i++) {
          long folded = readUnary(most) << parameter | read(parameter);
          out[i] = folded >>> 1 ^ -(folded & 1);
        }
      }
    }
  }

  private void undoStereo(int layout, int count) {
    long[] first = block[0];
    long[] second = block[1];
    for (int i = 0; i < count; i++) {
      if (layout == 8) {
        second[i] = first[i] - second[i];
      } else if (layout == 9) {
        first[i] += second[i];
      } else {
        long side = second[i];
        long twice = first[i] << 1 | side & 1;
        first[i] = twice + side >> 1;
        second[i] = twice - side >> 1;
      }
    }
  }

  private void requireRange(int count) {
    long limit = 1L << bits - 1;
    for (int c = 0; c < channels; c++) {
      for (int i = 0; i < count; i++) {
        if (block[c][i] < -limit || block[c][i] >= limit) {
          throw refuseFrame("has the sample " + block[c][i] + ", expected " + bits + " bits");
        }
      }
    }
  }

  /** Writes the block as the MD5 wants it; returns the number of bytes. */
  private int littleEndian(int count) {
    int width = (bits + 7) / 8;
    int at = 0;
    for (int i = 0; i < count; i++) {
      for (int c = 0; c < channels; c++) {
        for (int b = 0; b < width; b++) {
          digested[at++] = (byte) (block[c][i] >> 8 * b);
        }
      }
    }
    return at;
  }

  /** Reads up to 48 bits. */
  private long read(int count) throws IOException {
    while (cached < count) {
      cache = cache << 8 | nextByte();
      cached += 8;
    }
    cached -= count;
    return cache >>> cached & (1L << count) - 1;
  }

  private long readSigned(int count) throws IOException {
    return read(count) << 64 - count >> 64 - count;
  }

  /** The number of zeros before a one. */
  private long readUnary(long most) throws IOException {
    long zeros = 0;
    while (true) {
      long left = cached == 0 ? 0 : cache << 64 - cached;
      if (left != 0) {
        int run = Long.numberOfLeadingZeros(left);
        cached -= run + 1;
        zeros += run;
        if (zeros > most) {
          throw refuseFrame("has " + zeros + " zeros in a row, expected at most " + most);
        }
        return zeros;
      }
      zeros += cached;
      cached = 0;
      if (zeros > most) {
        throw refuseFrame("has " + zeros + " zeros in a row, expected at most " + most);
      }
      cache = nextByte();
      cached = 8;
    }
  }

  private int nextByte() throws IOException {
    int value = input.read();
    if (value < 0) {
      throw input.endInside(md5 == null ? "STREAMINFO" : "FLAC frame " + frames);
    }
    crc8 = CRC8[crc8 ^ value];
    crc16 = crc16 << 8 & 0xFFFF ^ CRC16[crc16 >> 8 ^ value];
    return value;
  }

  private IllegalArgumentException refuseFrame(String what) {
    return input.refuse("FLAC frame " + frames + ", before byte " + input.position() + ", " + what);
  }

  private static String hex(int value) {
    return String.format("0x%02X", value);
  }

  private static int[] crcTable(int width, int polynomial) {
    int[] table = new int[256];
    for (int i = 0; i < 256; i++) {
      int crc = i << width - 8;
      for (int bit = 0; bit < 8; bit++) {
        crc = crc << 1 ^ (crc >> width - 1 & 1) * polynomial;
      }
      table[i] = crc & (1 << width) - 1;
    }
    return table;
  }
}
