package io.github.w2vbert;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Takes the packets of one stream, Vorbis or Opus, out of an Ogg file (RFC 3533). Streams of other
 * kinds beside it are passed over. Checksums and numbers of pages are checked, and that the last
 * page is there: the reader that comes with JOrbis passes over damage, and only with JOrbis.
 */
final class OggReader {
  private static final int HEADER_BYTES = 27;
  private static final int MAX_PACKET = 1 << 24; // comments may hold a picture
  private static final int CONTINUED = 1;
  private static final int FIRST = 2;
  private static final int LAST = 4;

  /** CRC-32 with polynomial 0x04C11DB7, neither reflected nor inverted. */
  private static final int[] CRC = new int[256];

  static {
    for (int i = 0; i < 256; i++) {
      int crc = i << 24;
      for (int bit = 0; bit < 8; bit++) {
        crc = crc << 1 ^ (crc >> 31 & 0x04C11DB7);
      }
      CRC[i] = crc;
    }
  }

  /**
   * One packet.
   *
   * @param granule of the page, if this is the last packet that ends on it; else -1
   * @param last whether the stream ends with it
   */
  record Packet(byte[] data, long granule, boolean last) {}

  private final AudioInput input;
  private boolean opus;
  private int serial;
  private int pages; // of the stream, read so far
  private int expectedNumber; // of its next page

  // The current page of the stream.
  private int flags;
  private long granule;
  private byte[] lacing = {};
  private byte[] body = {};
  private int segment; // next one
  private int at; // next byte of the body

  private OggReader(AudioInput input) {
    this.input = input;
  }

  /** Reads a file from its first page on. */
  static Audio read(AudioInput input) throws IOException {
    OggReader ogg = new OggReader(input);
    ogg.findStream();
    return ogg.opus ? readOpus(input, ogg) : readVorbis(input, ogg);
  }

  private static Audio readOpus(AudioInput input, OggReader ogg) throws IOException {
    try {
      return OpusReader.read(input, ogg);
    } catch (LinkageError e) {
      throw AudioReader.noDecoder(input, "Opus", "io.github.jaredmdobson:concentus", e);
    }
  }

  private static Audio readVorbis(AudioInput input, OggReader ogg) throws IOException {
    try {
      return VorbisReader.read(input, ogg);
    } catch (LinkageError e) {
      throw AudioReader.noDecoder(input, "Vorbis", "org.jcraft:jorbis", e);
    }
  }

  /** Reads pages until one begins a stream of a known kind: first pages of streams come first. */
  private void findStream() throws IOException {
    String found = "";
    while (true) {
      int pageSerial = readPage();
      if ((flags & FIRST) == 0) {
        throw input.refuse(
            "it is Ogg without a Vorbis or Opus stream ("
                + (found.isEmpty() ? "no stream begins" : found)
                + "), expected one");
      }
      String start = new String(body, 0, Math.min(8, body.length), StandardCharsets.ISO_8859_1);
      opus = start.equals("OpusHead");
      if (opus || start.startsWith("\1vorbis")) {
        serial = pageSerial;
        pages = 1;
        return;
      }
      found = "it has one that begins with " + AudioReader.quote(start);
    }
  }

  /** The next packet; null after the last. */
  Packet next() throws IOException {
    ByteArrayOutputStream data = null; // of a packet that goes on over pages
    while (true) {
      int begin = at;
      while (segment < lacing.length) {
        int size = lacing[segment++] & 0xFF;
        at += size;
        if (size < 255) {
          byte[] part = Arrays.copyOfRange(body, begin, at);
          boolean ends = endsPage();
          boolean last = ends && (flags & LAST) != 0;
          if (data != null) {
            data.writeBytes(part);
            part = data.toByteArray();
          }
          return new Packet(part, ends ? granule : -1, last);
        }
      }
      if (begin < at) {
        data = data == null ? new ByteArrayOutputStream() : data;
        data.write(body, begin, at - begin);
        if (data.size() > MAX_PACKET) {
          throw input.refuse("an Ogg packet exceeds " + MAX_PACKET + " bytes, expected fewer");
        }
      }
      if ((flags & LAST) != 0) {
        if (data != null) {
          throw input.refuse("its last Ogg packet has no end, expected all of it");
        }
        requireNoSuccessor();
        return null;
      }
      nextPage();
      boolean continued = (flags & CONTINUED) != 0;
      if (continued != (data != null)) {
        throw input.refuse(
            "Ogg page "
                + (pages - 1)
                + (continued ? " continues a packet that is missing" : " begins in a packet")
                + ", expected every packet in order");
      }
    }
  }

  /** Whether no other packet ends on the page. */
  private boolean endsPage() {
    for (int i = segment; i < lacing.length; i++) {
      if ((lacing[i] & 0xFF) < 255) {
        return false;
      }
    }
    return true;
  }

  private void nextPage() throws IOException {
    while (readPage() != serial) {
      // another stream
    }
    if ((flags & FIRST) != 0) {
      throw input.refuse("its Ogg stream begins twice, expected one beginning");
    }
    pages++;
  }

  private void requireNoSuccessor() throws IOException {
    pages = 0; // whatever follows has numbers of its own
    while (input.peek(1).length > 0) {
      if (readPage() == serial || (flags & FIRST) != 0) {
        throw input.refuse("an Ogg stream follows the end of the first (chained), expected one");
      }
    }
  }

  /** Reads one page of any stream; returns the serial number. */
  private int readPage() throws IOException {
    long position = input.position();
    if (input.peek(1).length == 0) {
      throw input.refuse(
          "it ends at byte " + position + " without the last page of its stream, expected it");
    }
    byte[] header = input.readFully(HEADER_BYTES, "an Ogg page header");
    ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
    if (fields.getInt(0) != 0x5367674F || header[4] != 0) { // "OggS", version
      throw input.refuse("no Ogg page begins at byte " + position + ", expected \"OggS\"");
    }
    flags = header[5];
    granule = fields.getLong(6);
    lacing = input.readFully(header[26] & 0xFF, "an Ogg page");
    int size = 0;
    for (byte length : lacing) {
      size += length & 0xFF;
    }
    body = input.readFully(size, "an Ogg page");
    segment = 0;
    at = 0;
    int expected = fields.getInt(22);
    fields.putInt(22, 0);
    int found = crc(crc(crc(0, header), lacing), body);
    if (found != expected) {
      throw input.refuse(
          String.format(
              "the Ogg page at byte %d has checksum 0x%08X, expected 0x%08X",
              position, found, expected));
    }
    int pageSerial = fields.getInt(14);
    if (pages > 0 && pageSerial == serial && fields.getInt(18) != expectedNumber) {
      throw input.refuse(
          "the Ogg page at byte "
              + position
              + " has the number "
              + fields.getInt(18)
              + ", expected "
              + expectedNumber);
    }
    if (pages == 0 || pageSerial == serial) {
      expectedNumber = fields.getInt(18) + 1;
    }
    return pageSerial;
  }

  private static int crc(int crc, byte[] bytes) {
    for (byte value : bytes) {
      crc = crc << 8 ^ CRC[crc >>> 24 ^ value & 0xFF];
    }
    return crc;
  }
}
