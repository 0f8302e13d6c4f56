package io.github.w2vbert.decoding;

/**
 * How a text is aligned.
 *
 * @param speechAround whether the audio may hold speech before and after the text, which is passed
 *     over
 * @param speechBetweenWords whether the audio may hold speech between words that is not in the
 *     text, which is passed over
 * @param band how many frames an alignment may be away from an even spread of the text over the
 *     audio; null: any number. A narrow band saves time in long audio, but what lies outside is not
 *     found
 */
public record AlignOptions(boolean speechAround, boolean speechBetweenWords, Integer band) {
  /** The text is all that is said; no band. */
  public static final AlignOptions DEFAULT = new AlignOptions(false, false, null);

  /**
   * @throws IllegalArgumentException if the band is below 1
   */
  public AlignOptions {
    if (band != null && band < 1) {
      throw new IllegalArgumentException("band is " + band + " frames; expected at least 1");
    }
  }

  /** These options, with or without other speech before and after the text. */
  public AlignOptions withSpeechAround(boolean value) {
    return new AlignOptions(value, speechBetweenWords, band);
  }

  /** These options, with or without other speech between words. */
  public AlignOptions withSpeechBetweenWords(boolean value) {
    return new AlignOptions(speechAround, value, band);
  }

  /** These options with another band; null: without one. */
  public AlignOptions withBand(Integer value) {
    return new AlignOptions(speechAround, speechBetweenWords, value);
  }
}
