package io.github.w2vbert;

import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.charset.StandardCharsets;

/** Recognises an audio file by its first bytes, whatever its name, and hands it to its reader. */
final class AudioReader {
  private static final int PREFIX = 12;
  private static final int ID3_BYTES = 10;
  private static final String EXPECTED = "expected WAV, FLAC, MP3, or Ogg with Vorbis or Opus";

  private AudioReader() {}

  /**
   * Reads one clip.
   *
   * @param size of the source in bytes, -1 if unknown
   * @param source what to call it in messages
   */
  static Audio read(InputStream in, long size, String source) throws IOException {
    PushbackInputStream stream = new PushbackInputStream(in, PREFIX);
    byte[] start = stream.readNBytes(PREFIX);
    stream.unread(start);
    String text = text(start);
    if (text.startsWith("RIFF") || text.startsWith("RF64") || text.startsWith("BW64")) {
      return WavReader.read(stream, size, source);
    }
    AudioInput input = new AudioInput(stream, source);
    if (start.length == 0) {
      throw input.refuse("it is empty (0 bytes), " + EXPECTED);
    }
    if (text.startsWith("OggS")) {
      return OggReader.read(input);
    }
    boolean tagged = skipTags(input);
    input.skipZeros(); // padding that the tag does not count, or a cutter left
    byte[] sound = input.peek(PREFIX);
    start = tagged || Mp3Header.of(sound) != null ? sound : start;
    if (text(start).startsWith("fLaC")) {
      return FlacReader.read(input);
    }
    if (Mp3Header.of(start) != null) {
      return readMp3(input);
    }
    throw input.refuse("it " + (tagged ? "has an ID3 tag and then " : "") + describe(start));
  }

  private static Audio readMp3(AudioInput input) throws IOException {
    try {
      return Mp3Reader.read(input);
    } catch (LinkageError e) {
      throw noDecoder(input, "MP3", "com.badlogicgames.jlayer:jlayer", e);
    }
  }

  /** The failure to read a file whose decoder, an optional dependency, is absent. */
  static W2vBertException noDecoder(
      AudioInput input, String format, String artifact, Throwable cause) {
    return new W2vBertException(
        "Cannot read "
            + input.source()
            + ": it is "
            + format
            + ", whose decoder is not there; expected the Maven artifact "
            + artifact
            + ", which io.github.w2vbert:w2vbert-platform brings"
            + addModules(AudioReader.class.getModule(), artifact),
        cause);
  }

  /** On the module path, what to do that an optional module is resolved; else nothing. */
  static String addModules(Module library, String artifact) {
    return library.isNamed()
        ? "; on the module path also --add-modules " + artifact.split(":")[1]
        : "";
  }

  /** Skips the ID3v2 tags that stand before MP3 or FLAC; returns whether there were any. */
  private static boolean skipTags(AudioInput input) throws IOException {
    boolean found = false;
    while (text(input.peek(3)).equals("ID3")) {
      found = true;
      byte[] header = input.readFully(ID3_BYTES, "an ID3 tag");
      long size = (header[5] & 0x10) != 0 ? ID3_BYTES : 0; // a footer
      for (int i = 0; i < 4; i++) {
        size += (long) (header[6 + i] & 0x7F) << 7 * (3 - i);
      }
      long present = input.skip(size);
      if (present < size) {
        throw input.refuse(
            "its ID3 tag declares " + size + " bytes, but only " + present + " follow");
      }
    }
    return found;
  }

  /** What the first bytes of a file that is not read say it is, and what is read. */
  private static String describe(byte[] start) {
    String text = text(start);
    String name = null;
    boolean sync = start.length > 1 && start[0] == -1 && (start[1] & 0xE0) == 0xE0;
    if (sync && (start[1] & 0xF6) == 0xF0) {
      name = "AAC";
    } else if (sync) {
      name = "MPEG audio other than layer III with a bit rate, or damaged";
    } else if (text.startsWith("ftyp", 4)) {
      name = "MP4";
    } else if (text.startsWith("\u001AE\u00DF\u00A3")) {
      name = "Matroska or WebM";
    } else if (text.startsWith("FORM")) {
      name = "AIFF";
    } else if (text.startsWith(".snd")) {
      name = "AU";
    } else if (text.startsWith("#!AMR")) {
      name = "AMR";
    } else if (text.startsWith("riff")) {
      name = "Sony Wave64";
    } else if (text.startsWith("RIFX")) {
      name = "big-endian RIFX";
    }
    String shown = "starts with " + quote(text.substring(0, Math.min(4, text.length())));
    return (name == null ? shown : "is " + name + " (" + shown + ")") + ", " + EXPECTED;
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** Text with what does not print spelt out. */
  static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      quoted.append(c >= ' ' && c <= '~' ? String.valueOf(c) : String.format("\\x%02x", (int) c));
    }
    return quoted.append('"').toString();
  }
}
