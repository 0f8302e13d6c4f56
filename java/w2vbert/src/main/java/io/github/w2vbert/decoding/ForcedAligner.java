package io.github.w2vbert.decoding;

import io.github.w2vbert.Tokenizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Finds when each word of a known text is said: the most probable alignment of its tokens to the
 * frames of a model for connectionist temporal classification (Graves et al. 2006; Kürzinger et al.
 * 2020).
 *
 * <pre>{@code
 * ForcedAligner aligner = ForcedAligner.of(tokenizer, config.vocabSize());
 * Alignment alignment = aligner.align(scores, "Hello, world!");
 * for (Word word : alignment.toWords(0.02)) {
 *   System.out.println(word.start() + " " + word.text());
 * }
 * }</pre>
 *
 * <p>A text is split at white space, and in scripts without spaces (Chinese, Japanese, Thai, Lao,
 * Khmer, Burmese) at every character, and keeps its spelling: where the vocabulary lacks a
 * character, its other case or its Unicode decomposition is taken instead, and punctuation is
 * passed over. Characters that are still unknown, such as digits, match speech of any kind:
 * neighbours in a word are one label, whose first frame scores as the most probable token other
 * than the blank and the word delimiter, and after which every frame before the next label scores
 * as the most probable token.
 *
 * <p>The result is exact unless the options set a band. T frames and L labels take O(T L) time, and
 * O((T L)^(2/3)) memory: an hour of 180 000 frames and 50 000 labels takes 45 seconds and 83 MB, a
 * minute takes milliseconds. A band of W frames reduces the time to O(W L). Immutable; any number
 * of threads may share one.
 */
public final class ForcedAligner {
  private final CtcVocabulary vocabulary;
  private final AlignmentText.Encoder encoder;

  private ForcedAligner(CtcVocabulary vocabulary, AlignmentText.Encoder encoder) {
    this.vocabulary = vocabulary;
    this.encoder = encoder;
  }

  /**
   * An aligner for the tokens of a tokenizer.
   *
   * @param vocabularySize the number of tokens that the model scores ({@code vocab_size})
   * @throws IllegalArgumentException if the tokenizer has no padding token among them
   */
  public static ForcedAligner of(Tokenizer tokenizer, int vocabularySize) {
    CtcVocabulary vocabulary = CtcVocabulary.of(tokenizer, vocabularySize);
    // As in training, there is no delimiter beside a token that takes the spaces around it along.
    Set<Integer> joinedLeft = new HashSet<>();
    Set<Integer> joinedRight = new HashSet<>();
    for (int id = 0; id < vocabularySize; id++) {
      String token = vocabulary.tokens().get(id);
      if (token != null && tokenizer.tokenize(" " + token).size() == 1) {
        joinedLeft.add(id);
      }
      if (token != null && tokenizer.tokenize(token + " ").size() == 1) {
        joinedRight.add(id);
      }
    }
    return new ForcedAligner(
        vocabulary, new AlignmentText.Encoder(vocabulary, joinedLeft, joinedRight));
  }

  /** An aligner for a vocabulary; the delimiter, if there is one, stands between all words. */
  public static ForcedAligner of(CtcVocabulary vocabulary) {
    Objects.requireNonNull(vocabulary, "vocabulary");
    return new ForcedAligner(vocabulary, new AlignmentText.Encoder(vocabulary, Set.of(), Set.of()));
  }

  /** As {@link #align(LogProbabilities, String, AlignOptions)}, for a text that is all said. */
  public Alignment align(LogProbabilities frames, String text) {
    return align(frames, text, AlignOptions.DEFAULT);
  }

  /**
   * Aligns a text. Of equally probable alignments it is always the same: labels towards the end are
   * the longest.
   *
   * @throws IllegalArgumentException if the text has no character of the vocabulary, needs more
   *     frames than there are, or has probability 0 (in the band); or the frames are not of this
   *     vocabulary
   */
  public Alignment align(LogProbabilities frames, String text, AlignOptions options) {
    Objects.requireNonNull(frames, "frames");
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(options, "options");
    AlignmentText labels = encoder.encode(text);
    if (labels.labels().stream().noneMatch(ForcedAligner::isKnown)) {
      throw new IllegalArgumentException(
          "the text '"
              + (text.length() <= 80 ? text : text.substring(0, 80) + "...")
              + "' has no character of the vocabulary; expected at least one");
    }
    return align(frames, labels, options);
  }

  /** As {@link #align(LogProbabilities, int[], AlignOptions)}, for tokens that are all said. */
  public Alignment align(LogProbabilities frames, int[] tokens) {
    return align(frames, tokens, AlignOptions.DEFAULT);
  }

