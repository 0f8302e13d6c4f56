package io.github.w2vbert;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Checks those numbers in Vorbis headers by which JOrbis allocates memory or bounds loops, before
 * it sees them (Vorbis I specification, chapter 4). All else it checks itself, or fails with an
 * exception.
 */
final class VorbisSetup {
  /** Values in all codebooks together; encoders write some 100,000. */
  private static final long MAX_CODEBOOK_VALUES = 1 << 20;

  /** JOrbis computes (values per dimension + 1)^dimensions in an int; encoders write up to 8. */
  private static final int MAX_DIMENSIONS = 16;

  /** Values in the tables of classes that JOrbis makes for each mode and submap. */
  private static final double MAX_CLASS_VALUES = 1 << 20;

  private final AudioInput input;
  private final byte[] data;
  private final int channels;
  private final long maxResidue; // values of a packet
  private long at; // in bits, least significant first
  private int[] dimensions;
  private int[] entries;
  private double[] classValues; // by residue
  private double[] mappingClassValues;

  private VorbisSetup(AudioInput input, byte[] data, int channels, long maxResidue) {
    this.input = input;
    this.data = data;
    this.channels = channels;
    this.maxResidue = maxResidue;
  }

  /**
   * Checks the first header.
   *
   * @throws IllegalArgumentException if a value is out of range
   */
  static void checkIdentification(AudioInput input, byte[] header) {
    if (header.length < 30) {
      throw input.refuse(
          "the Vorbis identification header has " + header.length + " bytes, expected 30");
    }
    int channels = header[11] & 0xFF;
    long rate = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(12) & 0xFFFFFFFFL;
    if (channels < 1) {
      throw input.refuse("channels is 0, expected 1 to 255");
    }
    if (rate < 1 || rate > Audio.MAX_SAMPLE_RATE) {
      throw input.refuse("sample rate is " + rate + " Hz, expected 1 to " + Audio.MAX_SAMPLE_RATE);
    }
    int small = header[28] & 0xF;
    int large = header[28] >> 4 & 0xF;
    if (small < 6 || large < small || large > 13) {
      throw input.refuse(
          "Vorbis block sizes are 2^"
              + small
              + " and 2^"
              + large
              + ", expected 2^6 <= first <= second <= 2^13");
    }
  }

  /**
   * Checks the setup header.
   *
   * @param identification a header that has been checked
   * @throws IllegalArgumentException if a value is out of range
   */
  static void check(AudioInput input, byte[] setup, byte[] identification) {
    long large = 1L << (identification[28] >> 4 & 0xF);
    int channels = identification[11] & 0xFF;
    new VorbisSetup(input, setup, channels, large / 2 * channels).check();
  }

  private void check() {
    skip(7 * 8); // type and "vorbis"
    readCodebooks();
    skip(16L * (read(6) + 1)); // time domain transforms, a placeholder
    for (int floors = read(6) + 1; floors > 0; floors--) {
      int type = read(16);
      if (type != 1) { // 0 has tables of 65,536 values for each mode, and no encoder writes it
        throw input.refuse("a Vorbis floor is of type " + type + ", expected 1");
      }
      skipFloor();
    }
    classValues = new double[read(6) + 1];
    for (int i = 0; i < classValues.length; i++) {
      classValues[i] = readResidue();
    }
    mappingClassValues = new double[read(6) + 1];
    for (int i = 0; i < mappingClassValues.length; i++) {
      mappingClassValues[i] = readMapping();
    }
    readModes();
  }

  private void readCodebooks() {
    int count = read(8) + 1;
    dimensions = new int[count];
    entries = new int[count];
    long values = 0;
    for (int book = 0; book < count; book++) {
      if (read(24) != 0x564342) {
        throw input.refuse("Vorbis codebook " + book + " has no sync pattern, expected \"BCV\"");
      }
      dimensions[book] = read(16);
      entries[book] = read(24);
      values += (long) entries[book] * dimensions[book];
      if (dimensions[book] < 1
          || dimensions[book] > MAX_DIMENSIONS
          || entries[book] < 1
          || values > MAX_CODEBOOK_VALUES) {
        throw input.refuse(
            "Vorbis codebook "
                + book
                + " has "
                + entries[book]
                + " entries of "
                + dimensions[book]
                + " dimensions, expected at least 1 of 1 to "
                + MAX_DIMENSIONS
                + ", and at most "
                + MAX_CODEBOOK_VALUES
                + " values in all codebooks");
      }
      skipLengths(entries[book]);
      skipValues(entries[book], dimensions[book]);
    }
  }

