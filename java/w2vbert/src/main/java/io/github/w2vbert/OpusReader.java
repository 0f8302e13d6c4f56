package io.github.w2vbert;

import io.github.jaredmdobson.concentus.OpusException;
import io.github.jaredmdobson.concentus.OpusMSDecoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Decodes Opus in Ogg (RFC 7845) with Concentus, which computes in 16 bits, at 48 kHz. It is the
 * reference decoder in pure Java, on Maven Central.
 */
final class OpusReader {
  private static final int SAMPLE_RATE = 48_000;
  private static final int MAX_PACKET_SAMPLES = 5760; // 120 ms

  private final AudioInput input;
  private final OggReader ogg;

  // OpusHead
  private int channels;
  private int preSkip;
  private float gain;

  private OpusReader(AudioInput input, OggReader ogg) {
    this.input = input;
    this.ogg = ogg;
  }

  /** Reads the stream that has been found. */
  static Audio read(AudioInput input, OggReader ogg) throws IOException {
    return new OpusReader(input, ogg).read();
  }

  private Audio read() throws IOException {
    OpusMSDecoder decoder = readHead();
    OggReader.Packet tags = ogg.next();
    if (tags == null || !startsWith(tags.data(), "OpusTags")) {
      throw input.refuse("no \"OpusTags\" packet follows \"OpusHead\", expected one");
    }
    OggClip clip = new OggClip(input, channels);
    short[] pcm = new short[MAX_PACKET_SAMPLES * channels];
    float[][] planes = new float[channels][MAX_PACKET_SAMPLES];
    int[] from = new int[channels];
    long index = 2;
    for (OggReader.Packet packet; (packet = ogg.next()) != null; index++) {
      int count = decode(decoder, packet.data(), pcm, index);
      for (int c = 0; c < channels; c++) {
        for (int i = 0; i < count; i++) {
          planes[c][i] = pcm[i * channels + c] * gain;
        }
      }
      clip.append(planes, from, count);
      clip.endPacket(packet);
    }
    return clip.build(preSkip, SAMPLE_RATE);
  }

  private int decode(OpusMSDecoder decoder, byte[] data, short[] pcm, long index) {
    if (data.length == 0) { // which the decoder would take for a lost one
      throw input.refuse("Opus packet " + index + " is empty, expected at least 1 byte");
    }
    int count;
    try {
      count = decoder.decodeMultistream(data, 0, data.length, pcm, 0, MAX_PACKET_SAMPLES, 0);
    } catch (RuntimeException | AssertionError e) { // Concentus asserts with its own code
      throw input.undecodable("Opus packet " + index, e);
    }
    if (count < 0) {
      throw input.refuse(
          "Opus packet " + index + " is damaged (status " + count + "), expected a valid one");
    }
    return count;
  }

  private OpusMSDecoder readHead() throws IOException {
    byte[] head = ogg.next().data();
    if (head.length < 19) {
      throw input.refuse("\"OpusHead\" has " + head.length + " bytes, expected at least 19");
    }
    ByteBuffer fields = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    channels = head[9] & 0xFF;
    preSkip = fields.getShort(10) & 0xFFFF;
    gain = (float) (0x1p-15 * Math.pow(10, fields.getShort(16) / (20.0 * 256)));
    int family = head[18] & 0xFF;
    if ((head[8] & 0xF0) != 0) {
      throw input.refuse("Opus version is " + (head[8] & 0xFF) + ", expected 0 to 15");
    }
    if (family > 1) {
      throw input.refuse(
          "Opus channel mapping family is " + family + ", expected 0 (mono, stereo) or 1");
    }
    int most = family == 0 ? 2 : 8;
    if (channels < 1 || channels > most) {
      throw input.refuse("channels is " + channels + ", expected 1 to " + most);
    }
    int streams = 1;
    int coupled = channels - 1;
    short[] mapping = {0, 1};
    if (family == 1) {
      if (head.length < 21 + channels) {
        throw input.refuse(
            "\"OpusHead\" has " + head.length + " bytes, expected at least " + (21 + channels));
      }
      streams = head[19] & 0xFF;
      coupled = head[20] & 0xFF;
      if (streams < 1 || coupled > streams || streams + coupled > channels) {
        throw input.refuse(
            "Opus has "
                + streams
                + " streams, "
                + coupled
                + " of them of two channels, expected 1 or more, for at most "
                + channels
                + " channels");
      }
      mapping = new short[channels];
      for (int c = 0; c < channels; c++) {
        mapping[c] = (short) (head[21 + c] & 0xFF);
      }
    }
    try {
      return OpusMSDecoder.create(SAMPLE_RATE, channels, streams, coupled, mapping);
    } catch (OpusException | RuntimeException e) {
      throw input.undecodable("\"OpusHead\" of " + streams + " streams", e);
    }
  }

  private static boolean startsWith(byte[] data, String magic) {
    return new String(data, 0, Math.min(magic.length(), data.length), StandardCharsets.ISO_8859_1)
        .equals(magic);
  }
}
