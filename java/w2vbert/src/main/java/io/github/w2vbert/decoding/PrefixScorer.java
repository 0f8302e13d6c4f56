package io.github.w2vbert.decoding;

import java.util.Arrays;

/**
 * What a prefix is worth besides its acoustic score: to a language model, once per word, and to hot
 * words, with every token. Immutable.
 */
final class PrefixScorer {
  /** The values of {@link Standing#word} below those that are nodes of the lexicon. */
  private static final int UNLISTED = Trie.NONE; // no word begins so; to be charged

  private static final int INSIDE = -2; // without a lexicon, or charged for not being in it
  private static final int WORD_START = Trie.ROOT;

  private static final double LN_10 = Math.log(10);

  private final TokenTexts texts;
  private final BeamOptions options;
  private final NgramModel model; // null: none
  private final Lexicon lexicon; // null: none
  private final HotWordAutomaton hotWords; // null: none
  private final double gainOfAll;
  private final boolean gainByState; // of the hot words: where a token is one symbol

  /** Everything about a prefix that what follows depends on, and its worth so far. */
  static final class Standing {
    int state; // of the language model
    int word; // where in a word: a node of the lexicon, or one of the values above
    int hot; // of the hot words' automaton
    double settled; // weighed scores of whole words and complete phrases
    double language; // log-probability of whole words
    double hotWords; // weights of complete phrases

    void set(Standing other) {
      state = other.state;
      word = other.word;
      hot = other.hot;
      settled = other.settled;
      language = other.language;
      hotWords = other.hotWords;
    }
  }

  /** The words of a language model that a vocabulary can spell. */
  static final class Lexicon {
    private final Trie spellings = new Trie();
    private final int[] wordAt; // the model's word that a node ends, or -1
    private final int[] wordOfToken; // the model's word that is a token, or -1

    Lexicon(NgramModel model, TokenTexts texts) {
      int[] ends = new int[model.vocabularySize()];
      for (int id = 0; id < ends.length; id++) {
        boolean mark =
            id == model.unknownWord() || id == model.beginWord() || id == model.endWord();
        int[] symbols = mark || !texts.hasDelimiter() ? null : texts.spell(model.word(id));
        if (symbols != null) {
          for (int symbol : symbols) {
            ends[id] = spellings.addChild(ends[id], symbol);
          }
        }
      }
      wordAt = new int[spellings.size()];
      Arrays.fill(wordAt, -1);
      for (int id = 0; id < ends.length; id++) {
        if (ends[id] != Trie.ROOT) {
          wordAt[ends[id]] = id;
        }
      }
      wordOfToken = new int[texts.size()];
      for (int token = 0; token < wordOfToken.length; token++) {
        String word = texts.shown(token);
        wordOfToken[token] = model.contains(word) ? model.wordId(word) : -1;
      }
    }
  }

  /**
   * @param model null: none; as the lexicon, which belongs to it
   * @param hotWords null: none
   */
  PrefixScorer(
      TokenTexts texts,
      BeamOptions options,
      NgramModel model,
      Lexicon lexicon,
      HotWordAutomaton hotWords) {
    this.texts = texts;
    this.options = options;
    this.model = model;
    this.lexicon = lexicon;
    this.hotWords = hotWords;
    double gain = isNeutral() ? 0 : 1e-6; // rounding
    if (model != null) {
      gain +=
          options.modelWeight() * LN_10 * model.largestStep() + Math.max(0, options.wordBonus());
    }
    int longest = 1;
    for (int token = 0; token < texts.size(); token++) {
      longest = Math.max(longest, texts.symbols(token).length);
    }
    if (hotWords != null && longest > 1) {
      gain += options.hotWordWeight() * hotWords.largestGain() * longest;
    }
    gainOfAll = gain;
    gainByState = hotWords != null && longest == 1;
  }

  /** Whether all prefixes are worth 0. */
  boolean isNeutral() {
    return model == null && hotWords == null;
  }

  /**
   * What no token adds more of to {@link #worth}.
   *
   * @param hot the state of the hot words' automaton
   */
  double largestGain(int hot) {
    return gainByState
        ? gainOfAll + options.hotWordWeight() * hotWords.largestGain(hot)
        : gainOfAll;
  }

  void begin(Standing standing) {
    standing.state = model == null ? 0 : model.begin();
    standing.word = WORD_START;
    standing.hot = hotWords == null ? 0 : hotWords.start();
    standing.settled = 0;
    standing.language = 0;
    standing.hotWords = 0;
  }

  /** What prefixes are ranked by, besides their acoustic scores. */
  double worth(Standing standing) {
    return hotWords == null
        ? standing.settled
        : standing.settled + options.hotWordWeight() * hotWords.lent(standing.hot);
  }

  /** Appends a token. */
  void append(int token, Standing standing) {
    if (token == texts.delimiter()) {
      if (standing.word != WORD_START) {
        endWord(standing);
      }
      return;
    }
    int[] symbols = texts.symbols(token);
    if (symbols.length == 0) {
      return;
    }
    if (hotWords != null) {
      for (int symbol : symbols) {
        heed(symbol, standing);
      }
    }
    boolean hot = hotWords != null && standing.hot != Trie.ROOT;
    if (!texts.hasDelimiter()) {
      if (model != null) {
        addWord(lexicon.wordOfToken[token], !hot, standing);
      }
    } else if (lexicon == null) {
      standing.word = INSIDE;
    } else {
      for (int i = 0; i < symbols.length && standing.word >= 0; i++) {
        standing.word = lexicon.spellings.child(standing.word, symbols[i]);
      }
      if (standing.word == UNLISTED && !hot) { // what will be due at its end anyway
        standing.settled += options.unknownWordScore();
        standing.word = INSIDE;
      }
    }
  }

  /** Ends the last word and the sentence. */
  void end(Standing standing) {
    if (texts.hasDelimiter() && standing.word != WORD_START) {
      endWord(standing);
    }
    if (model != null && model.endWord() >= 0) {
      double logProbability = LN_10 * NgramModel.log10(model.step(standing.state, model.endWord()));
      standing.language += logProbability;
      standing.settled += options.modelWeight() * logProbability;
    }
  }

  private void endWord(Standing standing) {
    boolean hot = false;
    if (hotWords != null) {
      heed(TokenTexts.WORD_END, standing);
      hot = standing.hot != hotWords.start();
    }
    if (model != null) {
      int word = standing.word < 0 ? -1 : lexicon.wordAt[standing.word];
      addWord(word, !hot && standing.word != INSIDE, standing);
    }
    standing.word = WORD_START;
  }

  private void heed(int symbol, Standing standing) {
    standing.hot = hotWords.next(standing.hot, symbol);
    double weight = hotWords.completed(standing.hot);
    standing.hotWords += weight;
    standing.settled += options.hotWordWeight() * weight;
  }

  /**
   * @param word the model's, or -1
   * @param charged whether it costs something that the model does not list it
   */
  private void addWord(int word, boolean charged, Standing standing) {
    if (word < 0 && charged) {
      standing.settled += options.unknownWordScore();
    }
    long step = model.step(standing.state, word < 0 ? model.unknownWord() : word);
    double logProbability = LN_10 * NgramModel.log10(step);
    standing.state = NgramModel.state(step);
    standing.language += logProbability;
    standing.settled += options.modelWeight() * logProbability + options.wordBonus();
  }
}
