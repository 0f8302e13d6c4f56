package io.github.w2vbert.decoding;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;

/**
 * A back-off n-gram model of words (Katz 1987), read from an ARPA file, plain or compressed with
 * gzip.
 *
 * <pre>{@code
 * NgramModel model = NgramModel.read(Path.of("4-gram.arpa.gz"));
 * int state = model.begin();
 * for (String word : List.of("good", "morning")) {
 *   long step = model.step(state, model.wordId(word)); // no allocation
 *   score += NgramModel.log10(step);
 *   state = NgramModel.state(step);
 * }
 * }</pre>
 *
 * <p>A state is the longest end of the words so far that the model knows anything after: a node of
 * a trie whose every node knows its longest proper suffix, so a step is one look-up and one more
 * for every back-off. An n-gram takes some 30 bytes; there are no objects for each. Instances never
 * change: any number of threads may share one.
 *
 * <p>This is our own reader since no maintained one was found for the JVM: on Maven Central are
 * berkeleylm 1.1.2 and kenlm-java 0.0.2, both dormant. KenLM's binary files are refused: they
 * depend on the machine and the version that wrote them.
 */
public final class NgramModel {
  /** The highest order that is read. */
  public static final int MAX_ORDER = 10;

  private static final float ABSENT = Float.NaN; // the probability of a context that is no n-gram

  private final int order;
  private final WordTable words;
  private final int unknown;
  private final int begin; // -1: none
  private final int end; // -1: none
  private final Trie ngrams; // a path of words is an n-gram or the beginning of one
  private final float[] probability; // log10
  private final float[] backoff; // log10

  // The node of the longest proper suffix; as ~node if nothing follows a node, so that no state
  // need be there.
  private final int[] suffix;

  NgramModel(
      int order,
      WordTable words,
      int unknown,
      int begin,
      int end,
      Trie ngrams,
      float[] probability,
      float[] backoff) {
    this.order = order;
    this.words = words;
    this.unknown = unknown;
    this.begin = begin;
    this.end = end;
    this.ngrams = ngrams;
    this.probability = probability;
    this.backoff = backoff;
    suffix = new int[ngrams.size()];
    BitSet contexts = new BitSet(ngrams.size());
    contexts.set(Trie.ROOT);
    for (int node = 1; node < ngrams.size(); node++) {
      linkSuffix(node);
      contexts.set(ngrams.parent(node));
    }
    for (int node = 1; node < ngrams.size(); node++) {
      fillProbability(node);
    }
    for (int node = 1; node < ngrams.size(); node++) {
      if (!contexts.get(node) && backoff[node] == 0) {
        suffix[node] = ~suffix[node];
      }
    }
  }

  /** What the reader puts in place of the probability of a context that is no n-gram. */
  static float absent() {
    return ABSENT;
  }

  // Recursion is as deep as the order.
  private int linkSuffix(int node) {
    int parent = ngrams.parent(node);
    if (parent == Trie.ROOT || suffix[node] != Trie.ROOT) {
      return suffix[node];
    }
    int context = linkSuffix(parent);
    int found = ngrams.child(context, ngrams.symbol(node));
    while (found == Trie.NONE) {
      context = linkSuffix(context);
      found = ngrams.child(context, ngrams.symbol(node)); // every word follows the root
    }
    suffix[node] = found;
    return found;
  }

  /** Gives a context that is no n-gram the probability that backing off would give it. */
  private float fillProbability(int node) {
    if (Float.isNaN(probability[node])) {
      float sum = 0;
      int context = ngrams.parent(node);
      int found;
      do {
        sum += backoff[context];
        context = suffix[context];
        found = ngrams.child(context, ngrams.symbol(node));
      } while (found == Trie.NONE);
      probability[node] = sum + fillProbability(found);
    }
    return probability[node];
  }

