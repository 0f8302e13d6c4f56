package io.github.w2vbert;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Makes small Ogg files of Vorbis, mono, with one codebook; their checksums are left 0. */
final class VorbisBytes {
  private final byte[] bits = new byte[4096];
  private int at; // in bits, least significant first

  private VorbisBytes() {}

  static byte[] file(int floorType, int dimensions, int classes, int submaps, int modes) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(page(2, 0, identification()));
    file.writeBytes(page(0, 1, comments(), setup(floorType, dimensions, classes, submaps, modes)));
    file.writeBytes(page(4, 2, new byte[3], new byte[3])); // two blocks of silence
    return file.toByteArray();
  }

  private static byte[] identification() {
    VorbisBytes out = header(1).put(0, 32).put(1, 8).put(16_000, 32);
    return out.put(0, 3 * 32).put(8 | 13 << 4, 8).put(1, 8).bytes(); // bit rates, block sizes
  }

  private static byte[] comments() {
    return header(3).put(0, 64).put(1, 8).bytes();
  }

  private static byte[] setup(int floorType, int dimensions, int classes, int submaps, int modes) {
    VorbisBytes out = header(5).put(0, 8); // one codebook
    int depth = Math.max(1, (int) Math.round(dimensions * Math.log(classes) / Math.log(2)));
    out.put(0x564342, 24).put(dimensions, 16).put(1 << depth, 24);
    out.put(1, 1).put(depth - 1, 5).put(1 << depth, depth + 1).put(0, 4); // all of one length
    out.put(0, 6).put(0, 16); // time domain
    out.put(0, 6).put(floorType, 16);
    if (floorType == 0) {
      out.put(2, 8).put(16_000, 16).put(256, 16).put(6, 6).put(100, 8).put(0, 4).put(0, 8);
    } else {
      out.put(0, 5).put(0, 2).put(4, 4);
    }
    out.put(0, 6).put(0, 16).put(0, 24).put(64, 24).put(31, 24).put(classes - 1, 6).put(0, 8);
    out.put(0, 4 * classes); // no books
    out.put(0, 6).put(0, 16).put(1, 1).put(submaps - 1, 4).put(0, 1).put(0, 2); // no coupling
    out.put(0, submaps > 1 ? 4 : 0).put(0, 24 * submaps);
    out.put(modes - 1, 6).put(0, 41 * modes).put(1, 1);
    return out.bytes();
  }

  private static VorbisBytes header(int type) {
    VorbisBytes out = new VorbisBytes().put(type, 8);
    for (char c : "vorbis".toCharArray()) {
      out.put(c, 8);
    }
    return out;
  }

  /** Appends a number; beyond 64 bits, zeros. */
  private VorbisBytes put(long value, int count) {
    for (int i = 0; i < count; i++, at++) {
      bits[at >> 3] |= (byte) (i < 64 ? (value >> i & 1) << (at & 7) : 0);
    }
    return this;
  }

  private byte[] bytes() {
    return Arrays.copyOf(bits, (at + 7) / 8);
  }

  private static byte[] page(int flags, int number, byte[]... packets) {
    ByteArrayOutputStream lacing = new ByteArrayOutputStream();
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (byte[] packet : packets) {
      for (int left = packet.length; left >= 0; left -= 255) {
        lacing.write(Math.min(left, 255));
      }
      body.writeBytes(packet);
    }
    ByteBuffer page = ByteBuffer.allocate(27 + lacing.size() + body.size());
    page.order(ByteOrder.LITTLE_ENDIAN).putInt(0x5367674F).put((byte) 0).put((byte) flags);
    page.putLong(flags == 4 ? 128 : 0).putInt(1).putInt(number).putInt(0);
    page.put((byte) lacing.size()).put(lacing.toByteArray()).put(body.toByteArray());
    return page.array();
  }
}
