package io.github.w2vbert;

import java.nio.ByteBuffer;

/**
 * What the four bytes before a frame of MPEG audio, layer III, say (ISO 11172-3, 2.4.1.3, and ISO
 * 13818-3).
 *
 * @param version 1, 2, or 3 for 2.5
 * @param channels 1 or 2
 * @param sampleRate in hertz
 * @param bytes of the whole frame
 */
record Mp3Header(int version, int channels, int sampleRate, int bytes) {
  /** Bytes of a header. */
  static final int SIZE = 4;

  private static final int[][] KILOBITS_PER_SECOND = { // by code; version 1, versions 2 and 3
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
  };
  private static final int[] SAMPLE_RATES = {44_100, 48_000, 32_000};

  /** Reads the header at the beginning; null if there is none, or one without a bit rate. */
  static Mp3Header of(byte[] start) {
    if (start.length < SIZE) {
      return null;
    }
    int header = ByteBuffer.wrap(start).getInt();
    int versionCode = header >> 19 & 3;
    int layer = header >> 17 & 3;
    int bitRate = header >> 12 & 15;
    int sampleRateCode = header >> 10 & 3;
    if (header >>> 21 != 0x7FF
        || versionCode == 1
        || layer != 1
        || bitRate == 0
        || bitRate == 15
        || sampleRateCode == 3) {
      return null;
    }
    int version = versionCode == 3 ? 1 : versionCode == 2 ? 2 : 3;
    int channels = (header >> 6 & 3) == 3 ? 1 : 2;
    int sampleRate = SAMPLE_RATES[sampleRateCode] >> version - 1;
    int perSecond = KILOBITS_PER_SECOND[version == 1 ? 0 : 1][bitRate] * 1000 / 8;
    int padding = header >> 9 & 1;
    return new Mp3Header(
        version, channels, sampleRate, samples(version) * perSecond / sampleRate + padding);
  }

  /** Samples of a frame. */
  int samples() {
    return samples(version);
  }

  private static int samples(int version) {
    return version == 1 ? 1152 : 576;
  }

  /** Bytes between the header and the first bit of sound. */
  int sideInfo() {
    return version == 1 ? channels == 1 ? 17 : 32 : channels == 1 ? 9 : 17;
  }

  /** Whether two frames can be of one clip. */
  boolean fits(Mp3Header other) {
    return version == other.version && channels == other.channels && sampleRate == other.sampleRate;
  }
}
