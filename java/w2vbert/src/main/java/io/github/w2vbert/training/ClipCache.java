package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Recordings as mono at one rate; the last used ones stay in memory. One thread at a time. */
final class ClipCache {
  private final int rate;
  private final long maxSamples;
  private final Map<Path, Audio> clips = new LinkedHashMap<>(16, 0.75f, true);
  private long samples;

  /**
   * @param maxSamples of 4 bytes that are kept, but no more than an eighth of the Java heap
   */
  ClipCache(int rate, long maxSamples) {
    this.rate = rate;
    this.maxSamples = Math.min(maxSamples, Runtime.getRuntime().maxMemory() / 8 / Float.BYTES);
  }

  Audio read(Path file) throws IOException {
    Audio clip = clips.get(file);
    if (clip == null) {
      clip = Audio.read(file).mixToMono().resample(rate);
      clips.put(file, clip);
      samples += clip.length();
      while (samples > maxSamples) {
        samples -= clips.remove(clips.keySet().iterator().next()).length();
      }
    }
    return clip;
  }
}
