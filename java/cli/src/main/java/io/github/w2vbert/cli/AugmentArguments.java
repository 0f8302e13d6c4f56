package io.github.w2vbert.cli;

import io.github.w2vbert.training.AugmentOptions;
import io.github.w2vbert.training.NoiseKind;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** How recordings are changed before a model hears them. */
final class AugmentArguments {
  @Option(
      names = "--speeds",
      paramLabel = "X",
      split = ",",
      description = "Factors of the speed, of which one is chosen, such as 0.9,1,1.1. Without: 1.")
  private List<Double> speeds;

  @Option(
      names = "--noise",
      paramLabel = "P",
      description = "Adds noise with this probability, from 0 to 1.")
  private Double noise;

  @Option(
      names = "--snr",
      paramLabel = "DB",
      split = ",",
      description = "Lowest and highest ratio of signal to noise, in dB. Without: 5,30.")
  private List<Double> ratios;

  @Option(
      names = "--noise-kinds",
      paramLabel = "KIND",
      split = ",",
      converter = Words.NoiseKinds.class,
      completionCandidates = Words.NoiseKinds.class,
      description = "Noise that is made: ${COMPLETION-CANDIDATES}. Without: white,pink,brown.")
  private List<NoiseKind> noiseKinds;

  @Option(
      names = "--noise-folder",
      paramLabel = "DIR",
      description = "Recordings of noise, taken half of the time instead.")
  private Path noiseFolder;

  @Option(
      names = "--reverb",
      paramLabel = "P",
      description = "Adds reverberation with this probability, from 0 to 1.")
  private Double reverb;

  @Option(
      names = "--decay",
      paramLabel = "S",
      split = ",",
      description = "Shortest and longest time in which it falls by 60 dB. Without: 0.1,0.8.")
  private List<Double> decays;

  @Option(
      names = "--impulse-folder",
      paramLabel = "DIR",
      description = "Recorded impulse responses, taken half of the time instead of made ones.")
  private Path impulseFolder;

  @Option(
      names = "--telephone",
      paramLabel = "P",
      description =
          "Sends recordings through a telephone (300 to 3400 Hz, mu-law) with this probability.")
  private Double telephone;

  /** Options of the library with these changes. */
  AugmentOptions options(Usage usage) {
    usage.requireEffect("--snr", ratios, noise != null, "--noise");
    usage.requireEffect("--noise-kinds", noiseKinds, noise != null, "--noise");
    usage.requireEffect("--noise-folder", noiseFolder, noise != null, "--noise");
    usage.requireEffect("--decay", decays, reverb != null, "--reverb");
    usage.requireEffect("--impulse-folder", impulseFolder, reverb != null, "--reverb");
    AugmentOptions options = AugmentOptions.DEFAULT;
    options = usage.change(options, "--speeds", speeds, AugmentOptions::withSpeeds);
    options = usage.change(options, "--noise-folder", noiseFolder, AugmentOptions::withNoiseFolder);
    options = usage.change(options, "--noise-kinds", noiseKinds, AugmentOptions::withNoiseKinds);
    List<Double> snr = usage.pair("--snr", ratios, options.minSnr(), options.maxSnr());
    options =
        usage.change(options, "--noise", noise, (o, p) -> o.withNoise(p, snr.get(0), snr.get(1)));
    List<Double> decay = usage.pair("--decay", decays, options.minDecay(), options.maxDecay());
    options =
        usage.change(
            options, "--reverb", reverb, (o, p) -> o.withReverb(p, decay.get(0), decay.get(1)));
    options =
        usage.change(options, "--impulse-folder", impulseFolder, AugmentOptions::withImpulseFolder);
    return usage.change(options, "--telephone", telephone, AugmentOptions::withTelephone);
  }
}