  /**
   * Reads an ARPA file. As KenLM does, this gives an unknown word the probability 10^-100 where the
   * file lists no {@code <unk>}, and refuses probabilities above 1, counts that do not match, and
   * words that are not among the 1-grams; contexts that are missing count as backed off without
   * penalty.
   *
   * @param file plain, or compressed with gzip whatever its name
   * @throws IllegalArgumentException if it is no ARPA file or a damaged one, with the number of the
   *     line, or does not fit the heap
   * @throws IOException if reading fails
   */
  public static NgramModel read(Path file) throws IOException {
    Objects.requireNonNull(file, "file");
    try (InputStream in = Files.newInputStream(file)) {
      return ArpaReader.read(new BufferedInputStream(in), file.toString());
    }
  }

  /**
   * As {@link #read(Path)}, from a stream that is left open.
   *
   * @throws IOException if reading fails
   */
  public static NgramModel read(InputStream in) throws IOException {
    Objects.requireNonNull(in, "in");
    return ArpaReader.read(new BufferedInputStream(in), "the stream");
  }

  /** The length of the longest n-grams. */
  public int order() {
    return order;
  }

  /** Words, with {@code <unk>}, {@code <s>} and {@code </s>}. */
  public int vocabularySize() {
    return words.size();
  }

  /** Whether a word is among the 1-grams. */
  public boolean contains(String word) {
    Objects.requireNonNull(word, "word");
    return words.find(word) != WordTable.NONE;
  }

  /** The id of a word, or that of the unknown word. */
  public int wordId(String word) {
    Objects.requireNonNull(word, "word");
    int id = words.find(word);
    return id == WordTable.NONE ? unknown : id;
  }

  /**
   * The word of an id.
   *
   * @throws IllegalArgumentException if there is no such id
   */
  public String word(int id) {
    requireWord(id);
    return words.word(id);
  }

  /** The id of the unknown word. */
  public int unknownWord() {
    return unknown;
  }

  /** The id of {@code </s>}, or -1 if the model has none. */
  public int endWord() {
    return end;
  }

  /** The id of {@code <s>}, or -1 if the model has none. */
  int beginWord() {
    return begin;
  }

  /** The state at the beginning of a sentence; {@link #empty} if the model has no {@code <s>}. */
  public int begin() {
    return begin < 0 ? Trie.ROOT : state(step(Trie.ROOT, begin));
  }

  /** The state that knows of no words. */
  public int empty() {
    return Trie.ROOT;
  }

  /**
   * The probability of a word after the words that led to a state, and the state after it: to be
   * read with {@link #log10} and {@link #state}.
   *
   * @throws IllegalArgumentException if there is no such state or word
   */
  public long step(int state, int word) {
    requireWord(word);
    if (state < 0 || state >= suffix.length) {
      throw new IllegalArgumentException(
          "state is " + state + "; expected one of this model, below " + suffix.length);
    }
    float sum = 0;
    int context = state;
    int found = ngrams.child(context, word);
    while (found == Trie.NONE) {
      sum += backoff[context];
      context = suffixOf(context);
      found = ngrams.child(context, word); // every word follows the root
    }
    int next = suffix[found];
    return (long) Float.floatToRawIntBits(sum + probability[found]) << 32
        | (next < 0 ? ~next : found);
  }

  private int suffixOf(int node) {
    int next = suffix[node];
    return next < 0 ? ~next : next;
  }

  /** The base-10 logarithm of the probability in a result of {@link #step}. */
  public static float log10(long step) {
    return Float.intBitsToFloat((int) (step >> 32));
  }

  /** The state in a result of {@link #step}. */
  public static int state(long step) {
    return (int) step;
  }

  /** The base-10 logarithm of the probability of a sentence from its beginning to its end. */
  public double score(List<String> sentence) {
    Objects.requireNonNull(sentence, "sentence");
    double sum = 0;
    int state = begin();
    for (String word : sentence) {
      long step = step(state, wordId(word));
      sum += log10(step);
      state = state(step);
    }
    return end < 0 ? sum : sum + log10(step(state, end));
  }

  /** What no step exceeds, as a base-10 logarithm: above 0 only where back-offs are. */
  float largestStep() {
    float largest = 0;
    for (float value : backoff) {
      largest = Math.max(largest, value);
    }
    return largest * (order - 1);
  }

  private void requireWord(int id) {
    if (id < 0 || id >= words.size()) {
      throw new IllegalArgumentException(
          "word is " + id + "; expected an id from 0 to " + (words.size() - 1));
    }
  }
}
