package io.github.w2vbert.decoding;

/**
 * How a beam search weighs and cuts. Scores are natural logarithms. Without a language model and
 * hot words, {@code modelWeight}, {@code wordBonus}, {@code unknownWordScore} and {@code
 * hotWordWeight} have no effect.
 *
 * @param beamWidth how many ends are kept per frame; a prefix that may end in a blank or in its
 *     last token counts as two. From 1 to {@link #MAX_BEAM_WIDTH}
 * @param tokenThreshold tokens that are less probable than the best of the frame by more than this
 *     are not tried; infinity tries all
 * @param maxTokensPerFrame how many tokens are tried in a frame at most, the best ones
 * @param beamThreshold ends that score less than the best of the frame by more than this are
 *     dropped; infinity keeps all
 * @param nBest how many hypotheses are returned, if there are as many
 * @param modelWeight what the language model's log-probability is multiplied by; often alpha
 * @param wordBonus added for every word where there is a language model, which by itself prefers
 *     few words; often beta
 * @param unknownWordScore added for every word that the language model does not list, unless it is
 *     part of a hot phrase; at most 0
 * @param hotWordWeight added for every occurrence of a hot phrase, times the phrase's own weight
 */
public record BeamOptions(
    int beamWidth,
    double tokenThreshold,
    int maxTokensPerFrame,
    double beamThreshold,
    int nBest,
    double modelWeight,
    double wordBonus,
    double unknownWordScore,
    double hotWordWeight) {

  /** The widest beam: a search takes some 250 bytes for each of its ends. */
  public static final int MAX_BEAM_WIDTH = 100_000;

  /** 100 ends, thresholds 5 and 10, 40 tokens, one hypothesis; weights 0.5, 1.5, -10 and 10. */
  public static final BeamOptions DEFAULT = new BeamOptions(100, 5, 40, 10, 1, 0.5, 1.5, -10, 10);

  /**
   * @throws IllegalArgumentException if a value is out of its range
   */
  public BeamOptions {
    require(
        "beamWidth",
        beamWidth,
        beamWidth >= 1 && beamWidth <= MAX_BEAM_WIDTH,
        "from 1 to " + MAX_BEAM_WIDTH);
    require("tokenThreshold", tokenThreshold, tokenThreshold >= 0, "at least 0");
    require("maxTokensPerFrame", maxTokensPerFrame, maxTokensPerFrame >= 1, "at least 1");
    require("beamThreshold", beamThreshold, beamThreshold >= 0, "at least 0");
    require("nBest", nBest, nBest >= 1, "at least 1");
    require(
        "modelWeight",
        modelWeight,
        modelWeight >= 0 && Double.isFinite(modelWeight),
        "finite and at least 0");
    require("wordBonus", wordBonus, Double.isFinite(wordBonus), "finite");
    require(
        "unknownWordScore",
        unknownWordScore,
        unknownWordScore <= 0 && Double.isFinite(unknownWordScore),
        "finite and at most 0");
    require(
        "hotWordWeight",
        hotWordWeight,
        hotWordWeight >= 0 && Double.isFinite(hotWordWeight),
        "finite and at least 0");
  }

  private static void require(String name, Number value, boolean fits, String expected) {
    if (!fits) {
      throw new IllegalArgumentException(name + " is " + value + ", expected " + expected);
    }
  }

  /** These options with another number of ends that are kept per frame. */
  public BeamOptions withBeamWidth(int value) {
    return new BeamOptions(
        value,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        modelWeight,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another distance up to which tokens are tried. */
  public BeamOptions withTokenThreshold(double value) {
    return new BeamOptions(
        beamWidth,
        value,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        modelWeight,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another number of tokens that are tried in a frame. */
  public BeamOptions withMaxTokensPerFrame(int value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        value,
        beamThreshold,
        nBest,
        modelWeight,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another distance up to which ends are kept. */
  public BeamOptions withBeamThreshold(double value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        value,
        nBest,
        modelWeight,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another number of hypotheses. */
  public BeamOptions withNBest(int value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        value,
        modelWeight,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another weight of the language model. */
  public BeamOptions withModelWeight(double value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        value,
        wordBonus,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another bonus for every word. */
  public BeamOptions withWordBonus(double value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        modelWeight,
        value,
        unknownWordScore,
        hotWordWeight);
  }

  /** These options with another score of words that the language model does not list. */
  public BeamOptions withUnknownWordScore(double value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        modelWeight,
        wordBonus,
        value,
        hotWordWeight);
  }

  /** These options with another weight of hot phrases. */
  public BeamOptions withHotWordWeight(double value) {
    return new BeamOptions(
        beamWidth,
        tokenThreshold,
        maxTokensPerFrame,
        beamThreshold,
        nBest,
        modelWeight,
        wordBonus,
        unknownWordScore,
        value);
  }
}
