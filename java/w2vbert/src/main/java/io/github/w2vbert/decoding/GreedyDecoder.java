package io.github.w2vbert.decoding;

import io.github.w2vbert.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * CTC decoding by the best path: the most probable token of every frame, equal neighbours melted,
 * then blanks dropped (Graves et al. 2006).
 *
 * <pre>{@code
 * GreedyDecoder decoder = GreedyDecoder.of(tokenizer, model.config().vocabSize());
 * Hypothesis hypothesis = decoder.best(logProbabilities);
 * List<Word> words = hypothesis.toWords(0.02);
 * }</pre>
 *
 * <p>Special tokens other than the blank have no text, unless the tokenizer gives them one.
 * Instances never change: any number of threads may share one.
 */
public final class GreedyDecoder implements CtcDecoder {
  private final TokenTexts texts;

  private GreedyDecoder(TokenTexts texts) {
    this.texts = texts;
  }

  /** A decoder whose text is the tokens' own, with a space for the token between words. */
  public static GreedyDecoder of(CtcVocabulary vocabulary) {
    return new GreedyDecoder(new TokenTexts(vocabulary, null));
  }

  /**
   * A decoder whose text is what the tokenizer decodes the best path to.
   *
   * @param size the number of tokens that the model scores ({@code vocab_size})
   * @throws IllegalArgumentException if the tokenizer has no padding token among them
   */
  public static GreedyDecoder of(Tokenizer tokenizer, int size) {
    return new GreedyDecoder(new TokenTexts(CtcVocabulary.of(tokenizer, size), tokenizer));
  }

  /**
   * The hypothesis of the best path; its scores are the path's log-probability.
   *
   * @throws IllegalArgumentException if the scores are of another number of tokens, or every token
   *     of a frame has the probability 0
   */
  @Override
  public Hypothesis best(LogProbabilities scores) {
    int[] path = texts.bestPath(scores);
    int[] ids = new int[path.length];
    int[] starts = new int[path.length];
    int[] ends = new int[path.length];
    int count = 0;
    double sum = 0;
    for (int t = 0; t < path.length; t++) {
      sum += scores.get(t, path[t]);
      if (path[t] == texts.blank()) {
        continue;
      }
      if (t == 0 || path[t] != path[t - 1]) {
        ids[count] = path[t];
        starts[count++] = t;
      }
      ends[count - 1] = t + 1;
    }
    return texts.hypothesis(
        sum,
        sum,
        0,
        0,
        Arrays.copyOf(ids, count),
        Arrays.copyOf(starts, count),
        Arrays.copyOf(ends, count),
        scores);
  }

  /**
   * As {@link #best}, for each utterance, in the threads of the common pool.
   *
   * @throws IllegalArgumentException as {@link #best} does
   */
  public List<Hypothesis> decodeBatch(List<LogProbabilities> batch) {
    Objects.requireNonNull(batch, "batch");
    return batch.parallelStream().map(this::best).toList();
  }
}
