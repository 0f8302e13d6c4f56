package io.github.w2vbert;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects decoded samples. A few compressed bytes may stand for hours of silence, so the clip is
 * refused when it would take more than half of the Java heap, before the heap is exhausted.
 */
final class ClipBuilder {
  private static final int BLOCK = 1 << 16; // samples per channel and array

  private final AudioInput input;
  private final List<float[][]> blocks = new ArrayList<>(); // each [channels][BLOCK]
  private final int channels;
  private final long maxSamples;
  private long length;

  ClipBuilder(AudioInput input, int channels) {
    this(input, channels, Runtime.getRuntime().maxMemory() / 2);
  }

  ClipBuilder(AudioInput input, int channels, long maxBytes) {
    this.input = input;
    this.channels = channels;
    // What is collected is copied in the end, one channel after the other.
    this.maxSamples = Math.min(Audio.MAX_SAMPLES, maxBytes / Float.BYTES / (channels + 1));
  }

  /** Samples per channel so far. */
  long length() {
    return length;
  }

  /**
   * Appends {@code count} samples of every channel.
   *
   * @param planes [channels], read from {@code from[channel]} on
   */
  void append(float[][] planes, int[] from, int count) {
    if (count > maxSamples - length) {
      throw input.refuse(
          "it decodes to more than "
              + maxSamples
              + " samples of "
              + channels
              + " channel(s), expected at most that: what half of the Java heap holds");
    }
    for (int done = 0; done < count; ) {
      int at = (int) ((length + done) % BLOCK);
      if (at == 0) {
        blocks.add(new float[channels][BLOCK]);
      }
      int step = Math.min(count - done, BLOCK - at);
      float[][] block = blocks.get(blocks.size() - 1);
      for (int c = 0; c < channels; c++) {
        System.arraycopy(planes[c], from[c] + done, block[c], at, step);
      }
      done += step;
    }
    length += count;
  }

  /** The samples {@code from} to {@code to}, which must have been appended. Ends the collection. */
  Audio build(long from, long to, int sampleRate) {
    float[][] planes = new float[channels][];
    for (int c = 0; c < channels; c++) {
      planes[c] = new float[(int) (to - from)];
      for (long at = from; at < to; ) {
        int offset = (int) (at % BLOCK);
        int step = (int) Math.min(to - at, BLOCK - offset);
        float[] block = blocks.get((int) (at / BLOCK))[c];
        System.arraycopy(block, offset, planes[c], (int) (at - from), step);
        at += step;
      }
      for (float[][] block : blocks) {
        block[c] = null; // lets the collector have it before the next channel is copied
      }
      for (int i = 0; i < planes[c].length; i++) {
        if (!Audio.isAccepted(planes[c][i])) {
          throw input.refuse(
              "sample "
                  + i
                  + " of channel "
                  + c
                  + " decodes to "
                  + planes[c][i]
                  + ", expected "
                  + Audio.ACCEPTED);
        }
      }
    }
    return new Audio(planes, sampleRate);
  }
}
