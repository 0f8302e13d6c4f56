package io.github.w2vbert;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes WAV files field by field, also wrong ones. Every field that is not set is consistent. */
final class WavBytes {
  static final int PCM = 1;
  static final int FLOAT = 3;

  String riff = "RIFF";
  int tag = PCM;
  int channels = 1;
  long rate = 16_000;
  int bits = 16;
  Integer blockAlign;
  boolean extensible;
  int validBits = -1;
  byte[] guidTail = {
    0, 0, 0, 0, 0x10, 0, (byte) 0x80, 0, 0, (byte) 0xAA, 0, 0x38, (byte) 0x9B, 0x71
  };
  int formatSize = -1;
  Long riffSize;
  Long dataSize;
  byte[] beforeFormat = {};
  byte[] beforeData = {};
  byte[] afterData = {};
  byte[] data = {};

  /** A chunk with its pad byte. */
  static byte[] chunk(String id, byte[] body) {
    ByteBuffer bytes = little(8 + body.length + body.length % 2);
    bytes.put(id.getBytes(StandardCharsets.ISO_8859_1)).putInt(body.length).put(body);
    return bytes.array();
  }

  /** The body of a ds64 chunk. */
  static byte[] ds64(long riffSize, long dataSize) {
    return little(28).putLong(riffSize).putLong(dataSize).putLong(0).putInt(0).array();
  }

  byte[] bytes() {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    body.writeBytes("WAVE".getBytes(StandardCharsets.ISO_8859_1));
    body.writeBytes(beforeFormat);
    int size = formatSize >= 0 ? formatSize : extensible ? 40 : 16;
    ByteBuffer format = little(Math.max(size, 40));
    int align = blockAlign != null ? blockAlign : channels * bits / 8;
    format.putShort((short) (extensible ? 0xFFFE : tag)).putShort((short) channels);
    format.putInt((int) rate).putInt((int) rate * align).putShort((short) align);
    format.putShort((short) bits).putShort((short) 22);
    format.putShort((short) (validBits < 0 ? bits : validBits)).putInt(0);
    format.putShort((short) tag).put(guidTail);
    body.writeBytes(chunk("fmt ", Arrays.copyOf(format.array(), size)));
    body.writeBytes(beforeData);
    byte[] dataChunk = chunk("data", data);
    little(dataChunk).putInt(4, (int) (dataSize != null ? dataSize : data.length));
    body.writeBytes(dataChunk);
    body.writeBytes(afterData);
    ByteBuffer all = little(8 + body.size());
    all.put(riff.getBytes(StandardCharsets.ISO_8859_1));
    all.putInt((int) (riffSize != null ? riffSize : body.size())).put(body.toByteArray());
    return all.array();
  }

  /** Makes the format WAVE_FORMAT_EXTENSIBLE with this subformat. */
  WavBytes extend(int subformat) {
    extensible = true;
    tag = subformat;
    return this;
  }

  /** Makes the file RF64 with these bytes before the format and the data size left to them. */
  void wide(byte[] ds64) {
    riff = "RF64";
    riffSize = 0xFFFFFFFFL;
    dataSize = 0xFFFFFFFFL;
    beforeFormat = ds64;
  }

  /** Sets the data from values in [-1, 1) in the current encoding, interleaved as given. */
  WavBytes samples(double... values) {
    ByteBuffer out = little(values.length * bits / 8);
    for (double value : values) {
      if (tag == FLOAT && bits == 32) {
        out.putFloat((float) value);
      } else if (tag == FLOAT) {
        out.putDouble(value);
      } else {
        long integer = Math.round(value * (1L << (bits - 1))) + (bits == 8 ? 128 : 0);
        for (int b = 0; b < bits / 8; b++) {
          out.put((byte) (integer >> 8 * b));
        }
      }
    }
    data = out.array();
    return this;
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
