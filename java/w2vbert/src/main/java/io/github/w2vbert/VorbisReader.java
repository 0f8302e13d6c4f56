package io.github.w2vbert;

import com.jcraft.jogg.Packet;
import com.jcraft.jorbis.Block;
import com.jcraft.jorbis.Comment;
import com.jcraft.jorbis.DspState;
import com.jcraft.jorbis.Info;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Decodes Vorbis with JOrbis, a decoder in pure Java on Maven Central. It is of 2012, so its faults
 * are here to stay: {@link VorbisSetup} checks beforehand what headers make it allocate, and names
 * channels whose coupling it misreads.
 */
final class VorbisReader {
  /** A comment header without comments: real ones can make JOrbis allocate gigabytes. */
  private static final byte[] NO_COMMENTS =
      "\3vorbis\0\0\0\0\0\0\0\0\1".getBytes(StandardCharsets.ISO_8859_1);

  private final AudioInput input;
  private final OggReader ogg;
  private final Info info = new Info();
  private final Comment comment = new Comment();
  private final DspState state = new DspState();
  private final Block block = new Block(state);

  private VorbisReader(AudioInput input, OggReader ogg) {
    this.input = input;
    this.ogg = ogg;
  }

  /** Reads the stream that has been found. */
  static Audio read(AudioInput input, OggReader ogg) throws IOException {
    return new VorbisReader(input, ogg).read();
  }

  private Audio read() throws IOException {
    readHeaders();
    try {
      state.synthesis_init(info);
      block.init(state);
    } catch (RuntimeException e) {
      throw input.undecodable("the Vorbis setup header", e);
    }
    OggClip clip = new OggClip(input, info.channels);
    float[][][] pcm = new float[1][][];
    int[] from = new int[info.channels];
    long index = 3;
    for (OggReader.Packet packet; (packet = ogg.next()) != null; index++) {
      if (packet.data().length > 0) { // an empty packet is no sound
        int count;
        try {
          count = decode(packet(packet.data()), pcm, from);
        } catch (RuntimeException e) {
          throw input.undecodable("Vorbis packet " + index, e);
        }
        if (count < 0) {
          throw input.refuse("Vorbis packet " + index + " is damaged, expected audio");
        }
        clip.append(pcm[0], from, count);
      }
      clip.endPacket(packet);
    }
    return clip.build(0, info.rate);
  }

  /** Decodes one packet; returns the number of samples, -1 if it is none of audio. */
  private int decode(Packet packet, float[][][] pcm, int[] from) {
    if (block.synthesis(packet) != 0) {
      return -1;
    }
    state.synthesis_blockin(block);
    int count = state.synthesis_pcmout(pcm, from);
    state.synthesis_read(count);
    return count;
  }

  private void readHeaders() throws IOException {
    info.init();
    comment.init();
    byte[] identification = header(1);
    VorbisSetup.checkIdentification(input, identification);
    header(3);
    byte[] setup = header(5);
    VorbisSetup.check(input, setup, identification);
    for (byte[] header : new byte[][] {identification, NO_COMMENTS, setup}) {
      int status;
      try {
        status = info.synthesis_headerin(comment, packet(header));
      } catch (RuntimeException e) {
        throw input.undecodable("the Vorbis header of type " + header[0], e);
      }
      if (status != 0) {
        throw input.refuse(
            "the Vorbis header of type " + header[0] + " is damaged, expected a valid one");
      }
    }
  }

  /** The next packet, which must be a header of this type. */
  private byte[] header(int type) throws IOException {
    OggReader.Packet packet = ogg.next();
    if (packet == null) {
      throw input.refuse("it has no Vorbis header of type " + type + ", expected one");
    }
    byte[] data = packet.data();
    String start = new String(data, 0, Math.min(7, data.length), StandardCharsets.ISO_8859_1);
    if (!start.equals((char) type + "vorbis")) {
      throw input.refuse(
          "a Vorbis header begins with "
              + AudioReader.quote(start)
              + ", expected type "
              + type
              + " and \"vorbis\"");
    }
    return data;
  }

  private static Packet packet(byte[] data) {
    Packet packet = new Packet();
    packet.packet_base = data;
    packet.bytes = data.length;
    packet.b_o_s = data.length > 0 && data[0] == 1 ? 1 : 0; // the identification header
    packet.granulepos = -1; // lengths are kept by OggClip
    return packet;
  }
}