  /**
   * Aligns tokens as {@link Tokenizer#encode(String)} makes them. Words are what lies between
   * delimiters, or tokens in scripts without spaces; special tokens, such as the unknown token,
   * match speech of any kind.
   *
   * @throws IllegalArgumentException if a token is the blank or not in the vocabulary, none is a
   *     character, they need more frames than there are, or have probability 0 (in the band); or
   *     the frames are not of this vocabulary
   */
  public Alignment align(LogProbabilities frames, int[] tokens, AlignOptions options) {
    Objects.requireNonNull(frames, "frames");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(options, "options");
    AlignmentText labels = encoder.encode(tokens);
    if (labels.labels().stream().noneMatch(ForcedAligner::isKnown)) {
      throw new IllegalArgumentException(
          "none of " + tokens.length + " tokens is a character; expected at least one");
    }
    return align(frames, labels, options);
  }

  private static boolean isKnown(AlignmentText.Label label) {
    return label.word() >= 0 && label.token() >= 0;
  }

  private Alignment align(LogProbabilities frames, AlignmentText text, AlignOptions options) {
    if (frames.vocabulary() != vocabulary.tokens().size()) {
      throw new IllegalArgumentException(
          "the frames score "
              + frames.vocabulary()
              + " tokens; expected the "
              + vocabulary.tokens().size()
              + " of the vocabulary");
    }
    requireRoom(frames.time(), text.labels());
    CtcViterbi viterbi =
        new CtcViterbi(
            frames,
            states(text.labels(), options),
            vocabulary.blank(),
            vocabulary.wordDelimiter(),
            options.band() == null ? CtcViterbi.NO_BAND : options.band());
    CtcViterbi.Path path = viterbi.bestPath();
    List<AlignedToken> tokens = tokens(text.labels(), path, frames.bestPath());
    List<AlignedWord> words = new ArrayList<>();
    for (int i = 0; i < tokens.size(); ) {
      int first = i;
      int word = text.labels().get(i).word();
      while (i < tokens.size() && text.labels().get(i).word() == word) {
        i++;
      }
      if (word >= 0) {
        words.add(new AlignedWord(text.words().get(word), tokens.subList(first, i)));
      }
    }
    return new Alignment(tokens, words, frames.time(), path.logProbability());
  }

  private static void requireRoom(int time, List<AlignmentText.Label> labels) {
    int needed = labels.size();
    for (int i = 1; i < labels.size(); i++) {
      int token = labels.get(i).token();
      if (token >= 0 && token == labels.get(i - 1).token()) {
        needed++; // a blank between equal labels
      }
    }
    if (time < needed) {
      throw new IllegalArgumentException(
          "the audio has "
              + time
              + " frames, but the text needs at least "
              + needed
              + " ("
              + labels.size()
              + " labels and "
              + (needed - labels.size())
              + " blanks between equal ones)");
    }
  }

  /** What each state matches: labels, and gaps around them. */
  private int[] states(List<AlignmentText.Label> labels, AlignOptions options) {
    int[] states = new int[2 * labels.size() + 1];
    for (int i = 0; i <= labels.size(); i++) {
      int before = i == 0 ? -1 : labels.get(i - 1).word();
      int after = i == labels.size() ? -1 : labels.get(i).word();
      boolean edge = i == 0 || i == labels.size();
      boolean any =
          (edge ? options.speechAround() : options.speechBetweenWords() && before != after)
              || (i > 0 && labels.get(i - 1).token() == CtcViterbi.ANY_TEXT);
      states[2 * i] = any ? CtcViterbi.ANY : vocabulary.blank();
      if (i < labels.size()) {
        states[2 * i + 1] = labels.get(i).token();
      }
    }
    return states;
  }

  /**
   * @param heard the most probable token of every frame
   */
  private List<AlignedToken> tokens(
      List<AlignmentText.Label> labels, CtcViterbi.Path path, int[] heard) {
    List<AlignedToken> tokens = new ArrayList<>(labels.size());
    int[] states = path.states();
    for (int t = 0; t < states.length; ) {
      int start = t;
      int state = states[t];
      while (t < states.length && states[t] == state) {
        t++;
      }
      if (state % 2 == 0) {
        continue;
      }
      AlignmentText.Label label = labels.get(state / 2);
      int end = t;
      if (label.token() == CtcViterbi.ANY_TEXT) {
        while (t < states.length && states[t] == state + 1) {
          t++;
          if (heard[t - 1] != vocabulary.blank() && heard[t - 1] != vocabulary.wordDelimiter()) {
            end = t;
          }
        }
      }
      double sum = 0;
      for (int i = start; i < end; i++) {
        sum += path.emissions()[i];
      }
      tokens.add(new AlignedToken(Math.max(label.token(), -1), label.text(), start, end, sum));
    }
    return tokens;
  }
}
