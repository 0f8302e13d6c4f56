package io.github.w2vbert;

/**
 * Collects what an Ogg stream decodes to, and cuts it to what the granule positions of its pages
 * declare: the number of samples up to the end of the last packet that ends on the page.
 */
final class OggClip {
  private final AudioInput input;
  private final ClipBuilder clip;
  private boolean placed; // whether a page said where the stream begins
  private long offset; // granule position of the first sample that was decoded
  private long last; // granule position of the latest page

  OggClip(AudioInput input, int channels) {
    this.input = input;
    this.clip = new ClipBuilder(input, channels);
  }

  /** Appends samples of the current packet, as {@link ClipBuilder#append}. */
  void append(float[][] planes, int[] from, int count) {
    clip.append(planes, from, count);
  }

  /** Takes the granule position behind a packet whose samples have been appended. */
  void endPacket(OggReader.Packet packet) {
    if (packet.granule() == -1) {
      return;
    }
    if (packet.granule() < 0) {
      throw input.refuse(
          "an Ogg page has granule position " + packet.granule() + ", expected -1 or more");
    }
    last = packet.granule();
    if (!placed) {
      placed = true;
      // Behind the clip only on the last page, which may cut the end.
      offset = packet.last() ? Math.max(0, last - clip.length()) : last - clip.length();
    }
  }

  /**
   * The clip without the samples before granule position 0 and those behind the last one.
   *
   * @param delay samples at the beginning that are no sound, counted by granule positions
   */
  Audio build(int delay, int sampleRate) {
    long begin = Math.max(0, -offset) + delay;
    long end = last - offset;
    if (!placed && clip.length() > 0) {
      throw input.refuse("no Ogg page has a granule position, expected the number of its samples");
    }
    if (end > clip.length()) {
      throw input.refuse(
          "its last page declares " + end + " samples, but it decodes to " + clip.length());
    }
    return clip.build(Math.min(begin, Math.max(end, 0)), Math.max(end, 0), sampleRate);
  }
}
