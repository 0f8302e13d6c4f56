package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Recordings whose label can be heard: a short tone in noise, of one of a few pitches. */
final class Tones {
  static final int RATE = 16_000;
  static final List<String> LABELS = List.of("high", "low", "middle");
  private static final double[] HZ = {2500, 350, 1000};

  private Tones() {}

  /** A configuration of a small model that learns quickly. */
  static Wav2Vec2BertConfig config() {
    return Wav2Vec2BertConfig.builder()
        .hiddenSize(32)
        .outputHiddenSize(32)
        .numHiddenLayers(1)
        .numAttentionHeads(4)
        .intermediateSize(48)
        .convDepthwiseKernelSize(5)
        .leftMaxPositionEmbeddings(8)
        .rightMaxPositionEmbeddings(4)
        .applySpecAugment(false)
        .build();
  }

  /** Writes recordings of a quarter to half a second. */
  static List<Utterance> write(Path folder, int count, long seed) throws IOException {
    Random random = new Random(seed);
    List<Utterance> utterances = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = i % LABELS.size();
      float[] samples = new float[4000 + random.nextInt(4000)];
      int begin = random.nextInt(samples.length / 2);
      for (int t = 0; t < samples.length; t++) {
        boolean sounds = t >= begin && t < begin + 1600;
        samples[t] = (float) (0.03 * random.nextGaussian());
        samples[t] += sounds ? (float) (0.3 * Math.sin(2 * Math.PI * HZ[label] * t / RATE)) : 0;
      }
      Path file = folder.resolve(String.format("tone-%d-%03d.wav", seed, i));
      Audio.of(samples, RATE).writeWav(file);
      utterances.add(Utterance.ofLabel(file, LABELS.get(label)));
    }
    return utterances;
  }
}
