package io.github.w2vbert.decoding;

import io.github.w2vbert.Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * What a decoder knows of the tokens that a model scores.
 *
 * @param tokens the text of every token, at the place of its id; null where the tokenizer has none
 * @param blank the id of CTC's blank
 * @param wordDelimiter the id of the token between words, or -1 if there is none
 * @param special ids that are no text, such as {@code <s>}; the blank is one of them
 */
public record CtcVocabulary(
    List<String> tokens, int blank, int wordDelimiter, Set<Integer> special) {
  /**
   * @throws IllegalArgumentException if the blank, the delimiter or a special id is not one of
   *     {@code tokens}
   */
  public CtcVocabulary {
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(special, "special");
    tokens = Collections.unmodifiableList(new ArrayList<>(tokens)); // List.copyOf refuses null
    if (blank < 0 || blank >= tokens.size()) {
      throw new IllegalArgumentException(
          "blank is " + blank + "; expected an id from 0 to " + (tokens.size() - 1));
    }
    if (wordDelimiter < -1 || wordDelimiter >= tokens.size()) {
      throw new IllegalArgumentException(
          "wordDelimiter is " + wordDelimiter + "; expected -1 or an id below " + tokens.size());
    }
    Set<Integer> all = new HashSet<>();
    for (Integer id : special) {
      if (Objects.requireNonNull(id, "a special id") < 0 || id >= tokens.size()) {
        throw new IllegalArgumentException(
            "special has " + id + "; expected ids from 0 to " + (tokens.size() - 1));
      }
      all.add(id);
    }
    all.add(blank);
    special = Collections.unmodifiableSet(all);
  }

  /**
   * The vocabulary of a tokenizer.
   *
   * @param size the number of tokens that the model scores ({@code vocab_size})
   * @throws IllegalArgumentException if the tokenizer has no padding token among them
   */
  public static CtcVocabulary of(Tokenizer tokenizer, int size) {
    Objects.requireNonNull(tokenizer, "tokenizer");
    Map<String, Integer> ids = tokenizer.vocabulary();
    Set<Integer> known = new HashSet<>(ids.values());
    List<String> tokens = new ArrayList<>();
    for (int id = 0; id < size; id++) {
      tokens.add(known.contains(id) ? tokenizer.idToToken(id) : null);
    }
    Set<Integer> special = new HashSet<>();
    for (String token : tokenizer.specialTokens()) {
      int id = ids.getOrDefault(token, -1);
      if (id >= 0 && id < size) { // the model may score fewer tokens than the tokenizer has
        special.add(id);
      }
    }
    int delimiter = ids.getOrDefault(tokenizer.wordDelimiterToken(), -1);
    return new CtcVocabulary(
        tokens, tokenizer.padTokenId(), delimiter < size ? delimiter : -1, special);
  }
}
