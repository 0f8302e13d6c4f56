package io.github.w2vbert.decoding;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * Phrases of one or several words that a beam search favours, such as names and terms.
 *
 * <pre>{@code
 * decoder.withHotWords(HotWords.of(List.of("kubernetes", "new york")));
 * decoder.withHotWords(new HotWords(Map.of("kubernetes", 1.5, "new york", 0.5)));
 * }</pre>
 *
 * <p>Where the vocabulary has a token between words, a phrase counts where its first word begins
 * and its last one ends: "art" is not favoured in "start". Otherwise (Chinese, say) it counts
 * wherever its characters are. Every occurrence earns {@link BeamOptions#hotWordWeight} times the
 * phrase's weight. A share of it is lent to every beginning of a phrase, by the characters so far,
 * and taken back if the phrase is not completed. The time of a search does not depend on how many
 * phrases there are: each of its prefixes keeps one state of an Aho-Corasick automaton (1975).
 *
 * @param phrases every phrase with its weight; words separated by white space
 */
public record HotWords(Map<String, Double> phrases) {
  // What Java's tests of strings and what Unicode calls white space: neither has all of the other.
  private static final Pattern BLANK = Pattern.compile("(?U)[\\s\\p{javaWhitespace}]*");

  /** No phrases. */
  public static final HotWords NONE = new HotWords(Map.of());

  /**
   * @throws IllegalArgumentException if a phrase is blank, or a weight is not a finite number above
   *     0
   */
  public HotWords {
    Objects.requireNonNull(phrases, "phrases");
    Map<String, Double> copy = new LinkedHashMap<>(phrases);
    copy.forEach(
        (phrase, weight) -> {
          if (BLANK.matcher(Objects.requireNonNull(phrase, "a hot word")).matches()) {
            throw new IllegalArgumentException("a hot word is blank, expected text");
          }
          Objects.requireNonNull(weight, "a weight");
          if (!(weight > 0) || weight.isInfinite()) {
            throw new IllegalArgumentException(
                "the weight of the hot word \""
                    + phrase
                    + "\" is "
                    + weight
                    + ", expected a finite number above 0");
          }
        });
    phrases = Collections.unmodifiableMap(copy);
  }

  /**
   * Phrases of weight 1.
   *
   * @throws IllegalArgumentException if a phrase is blank
   */
  public static HotWords of(Collection<String> phrases) {
    Objects.requireNonNull(phrases, "phrases");
    Map<String, Double> weights = new LinkedHashMap<>();
    for (String phrase : phrases) {
      weights.put(phrase, 1.0);
    }
    return new HotWords(weights);
  }
}