  private void skipLengths(int count) {
    if (read(1) == 1) { // ordered by length
      skip(5);
      for (int i = 0; i < count; ) {
        i += read(bitsOf(count - i));
      }
    } else if (read(1) == 1) { // sparse
      for (int i = 0; i < count; i++) {
        skip(read(1) == 1 ? 5 : 0);
      }
    } else {
      skip(5L * count);
    }
  }

  private void skipValues(int count, int dimension) {
    int type = read(4);
    if (type == 0) {
      return;
    }
    skip(32 + 32); // minimum and step
    int width = read(4) + 1;
    skip(1); // whether values add up
    long values = (long) count * dimension;
    if (type == 1) {
      values = (long) Math.floor(Math.pow(count, 1.0 / dimension) + 1e-6);
    }
    skip(values * width);
  }

  private void skipFloor() {
    int partitions = read(5);
    int[] classes = new int[partitions];
    int most = -1;
    for (int i = 0; i < partitions; i++) {
      classes[i] = read(4);
      most = Math.max(most, classes[i]);
    }
    int[] sizes = new int[most + 1];
    for (int i = 0; i <= most; i++) {
      sizes[i] = read(3) + 1;
      int subclasses = read(2);
      skip(subclasses == 0 ? 0 : 8);
      skip(8L << subclasses);
    }
    skip(2); // multiplier
    int width = read(4);
    for (int index : classes) {
      skip((long) sizes[index] * width);
    }
  }

  /** Returns the number of values in the table of its classes. */
  private double readResidue() {
    skip(16 + 24); // type and begin
    int end = read(24);
    skip(24); // partition size
    int classes = read(6) + 1;
    int book = read(8);
    if (end > maxResidue) {
      throw input.refuse(
          "a Vorbis residue ends at " + end + ", expected at most " + maxResidue + ": one packet");
    }
    double combinations = book < entries.length ? Math.pow(classes, dimensions[book]) : 0;
    if (book >= entries.length || combinations > entries[book]) {
      throw input.refuse(
          "a Vorbis residue has "
              + classes
              + " classes in codebook "
              + book
              + ", expected a codebook with an entry for each combination");
    }
    int books = 0;
    for (int i = 0; i < classes; i++) {
      int low = read(3);
      int high = read(1) == 1 ? read(5) : 0;
      books += Integer.bitCount(high << 3 | low);
    }
    skip(8L * books);
    return combinations * dimensions[book];
  }

  /** Returns the number of values in the tables of its submaps. */
  private double readMapping() {
    int type = read(16);
    if (type != 0) {
      throw input.refuse("a Vorbis mapping is of type " + type + ", expected 0");
    }
    int submaps = read(1) == 1 ? read(4) + 1 : 1;
    if (read(1) == 1) { // channels are coupled
      int steps = read(8) + 1;
      if (Integer.bitCount(channels) != 1) {
        throw input.refuse(
            "its Vorbis stream couples "
                + channels
                + " channels, which this decoder does not read, expected 1, 2, 4 or 8 channels, or"
                + " channels that are not coupled");
      }
      skip(2L * steps * bitsOf(channels - 1));
    }
    skip(2); // reserved
    skip(submaps > 1 ? 4L * channels : 0);
    double values = 0;
    for (int i = 0; i < submaps; i++) {
      skip(8 + 8); // time domain transform, floor
      int residue = read(8);
      if (residue >= classValues.length) {
        throw input.refuse("a Vorbis mapping has residue " + residue + " of " + classValues.length);
      }
      values += classValues[residue];
    }
    return values;
  }

  private void readModes() {
    double values = 0;
    for (int modes = read(6) + 1; modes > 0; modes--) {
      skip(1 + 16 + 16); // block size, window, transform
      int mapping = read(8);
      if (mapping >= mappingClassValues.length) {
        throw input.refuse(
            "a Vorbis mode has mapping " + mapping + " of " + mappingClassValues.length);
      }
      values += mappingClassValues[mapping];
    }
    if (values > MAX_CLASS_VALUES) {
      throw input.refuse(
          String.format(
              "the residue classes of all Vorbis modes have %.0f values, expected at most %.0f",
              values, MAX_CLASS_VALUES));
    }
  }

  private static int bitsOf(int value) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(value);
  }

  private void skip(long count) {
    at += count;
  }

  private int read(int count) {
    if (at + count > 8L * data.length) {
      throw input.refuse(
          "the Vorbis setup header has " + data.length + " bytes, expected more of it");
    }
    int value = 0;
    for (int i = 0; i < count; i++, at++) {
      value |= (data[(int) (at >> 3)] >> (at & 7) & 1) << i;
    }
    return value;
  }
}
