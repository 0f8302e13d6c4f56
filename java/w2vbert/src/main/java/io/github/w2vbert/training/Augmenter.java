package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Changes recordings as {@link AugmentOptions} say. What happens depends on the seed, the epoch and
 * the utterance alone, so that a run can be repeated and resumed. One thread at a time.
 */
final class Augmenter {
  private static final int PURPOSE = 0x417567; // sets these random numbers apart from others
  private static final long CACHED_SAMPLES = 32L << 20;
  private static final double DIRECT_DB = 15; // at most this much above its reverberation
  private static final int MAX_RESPONSE = 10; // in seconds
  private static final double DELAY = 0.0025; // of the reverberation, in seconds
  private static final double FALL = Math.log(1000); // 60 dB, as a natural logarithm of amplitudes

  private final AugmentOptions options;
  private final long seed;
  private final int rate;
  private final ClipCache clips;
  private final List<Path> noises;
  private final List<Path> impulses;

  /**
   * @throws IllegalArgumentException if a folder has no files
   */
  Augmenter(AugmentOptions options, long seed, int rate) {
    this.options = options;
    this.seed = seed;
    this.rate = rate;
    clips = new ClipCache(rate, CACHED_SAMPLES);
    noises = files("noiseFolder", options.noiseFolder());
    impulses = files("impulseFolder", options.impulseFolder());
  }

  private static List<Path> files(String name, Path folder) {
    if (folder == null) {
      return List.of();
    }
    try (Stream<Path> tree = Files.walk(folder)) {
      List<Path> files =
          tree.filter(Files::isRegularFile).filter(TextFolder::isAudio).sorted().toList();
      if (files.isEmpty()) {
        throw new IllegalArgumentException(
            name + " is " + folder + ", which has no audio; expected at least one file");
      }
      return files;
    } catch (IOException e) {
      throw new IllegalArgumentException(
          name + " is " + folder + ", which cannot be read: " + e, e);
    }
  }

  /** The factor of an utterance in an epoch. */
  double speed(int epoch, int utterance) {
    return speed(random(epoch, utterance));
  }

  private double speed(Random random) {
    return options.speeds().get(random.nextInt(options.speeds().size()));
  }

  private Random random(int epoch, int utterance) {
    return Seeds.random(seed, PURPOSE, epoch, utterance);
  }

  /** The length of a clip at another speed, in samples. */
  int length(int samples, double speed) {
    long from = fastRate(speed);
    return Math.toIntExact((samples * (long) rate + from - 1) / from);
  }

  /** The rate at which the samples would have to be played. */
  private int fastRate(double speed) {
    return (int) Math.round(rate * speed);
  }

  /**
   * A changed recording.
   *
   * @param clip mono, at this augmenter's rate
   * @param speed of this utterance, or 1 to keep its length
   */
  Audio apply(Audio clip, double speed, int epoch, int utterance) {
    Random random = random(epoch, utterance);
    speed(random); // its number is drawn in any case, so that the others stay
    float[] samples = clip.samples();
    if (speed != 1) {
      samples = Audio.of(samples, fastRate(speed)).resample(rate).samples();
    }
    // Every choice is drawn, whatever the others are: a probability changes nothing else.
    boolean reverb = random.nextDouble() < options.reverbProbability();
    boolean noise = random.nextDouble() < options.noiseProbability();
    boolean telephone = random.nextDouble() < options.telephoneProbability();
    double snr = between(options.minSnr(), options.maxSnr(), random);
    if (reverb) {
      samples = Spectrum.convolve(samples, impulse(random));
    }
    if (noise) {
      addNoise(samples, snr, random);
    }
    return telephone ? Telephone.apply(samples, rate) : Audio.of(samples, rate);
  }

  private static double between(double low, double high, Random random) {
    return low + (high - low) * random.nextDouble();
  }

  private boolean recorded(List<Path> files, boolean canBeMade, Random random) {
    return !files.isEmpty() && (!canBeMade || random.nextBoolean());
  }

  private Audio read(List<Path> files, Random random) {
    Path file = files.get(random.nextInt(files.size()));
    try {
      Audio clip = clips.read(file);
      if (clip.length() == 0) {
        throw new IllegalArgumentException(file + " has no samples; expected a recording");
      }
      return clip;
    } catch (IOException e) {
      throw new W2vBertException("cannot read " + file + ": " + e, e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
    }
  }

  /** An impulse response of energy 1: a recorded one from its peak on, or one that is made. */
  private float[] impulse(Random random) {
    float[] response;
    if (recorded(impulses, true, random)) {
      float[] whole = read(impulses, random).samples();
      int peak = 0;
      for (int i = 1; i < whole.length; i++) {
        peak = Math.abs(whole[i]) > Math.abs(whole[peak]) ? i : peak;
      }
      int length = Math.min(whole.length - peak, MAX_RESPONSE * rate);
      response = Arrays.copyOfRange(whole, peak, peak + length);
    } else {
      double decay = between(options.minDecay(), options.maxDecay(), random);
      response = new float[1 + (int) (decay * rate)];
      double energy = 0;
      for (int i = (int) (DELAY * rate); i < response.length; i++) {
        response[i] = (float) (random.nextGaussian() * Math.exp(-FALL * i / (decay * rate)));
        energy += (double) response[i] * response[i];
      }
      double wanted = Math.pow(10, -between(0, DIRECT_DB, random) / 10);
      double gain = energy == 0 ? 0 : Math.sqrt(wanted / energy);
      for (int i = 0; i < response.length; i++) {
        response[i] *= (float) gain;
      }
      response[0] = 1;
    }
    scale(response, 1 / Math.max(1e-9, Math.sqrt(power(response) * response.length)));
    return response;
  }

  private void addNoise(float[] samples, double snr, Random random) {
    float[] noise;
    if (recorded(noises, !options.noiseKinds().isEmpty(), random)) {
      float[] whole = read(noises, random).samples();
      int begin = random.nextInt(whole.length);
      noise = new float[samples.length];
      for (int i = 0; i < noise.length; i++) {
        noise[i] = whole[(int) ((begin + (long) i) % whole.length)];
      }
    } else {
      NoiseKind kind = options.noiseKinds().get(random.nextInt(options.noiseKinds().size()));
      noise = kind.samples(samples.length, rate, random);
    }
    mix(samples, noise, snr);
  }

  /** Adds noise so that the signal is so many dB above it; nothing if one of them is silent. */
  static void mix(float[] samples, float[] noise, double snr) {
    double signal = power(samples);
    double other = power(noise);
    if (signal > 0 && other > 0) {
      double gain = Math.sqrt(signal / other * Math.pow(10, -snr / 10));
      for (int i = 0; i < samples.length; i++) {
        samples[i] += (float) (gain * noise[i]);
      }
    }
  }

  private static void scale(float[] samples, double gain) {
    for (int i = 0; i < samples.length; i++) {
      samples[i] *= (float) gain;
    }
  }

  static double power(float[] samples) {
    double sum = 0;
    for (float sample : samples) {
      sum += (double) sample * sample;
    }
    return samples.length == 0 ? 0 : sum / samples.length;
  }
}
