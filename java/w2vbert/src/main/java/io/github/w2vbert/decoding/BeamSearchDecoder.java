package io.github.w2vbert.decoding;

import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * CTC prefix beam search (Graves and Jaitly 2014; Hannun et al. 2014), with an n-gram model of
 * words and with hot words where there are any.
 *
 * <pre>{@code
 * BeamSearchDecoder decoder =
 *     BeamSearchDecoder.of(tokenizer, model.config().vocabSize())
 *         .withModel(NgramModel.read(Path.of("4-gram.arpa.gz")))
 *         .withHotWords(HotWords.of(List.of("kubernetes")))
 *         .withOptions(BeamOptions.DEFAULT.withNBest(5));
 * Hypothesis best = decoder.decode(logProbabilities).get(0);
 * }</pre>
 *
 * <p>The probability of a text is the sum over all its paths: paths with the same tokens are merged
 * whenever they meet. As they differ in what may follow, those that end in a blank and those that
 * end in the last token are ranked and cut apart from each other. A beam of width 1 therefore
 * follows a single path, and without a language model and hot words that is the best path, token
 * for token what {@link GreedyDecoder} finds.
 *
 * <p>The language model scores a word as soon as the token between words follows it, and the end of
 * the sentence last. Where the vocabulary has no such token, as for Chinese, every token is a word
 * to it; a {@link CtcVocabulary} can be made without one ({@code wordDelimiter} -1) if the
 * tokenizer has one that its texts do not use. A word that the model does not list costs {@link
 * BeamOptions#unknownWordScore} as soon as its letters are no beginning of a listed one. The
 * model's words have to be spelt as in decoded text: in lower case where the tokenizer says so.
 *
 * <p>Special tokens other than the blank are found like any others but have no text, unless the
 * tokenizer gives them one, and words are made without them. Hypotheses differ in their tokens and
 * may then have the same text.
 *
 * <p>Equal input gives equal results; of equal scores, the one with the more probable token in its
 * latest frame comes first, then the one whose token has the smaller id. Instances never change:
 * any number of threads may share one. A search takes some 250 bytes for each of {@code beamWidth}
 * and some 100 for each token of the prefixes that it remembers, of which it drops those that are
 * no longer possible.
 */
public final class BeamSearchDecoder implements CtcDecoder {
  private static final int COMPACTION = 1 << 16; // prefixes: some 6 MB

  private final TokenTexts texts;
  private final BeamOptions options;
  private final NgramModel model; // null: none
  private final PrefixScorer.Lexicon lexicon; // null: none
  private final HotWordAutomaton hotWords; // null: none
  private final PrefixScorer scorer;

  private BeamSearchDecoder(
      TokenTexts texts,
      BeamOptions options,
      NgramModel model,
      PrefixScorer.Lexicon lexicon,
      HotWordAutomaton hotWords) {
    this.texts = texts;
    this.options = options;
    this.model = model;
    this.lexicon = lexicon;
    this.hotWords = hotWords;
    scorer = new PrefixScorer(texts, options, model, lexicon, hotWords);
  }

  /** A decoder whose text is the tokens' own, with a space for the token between words. */
  public static BeamSearchDecoder of(CtcVocabulary vocabulary) {
    return of(new TokenTexts(vocabulary, null));
  }

  /**
   * A decoder whose text is what the tokenizer decodes.
   *
   * @param size the number of tokens that the model scores ({@code vocab_size})
   * @throws IllegalArgumentException if the tokenizer has no padding token among them
   */
  public static BeamSearchDecoder of(Tokenizer tokenizer, int size) {
    return of(new TokenTexts(CtcVocabulary.of(tokenizer, size), tokenizer));
  }

  /**
   * The decoder of a checkpoint folder: as {@link #of(Tokenizer, int)}, with the language model
   * that lies in the folder {@code language_model}, if one does, and the weights beside it. These
   * are the files of the reference's {@code Wav2Vec2ProcessorWithLM}: an ARPA file ({@code *.arpa},
   * {@code *.arpa.gz}), and {@code attrs.json} with {@code alpha}, {@code beta} and {@code
   * unk_score_offset}, for which {@link BeamOptions#DEFAULT} stands in. The last is added to the
   * logarithm to base 10 of the language model there: {@link BeamOptions#unknownWordScore} becomes
   * {@code unk_score_offset * alpha * ln(10)}. KenLM's binary files are not read: a folder with
   * nothing else counts as one without a language model.
   *
   * @throws IllegalArgumentException also if there are several ARPA files, or a file is malformed
   * @throws W2vBertException if a file cannot be read
   */
  public static BeamSearchDecoder fromPretrained(Path directory, Tokenizer tokenizer, int size) {
    BeamSearchDecoder decoder = of(tokenizer, size);
    try {
      return LanguageModelFiles.addTo(decoder, directory.resolve("language_model"));
    } catch (IOException e) {
      throw new W2vBertException("the language model in " + directory + " cannot be read: " + e, e);
    }
  }

  private static BeamSearchDecoder of(TokenTexts texts) {
    return new BeamSearchDecoder(texts, BeamOptions.DEFAULT, null, null, null);
  }

  /** This decoder with other options. */
  public BeamSearchDecoder withOptions(BeamOptions value) {
    Objects.requireNonNull(value, "options");
    return new BeamSearchDecoder(texts, value, model, lexicon, hotWords);
  }

  /** This decoder with a language model; null: without one. */
  public BeamSearchDecoder withModel(NgramModel value) {
    PrefixScorer.Lexicon words = value == null ? null : new PrefixScorer.Lexicon(value, texts);
    return new BeamSearchDecoder(texts, options, value, words, hotWords);
  }

  /**
   * This decoder with hot words in place of those it had.
   *
   * @throws IllegalArgumentException if a phrase has a character that is not in the vocabulary
   */
  public BeamSearchDecoder withHotWords(HotWords value) {
    Objects.requireNonNull(value, "hotWords");
    boolean none = value.phrases().isEmpty();
    return new BeamSearchDecoder(
        texts, options, model, lexicon, none ? null : new HotWordAutomaton(value, texts));
  }

  /** The options. */
  public BeamOptions options() {
    return options;
  }

  /** Whether it has a language model. */
  public boolean hasModel() {
    return model != null;
  }

  /**
   * The best hypotheses for one utterance, best first: as many as the options say, or as the beam
   * holds. Without frames, the empty one.
   *
   * @throws IllegalArgumentException if the scores are of another number of tokens, or every token
   *     of a frame has the probability 0
   */
  public List<Hypothesis> decode(LogProbabilities scores) {
    return decode(scores, COMPACTION);
  }

  @Override
  public Hypothesis best(LogProbabilities scores) {
    return decode(scores).get(0);
  }

  List<Hypothesis> decode(LogProbabilities scores, int compaction) {
    texts.bestPath(scores); // refuses what cannot be searched
    return new BeamSearch(texts, options, scorer, scores, compaction).run();
  }

  /**
   * As {@link #decode}, for each utterance, in the threads of the common pool.
   *
   * @throws IllegalArgumentException as {@link #decode} does
   */
  public List<List<Hypothesis>> decodeBatch(List<LogProbabilities> batch) {
    Objects.requireNonNull(batch, "batch");
    return batch.parallelStream().map(this::decode).toList();
  }
}
