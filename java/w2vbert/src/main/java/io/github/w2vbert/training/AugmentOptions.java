package io.github.w2vbert.training;

import java.nio.file.Path;
import java.util.List;

/**
 * How recordings are changed before a model learns from them, each time by chance; the order is
 * speed, reverberation, noise, telephone.
 *
 * @param speeds factors of which one is chosen (Ko et al. 2015): 1.1 makes a recording faster and
 *     higher; 1 leaves it as it is
 * @param noiseProbability that noise is added
 * @param minSnr lowest ratio of signal to noise, in dB
 * @param maxSnr highest ratio of signal to noise, in dB
 * @param noiseKinds noise to make, each equally probable
 * @param noiseFolder recordings of noise, which half of the time are used instead; null for none
 * @param reverbProbability that reverberation is added
 * @param minDecay in seconds: the shortest time in which the tail falls by 60 dB
 * @param maxDecay in seconds: the longest
 * @param impulseFolder recorded impulse responses, which half of the time are used instead of made
 *     ones; null for none
 * @param telephoneProbability that the recording goes through a telephone: 300 to 3400 Hz at 8 kHz,
 *     mu-law of ITU-T G.711
 */
public record AugmentOptions(
    List<Double> speeds,
    double noiseProbability,
    double minSnr,
    double maxSnr,
    List<NoiseKind> noiseKinds,
    Path noiseFolder,
    double reverbProbability,
    double minDecay,
    double maxDecay,
    Path impulseFolder,
    double telephoneProbability) {

  /** Nothing is changed. */
  public static final AugmentOptions DEFAULT =
      new AugmentOptions(
          List.of(1.0),
          0,
          5,
          30,
          List.of(NoiseKind.WHITE, NoiseKind.PINK, NoiseKind.BROWN),
          null,
          0,
          0.1,
          0.8,
          null,
          0);

  /**
   * @throws IllegalArgumentException if a number is out of its range
   */
  public AugmentOptions {
    speeds = List.copyOf(speeds);
    noiseKinds = List.copyOf(noiseKinds);
    require(!speeds.isEmpty(), "speeds", speeds, "at least one factor");
    for (double speed : speeds) {
      require(speed >= 0.25 && speed <= 4, "speed", speed, "0.25 to 4");
    }
    requireProbability("noiseProbability", noiseProbability);
    requireProbability("reverbProbability", reverbProbability);
    requireProbability("telephoneProbability", telephoneProbability);
    require(
        minSnr >= -100 && minSnr <= maxSnr && maxSnr <= 100,
        "the ratio of signal to noise",
        minSnr + " to " + maxSnr + " dB",
        "a range within -100 to 100 dB");
    require(
        minDecay > 0 && minDecay <= maxDecay && maxDecay <= 10,
        "the decay",
        minDecay + " to " + maxDecay + " s",
        "a range above 0 s, at most 10 s");
    require(
        noiseProbability == 0 || !noiseKinds.isEmpty() || noiseFolder != null,
        "noiseKinds",
        noiseKinds,
        "at least one kind, or a noiseFolder");
  }

  private static void requireProbability(String name, double value) {
    require(value >= 0 && value <= 1, name, value, "0 to 1");
  }

  private static void require(boolean holds, String name, Object value, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(name + " is " + value + "; expected " + expected);
    }
  }

  /** These options with other factors. */
  public AugmentOptions withSpeeds(List<Double> value) {
    return new AugmentOptions(
        value,
        noiseProbability,
        minSnr,
        maxSnr,
        noiseKinds,
        noiseFolder,
        reverbProbability,
        minDecay,
        maxDecay,
        impulseFolder,
        telephoneProbability);
  }

  /** These options with noise of another probability and range, in dB. */
  public AugmentOptions withNoise(double probability, double lowestSnr, double highestSnr) {
    return new AugmentOptions(
        speeds,
        probability,
        lowestSnr,
        highestSnr,
        noiseKinds,
        noiseFolder,
        reverbProbability,
        minDecay,
        maxDecay,
        impulseFolder,
        telephoneProbability);
  }

  /** These options with other kinds of noise. */
  public AugmentOptions withNoiseKinds(List<NoiseKind> value) {
    return new AugmentOptions(
        speeds,
        noiseProbability,
        minSnr,
        maxSnr,
        value,
        noiseFolder,
        reverbProbability,
        minDecay,
        maxDecay,
        impulseFolder,
        telephoneProbability);
  }

  /** These options with recordings of noise; null for none. */
  public AugmentOptions withNoiseFolder(Path value) {
    return new AugmentOptions(
        speeds,
        noiseProbability,
        minSnr,
        maxSnr,
        noiseKinds,
        value,
        reverbProbability,
        minDecay,
        maxDecay,
        impulseFolder,
        telephoneProbability);
  }

  /** These options with reverberation of another probability and range, in seconds. */
  public AugmentOptions withReverb(double probability, double shortest, double longest) {
    return new AugmentOptions(
        speeds,
        noiseProbability,
        minSnr,
        maxSnr,
        noiseKinds,
        noiseFolder,
        probability,
        shortest,
        longest,
        impulseFolder,
        telephoneProbability);
  }

  /** These options with recorded impulse responses; null for none. */
  public AugmentOptions withImpulseFolder(Path value) {
    return new AugmentOptions(
        speeds,
        noiseProbability,
        minSnr,
        maxSnr,
        noiseKinds,
        noiseFolder,
        reverbProbability,
        minDecay,
        maxDecay,
        value,
        telephoneProbability);
  }

  /** These options with the telephone at another probability. */
  public AugmentOptions withTelephone(double probability) {
    return new AugmentOptions(
        speeds,
        noiseProbability,
        minSnr,
        maxSnr,
        noiseKinds,
        noiseFolder,
        reverbProbability,
        minDecay,
        maxDecay,
        impulseFolder,
        probability);
  }
}
