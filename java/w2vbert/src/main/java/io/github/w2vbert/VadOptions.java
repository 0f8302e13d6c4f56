package io.github.w2vbert;

/**
 * How {@link SpeechSegmenter} tells speech from silence. Levels are in decibels relative to full
 * scale (a full-scale square wave has 0), times in seconds.
 *
 * @param threshold decibels above the noise from which sound counts as speech, above 0
 * @param minLevel level below which nothing is speech
 * @param maxNoise level that the noise is not taken to exceed where nothing stands out from it by
 *     the threshold: louder sound is speech even if it never pauses
 * @param noiseWindow length of the neighbourhood in which the noise is measured, above 0
 * @param hangover time that speech is taken to go on after its last loud moment, for soft endings
 * @param minSilence pauses shorter than this do not divide
 * @param minSpeech speech shorter than this, without hangover, is dropped
 * @param padding time added before and behind, at most half of the pause
 * @param maxLength longest segment, at least 0.1; a longer one is divided where it is quietest
 */
public record VadOptions(
    double threshold,
    double minLevel,
    double maxNoise,
    double noiseWindow,
    double hangover,
    double minSilence,
    double minSpeech,
    double padding,
    double maxLength) {

  /** For recordings of speech of any loudness; segments of up to 30 s. */
  public static final VadOptions DEFAULT = new VadOptions(8, -60, -40, 30, 0.1, 0.3, 0.1, 0.1, 30);

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if one is not finite or out of its range
   */
  public VadOptions {
    require("threshold", threshold, Double.MIN_NORMAL);
    require("minLevel", minLevel, -Double.MAX_VALUE);
    require("maxNoise", maxNoise, -Double.MAX_VALUE);
    require("noiseWindow", noiseWindow, Double.MIN_NORMAL);
    require("hangover", hangover, 0);
    require("minSilence", minSilence, 0);
    require("minSpeech", minSpeech, 0);
    require("padding", padding, 0);
    require("maxLength", maxLength, 0.1);
  }

  private static void require(String name, double value, double least) {
    if (!(value >= least && value <= Double.MAX_VALUE)) {
      throw new IllegalArgumentException(
          name
              + " is "
              + value
              + ", expected a finite number"
              + (least == 0.1 ? " of 0.1 or more" : "")
              + (least == 0 ? " of 0 or more" : "")
              + (least == Double.MIN_NORMAL ? " above 0" : ""));
    }
  }

  /** These options with another threshold. */
  public VadOptions withThreshold(double value) {
    return new VadOptions(
        value,
        minLevel,
        maxNoise,
        noiseWindow,
        hangover,
        minSilence,
        minSpeech,
        padding,
        maxLength);
  }

  /** These options with another least level. */
  public VadOptions withMinLevel(double value) {
    return new VadOptions(
        threshold,
        value,
        maxNoise,
        noiseWindow,
        hangover,
        minSilence,
        minSpeech,
        padding,
        maxLength);
  }

  /** These options with another greatest noise. */
  public VadOptions withMaxNoise(double value) {
    return new VadOptions(
        threshold,
        minLevel,
        value,
        noiseWindow,
        hangover,
        minSilence,
        minSpeech,
        padding,
        maxLength);
  }

  /** These options with another neighbourhood. */
  public VadOptions withNoiseWindow(double value) {
    return new VadOptions(
        threshold, minLevel, maxNoise, value, hangover, minSilence, minSpeech, padding, maxLength);
  }

  /** These options with another hangover. */
  public VadOptions withHangover(double value) {
    return new VadOptions(
        threshold,
        minLevel,
        maxNoise,
        noiseWindow,
        value,
        minSilence,
        minSpeech,
        padding,
        maxLength);
  }

  /** These options with another least pause. */
  public VadOptions withMinSilence(double value) {
    return new VadOptions(
        threshold, minLevel, maxNoise, noiseWindow, hangover, value, minSpeech, padding, maxLength);
  }

  /** These options with another least speech. */
  public VadOptions withMinSpeech(double value) {
    return new VadOptions(
        threshold,
        minLevel,
        maxNoise,
        noiseWindow,
        hangover,
        minSilence,
        value,
        padding,
        maxLength);
  }

  /** These options with another padding. */
  public VadOptions withPadding(double value) {
    return new VadOptions(
        threshold,
        minLevel,
        maxNoise,
        noiseWindow,
        hangover,
        minSilence,
        minSpeech,
        value,
        maxLength);
  }

  /** These options with another longest segment. */
  public VadOptions withMaxLength(double value) {
    return new VadOptions(
        threshold,
        minLevel,
        maxNoise,
        noiseWindow,
        hangover,
        minSilence,
        minSpeech,
        padding,
        value);
  }
}
