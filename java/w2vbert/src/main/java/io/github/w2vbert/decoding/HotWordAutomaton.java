package io.github.w2vbert.decoding;

import java.util.Arrays;
import java.util.Map;

/**
 * Finds phrases in a stream of symbols (Aho and Corasick 1975): a state is the longest beginning of
 * a phrase that the symbols so far end with. Immutable.
 *
 * <p>Where the vocabulary has a token between words, a phrase is surrounded by {@link
 * TokenTexts#WORD_END}, and the beginning of an utterance counts as one.
 */
final class HotWordAutomaton {
  private final Trie phrases = new Trie();
  private final int[] afterRoot; // by symbol: no look-up in the state of most words
  private final int[] failure; // the state of the longest proper suffix
  private final double[] completed; // weights of the phrases that end in a state
  private final double[] lent; // of the weight of a phrase that a state may become
  private final int start;
  private final double[] largestGain;

  /**
   * @throws IllegalArgumentException if a phrase has a character that is not in the vocabulary
   */
  HotWordAutomaton(HotWords hotWords, TokenTexts texts) {
    Map<String, Integer> ids = texts.tokenizerIds();
    int[] ends = new int[hotWords.phrases().size()];
    double[] weights = new double[ends.length];
    int count = 0;
    for (Map.Entry<String, Double> phrase : hotWords.phrases().entrySet()) {
      ends[count] = add(texts.spellPhrase(phrase.getKey(), ids), texts.hasDelimiter());
      weights[count++] = phrase.getValue();
    }
    afterRoot = new int[texts.symbolCount()];
    for (int symbol = 0; symbol < afterRoot.length; symbol++) {
      afterRoot[symbol] = Math.max(Trie.ROOT, phrases.child(Trie.ROOT, symbol));
    }
    start = texts.hasDelimiter() ? afterRoot[TokenTexts.WORD_END] : Trie.ROOT;

    int[] depth = new int[phrases.size()];
    int deepest = 0;
    for (int state = 1; state < depth.length; state++) {
      depth[state] = depth[phrases.parent(state)] + 1;
      deepest = Math.max(deepest, depth[state]);
    }
    completed = new double[depth.length];
    lent = new double[depth.length];
    for (int i = 0; i < ends.length; i++) {
      completed[ends[i]] = Math.max(completed[ends[i]], weights[i]); // some are spelt the same
      int characters = depth[ends[i]] - 2 * depth[start];
      for (int state = phrases.parent(ends[i]); state != start; state = phrases.parent(state)) {
        double share = weights[i] * (depth[state] - depth[start]) / characters;
        lent[state] = Math.max(lent[state], share);
      }
    }
    failure = new int[depth.length];
    int[] states = sorted(depth, deepest);
    for (int state : states) {
      int parent = phrases.parent(state);
      if (parent != Trie.ROOT) {
        failure[state] = next(failure[parent], phrases.symbol(state));
      }
      completed[state] += completed[failure[state]];
      lent[state] = Math.max(lent[state], lent[failure[state]]);
    }
    largestGain = new double[depth.length];
    for (int state : states) {
      int parent = phrases.parent(state);
      largestGain[parent] = Math.max(largestGain[parent], completed[state] + lent[state]);
    }
    for (int state : states) {
      largestGain[state] = Math.max(largestGain[state], largestGain[failure[state]]);
    }
    for (int state : states) {
      largestGain[state] -= lent[state];
    }
  }

  /** The state in which a phrase is complete. */
  private int add(int[] symbols, boolean surrounded) {
    int state = surrounded ? phrases.addChild(Trie.ROOT, TokenTexts.WORD_END) : Trie.ROOT;
    for (int symbol : symbols) {
      state = phrases.addChild(state, symbol);
    }
    return surrounded ? phrases.addChild(state, TokenTexts.WORD_END) : state;
  }

  /** The states but the root, by their depth. */
  private static int[] sorted(int[] depth, int deepest) {
    int[] places = new int[deepest + 2];
    for (int state = 1; state < depth.length; state++) {
      places[depth[state] + 1]++;
    }
    for (int d = 1; d < places.length; d++) {
      places[d] += places[d - 1];
    }
    int[] states = new int[depth.length - 1];
    for (int state = 1; state < depth.length; state++) {
      states[places[depth[state]]++] = state;
    }
    return states;
  }

  /** The state in which an utterance, and every word that begins no phrase's rest, begins. */
  int start() {
    return start;
  }

  int next(int state, int symbol) {
    while (state != Trie.ROOT) {
      int found = phrases.child(state, symbol);
      if (found != Trie.NONE) {
        return found;
      }
      state = failure[state];
    }
    return afterRoot[symbol];
  }

  /** The sum of the weights of the phrases that are complete in a state. */
  double completed(int state) {
    return completed[state];
  }

  /** What a state is worth as long as the phrase that it begins may be completed. */
  double lent(int state) {
    return lent[state];
  }

  /** What no symbol adds more of to a state, {@link #completed} and {@link #lent} together. */
  double largestGain(int state) {
    return largestGain[state];
  }

  /** The same for every state. */
  double largestGain() {
    return Arrays.stream(largestGain).max().orElseThrow();
  }
}
