package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.transcript.SegmentOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.Word;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class BeamSearchDecoderTest {
  private static final BeamOptions EXHAUSTIVE =
      BeamOptions.DEFAULT
          .withBeamWidth(10_000)
          .withNBest(10_000)
          .withTokenThreshold(Double.POSITIVE_INFINITY)
          .withBeamThreshold(Double.POSITIVE_INFINITY);

  /** Blank, delimiter, letters. */
  private static CtcVocabulary words(String... letters) {
    List<String> tokens = new ArrayList<>(List.of("<pad>", "|"));
    tokens.addAll(List.of(letters));
    return new CtcVocabulary(tokens, 0, 1, Set.of());
  }

  private static CtcVocabulary anyVocabulary(Random random, int size) {
    List<String> tokens = IntStream.range(0, size).mapToObj(id -> "" + (char) ('a' + id)).toList();
    return new CtcVocabulary(tokens, random.nextInt(size), random.nextInt(size + 1) - 1, Set.of());
  }

  private static List<Integer> ids(Hypothesis hypothesis) {
    return Arrays.stream(hypothesis.ids()).boxed().toList();
  }

  @Property(tries = 300, seed = "20240817")
  void everyPrefixHasTheProbabilityOfAllItsPaths(
      @ForAll Random random,
      @ForAll @IntRange(max = 5) int time,
      @ForAll @IntRange(min = 2, max = 4) int size,
      @ForAll boolean coarse) {
    LogProbabilities scores =
        coarse ? Emissions.coarse(random, time, size) : Emissions.random(random, time, size, 1.5);
    CtcVocabulary vocabulary = anyVocabulary(random, size);
    Map<List<Integer>, Emissions.Paths> expected = Emissions.enumerate(scores, vocabulary.blank());

    List<Hypothesis> found =
        BeamSearchDecoder.of(vocabulary).withOptions(EXHAUSTIVE).decode(scores);
    double before = Double.POSITIVE_INFINITY;
    int likely = 0;
    for (Hypothesis hypothesis : found) {
      assertEquals(hypothesis.acousticScore(), hypothesis.score());
      assertTrue(hypothesis.score() <= before, "the best come first");
      before = hypothesis.score();
      if (hypothesis.score() < -700) {
        continue; // an exponential of 0: not among the enumerated
      }
      likely++;
      Emissions.Paths paths = expected.get(ids(hypothesis));
      assertEquals(Math.log(paths.sum()), hypothesis.acousticScore(), 1e-5);
      assertEquals(Math.log(paths.best()), onePath(hypothesis, scores, vocabulary.blank()), 1e-5);
    }
    assertEquals(expected.size(), likely);
  }

  /** The log-probability of the path that a hypothesis says its tokens are on. */
  private static double onePath(Hypothesis hypothesis, LogProbabilities scores, int blank) {
    int[] path = new int[scores.time()];
    Arrays.fill(path, blank);
    for (HypothesisToken token : hypothesis.tokens()) {
      Arrays.fill(path, token.start(), token.end(), token.id());
    }
    assertEquals(ids(hypothesis), Emissions.collapse(path, blank));
    return IntStream.range(0, path.length).mapToDouble(t -> scores.get(t, path[t])).sum();
  }

  @Property(tries = 1000, seed = "20240817")
  void widthOneIsTheBestPath(
      @ForAll Random random,
      @ForAll @IntRange(max = 60) int time,
      @ForAll @IntRange(min = 1, max = 6) int size,
      @ForAll boolean coarse) {
    LogProbabilities scores =
        coarse ? Emissions.coarse(random, time, size) : Emissions.random(random, time, size, 1);
    CtcVocabulary vocabulary = anyVocabulary(random, size);
    Hypothesis greedy = GreedyDecoder.of(vocabulary).best(scores);
    for (int tokens : new int[] {1, 40}) {
      BeamOptions narrow =
          BeamOptions.DEFAULT.withBeamWidth(1).withNBest(9).withMaxTokensPerFrame(tokens);
      assertEquals(
          List.of(greedy), BeamSearchDecoder.of(vocabulary).withOptions(narrow).decode(scores));
    }
  }

  @Property(tries = 300, seed = "20240817")
  void equalsASearchWithMaps(
      @ForAll Random random,
      @ForAll @IntRange(max = 12) int time,
      @ForAll @IntRange(min = 1, max = 12) int width,
      @ForAll boolean delimited,
      @ForAll boolean scored) {
    CtcVocabulary all = words("a", "b", random.nextBoolean() ? "c" : "abc");
    CtcVocabulary vocabulary = delimited ? all : new CtcVocabulary(all.tokens(), 0, -1, Set.of());
    BeamOptions options =
        EXHAUSTIVE
            .withBeamWidth(width)
            .withBeamThreshold(random.nextBoolean() ? 3 : 1e6)
            .withWordBonus(random.nextDouble())
            .withUnknownWordScore(-2)
            .withHotWordWeight(2);
    NgramModel model =
        scored
            ? ArpaTwin.random(random, 2, List.of("<s>", "</s>", "a", "b", "ab", "abc", "ca"))
                .model()
            : null;
    HotWords hot = scored ? HotWords.of(List.of("abc", "b a", "cc")) : HotWords.NONE;
    BeamSearchDecoder decoder =
        BeamSearchDecoder.of(vocabulary).withOptions(options).withModel(model).withHotWords(hot);
    TokenTexts texts = new TokenTexts(vocabulary, null);
    PrefixScorer scorer =
        new PrefixScorer(
            texts,
            options,
            model,
            scored ? new PrefixScorer.Lexicon(model, texts) : null,
            scored ? new HotWordAutomaton(hot, texts) : null);
    LogProbabilities scores = Emissions.random(random, time, vocabulary.tokens().size(), 1);

    Map<List<Integer>, Double> expected =
        Emissions.search(
            scores,
            0,
            width,
            options.beamThreshold(),
            prefix -> {
              PrefixScorer.Standing standing = new PrefixScorer.Standing();
              scorer.begin(standing);
              prefix.forEach(token -> scorer.append(token, standing));
              return scorer.worth(standing);
            });
    List<Hypothesis> found = decoder.decode(scores);
    assertEquals(expected.size(), found.size());
    for (Hypothesis hypothesis : found) {
      assertEquals(expected.get(ids(hypothesis)), hypothesis.acousticScore(), 1e-9);
    }
  }

  @Property(tries = 200, seed = "20240817")
  void scoresEqualRescoring(
      @ForAll Random random,
      @ForAll @IntRange(max = 5) int time,
      @ForAll boolean delimited,
      @ForAll @IntRange(min = 1, max = 3) int order) {
    List<String> listed = new ArrayList<>(List.of("<s>", "a", "ab", "ba", "bb"));
    if (random.nextBoolean()) {
      listed.add("</s>");
    }
    ArpaTwin twin = ArpaTwin.random(random, order, listed);
    Map<String, Double> phrases = new LinkedHashMap<>();
    for (String phrase : List.of("b", "aa", "ab a", "a b", "a", "ba")) {
      if (random.nextBoolean()) {
        phrases.put(phrase, 0.1 + random.nextDouble());
      }
    }
    CtcVocabulary all = words("a", "b");
    CtcVocabulary vocabulary = delimited ? all : new CtcVocabulary(all.tokens(), 0, -1, Set.of(1));
    BeamOptions options =
        EXHAUSTIVE.withModelWeight(0.7).withWordBonus(-0.4).withUnknownWordScore(-3);
    BeamSearchDecoder decoder =
        BeamSearchDecoder.of(vocabulary)
            .withOptions(options)
            .withModel(twin.model())
            .withHotWords(new HotWords(phrases));
    LogProbabilities scores = Emissions.random(random, time, 4, 1);

    List<Hypothesis> found = decoder.decode(scores);
    assertEquals(Emissions.enumerate(scores, 0).size(), found.size());
    double before = Double.POSITIVE_INFINITY;
    for (Hypothesis hypothesis : found) {
      Rescored rescored = rescore(ids(hypothesis), delimited, twin, phrases);
      assertEquals(rescored.language, hypothesis.languageScore(), 1e-3, hypothesis.text());
      assertEquals(rescored.hotWords, hypothesis.hotWordScore(), 1e-9, hypothesis.text());
      assertEquals(rescored.words, hypothesis.words().size());
      double score =
          hypothesis.acousticScore()
              + 0.7 * rescored.language
              - 0.4 * rescored.words
              - 3 * rescored.unlisted
              + options.hotWordWeight() * rescored.hotWords;
      assertEquals(score, hypothesis.score(), 1e-3, hypothesis.text());
      assertTrue(hypothesis.score() <= before, "the best come first");
      before = hypothesis.score();
    }
  }

  private static final class Rescored {
    double language;
    double hotWords;
    int words;
    int unlisted;
  }

  /** From the words of a text alone: in the vocabulary of {@code words("a", "b")}. */
  private static Rescored rescore(
      List<Integer> ids, boolean delimited, ArpaTwin twin, Map<String, Double> phrases) {
    StringBuilder spelt = new StringBuilder();
    for (int id : ids) {
      spelt.append(id == 1 ? (delimited ? " " : "") : id == 2 ? "a" : "b");
      spelt.append(delimited ? "" : " "); // every token is a word
    }
    String text = spelt.toString().strip();
    List<String> words = text.isEmpty() ? List.of() : List.of(text.split(" +"));
    Rescored result = new Rescored();
    result.words = words.size();
    List<String> before = new ArrayList<>(List.of("<s>"));
    for (int i = 0; i < words.size(); i++) {
      result.language += Math.log(10) * twin.log10(before, words.get(i));
      before.add(words.get(i));
      boolean hot = false;
      for (Map.Entry<String, Double> phrase : phrases.entrySet()) {
        List<String> parts =
            List.of(
                delimited
                    ? phrase.getKey().split(" ")
                    : phrase.getKey().replace(" ", "").split(""));
        for (int length = 1; length <= Math.min(parts.size(), i + 1); length++) {
          if (parts.subList(0, length).equals(words.subList(i + 1 - length, i + 1))) {
            hot = true;
            result.hotWords += length == parts.size() ? phrase.getValue() : 0;
          }
        }
      }
      boolean listed = twin.ngrams.containsKey(List.of(words.get(i)));
      result.unlisted += listed || hot ? 0 : 1;
    }
    if (twin.ngrams.containsKey(List.of("</s>"))) {
      result.language += Math.log(10) * twin.log10(before, "</s>");
    }
    return result;
  }

  @Test
  void withoutFramesNothingIsSaid() {
    LogProbabilities none = LogProbabilities.of(new float[0], 0, 4);
    Hypothesis empty = new Hypothesis("", 0, 0, 0, 0, List.of(), List.of());
    assertEquals(List.of(empty), BeamSearchDecoder.of(words("a", "b")).decode(none));
    assertEquals(empty, GreedyDecoder.of(words("a", "b")).best(none));
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=1\n\\1-grams:\n-2 </s>\n\\end\\\n");
    Hypothesis ended = BeamSearchDecoder.of(words("a", "b")).withModel(model).decode(none).get(0);
    assertEquals(-2 * Math.log(10), ended.languageScore(), 1e-6);
    assertEquals(-Math.log(10), ended.score(), 1e-6, "weighed by 0.5");
  }

  @Test
  void mergingFindsWhatNoSinglePathShows() {
    // "a" has three paths of .24, .24 and .16 together; the best path is two blanks of .36.
    float[] values = new float[8];
    for (int t = 0; t < 2; t++) {
      values[4 * t] = (float) Math.log(0.6);
      values[4 * t + 1] = Float.NEGATIVE_INFINITY;
      values[4 * t + 2] = (float) Math.log(0.4);
      values[4 * t + 3] = Float.NEGATIVE_INFINITY;
    }
    LogProbabilities scores = LogProbabilities.of(values, 2, 4);
    assertEquals("", GreedyDecoder.of(words("a", "b")).best(scores).text());
    Hypothesis best = BeamSearchDecoder.of(words("a", "b")).decode(scores).get(0);
    assertEquals("a", best.text());
    assertEquals(Math.log(0.64), best.score(), 1e-6);
  }

  @Test
  void wordsHaveTimesAndConfidences() {
    LogProbabilities scores = Emissions.certain(4, 0.9, 0, 2, 2, 0, 2, 1, 0, 3, 0);
    for (Hypothesis hypothesis :
        List.of(
            GreedyDecoder.of(words("a", "b")).best(scores),
            BeamSearchDecoder.of(words("a", "b")).decode(scores).get(0))) {
      assertEquals("aa b", hypothesis.text());
      assertEquals(List.of(2, 2, 1, 3), ids(hypothesis));
      List<Word> words = hypothesis.toWords(0.02);
      assertEquals(List.of("aa", "b"), words.stream().map(Word::text).toList());
      assertEquals(0.02, words.get(0).start(), 1e-12);
      assertEquals(0.10, words.get(0).end(), 1e-12);
      assertEquals(0.14, words.get(1).start(), 1e-12);
      assertEquals(0.16, words.get(1).end(), 1e-12);
      assertEquals(0.9, words.get(0).confidence(), 1e-6);
      assertEquals(0.06, words.get(0).tokens().get(0).end(), 1e-12);
      assertEquals("a", words.get(0).tokens().get(1).text());
      for (double wrong : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
        assertRefused("secondsPerFrame is " + wrong, () -> hypothesis.toWords(wrong));
      }
    }
  }

  @Test
  void confidenceIsTheGeometricMeanOfTheRun() {
    float half = (float) Math.log(0.5);
    float eighth = (float) Math.log(0.125);
    float rest = (float) Math.log(0.01);
    LogProbabilities scores =
        LogProbabilities.of(new float[] {rest, rest, half, rest, rest, rest, eighth, rest}, 2, 4);
    HypothesisToken token = GreedyDecoder.of(words("a", "b")).best(scores).tokens().get(0);
    assertEquals(new HypothesisToken(2, "a", 0, 2, token.confidence()), token);
    assertEquals(0.25, token.confidence(), 1e-6);
  }

  @Test
  void specialTokensHaveNoText() {
    CtcVocabulary vocabulary =
        new CtcVocabulary(Arrays.asList("<pad>", "|", "a", "<s>", null), 0, 1, Set.of(3));
    LogProbabilities scores = Emissions.certain(5, 0.99, 3, 2, 3, 2, 4, 1, 1, 0, 1, 2);
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=2\n\\1-grams:\n-0.5 aa\n-0.5 a\n\\end\\\n");
    for (Hypothesis hypothesis :
        List.of(
            GreedyDecoder.of(vocabulary).best(scores),
            BeamSearchDecoder.of(vocabulary).decode(scores).get(0),
            BeamSearchDecoder.of(vocabulary).withModel(model).decode(scores).get(0))) {
      assertEquals(List.of(3, 2, 3, 2, 4, 1, 1, 2), ids(hypothesis));
      assertEquals("aa  a", hypothesis.text());
      assertEquals(
          List.of("aa", "a"), hypothesis.words().stream().map(HypothesisWord::text).toList());
      assertEquals("", hypothesis.tokens().get(0).text());
    }
  }

  @Test
  void theLanguageModelDecidesBetweenWordsThatSoundAlike() {
    CtcVocabulary vocabulary = words("s", "e", "a");
    // "sea" and "see" are equal but for a hair.
    LogProbabilities heard =
        mixed(5, new int[] {2}, new int[] {3}, new int[] {0}, new int[] {4, 3}, new int[] {0});
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=2\n\\1-grams:\n-3 sea\n-1 see\n\\end\\\n");
    BeamSearchDecoder decoder =
        BeamSearchDecoder.of(vocabulary).withOptions(BeamOptions.DEFAULT.withNBest(2));
    assertEquals("sea", decoder.decode(heard).get(0).text());
    List<Hypothesis> scored = decoder.withModel(model).decode(heard);
    assertEquals("see", scored.get(0).text());
    assertEquals(-Math.log(10), scored.get(0).languageScore(), 1e-5);
    assertEquals("sea", scored.get(1).text());
    assertEquals("sea", decoder.withModel(model).withModel(null).decode(heard).get(0).text());
  }

  /** Frames in which one or two tokens are likely, the first a bit more. */
  private static LogProbabilities mixed(int vocabulary, int[]... likely) {
    float[] logits = new float[likely.length * vocabulary];
    for (int t = 0; t < likely.length; t++) {
      for (int i = 0; i < likely[t].length; i++) {
        logits[t * vocabulary + likely[t][i]] = 8 - 0.1f * i;
      }
    }
    return LogProbabilities.ofLogits(logits, likely.length, vocabulary);
  }

  @Test
  void anUnlistedWordLosesUnlessItIsHot() {
    CtcVocabulary vocabulary = words("s", "e", "a");
    LogProbabilities heard = mixed(5, new int[] {2}, new int[] {4, 3}, new int[] {0});
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=2\n\\1-grams:\n-1 <unk>\n-1 se\n\\end\\\n");
    BeamSearchDecoder decoder = BeamSearchDecoder.of(vocabulary).withModel(model);
    assertEquals("se", decoder.decode(heard).get(0).text());
    HotWords hot = new HotWords(Map.of("sa", 1e-6));
    assertEquals("sa", decoder.withHotWords(hot).decode(heard).get(0).text());
  }

  @Test
  void hotPhrasesAreRaisedAsWholeWordsOnly() {
    CtcVocabulary vocabulary = words("a", "b");
    LogProbabilities heard = mixed(4, new int[] {2}, new int[] {0, 1}, new int[] {3, 2});
    BeamSearchDecoder decoder = BeamSearchDecoder.of(vocabulary);
    assertEquals("ab", decoder.decode(heard).get(0).text());
    for (Map.Entry<String, String> phrase :
        Map.of("a b", "a b", "aa", "aa", "a a", "a a", "b", "a b", "ba", "ab").entrySet()) {
      Hypothesis best =
          decoder.withHotWords(HotWords.of(List.of(phrase.getKey()))).decode(heard).get(0);
      assertEquals(phrase.getValue(), best.text(), phrase.getKey());
      assertEquals(phrase.getKey().equals("ba") ? 0 : 1, best.hotWordScore(), phrase.getKey());
    }
  }

  @Test
  void hotWordsHaveWeightsAndNoPartIsPaidForABeginning() {
    LogProbabilities heard = mixed(4, new int[] {2}, new int[] {0}, new int[] {3, 2});
    BeamSearchDecoder decoder = BeamSearchDecoder.of(words("a", "b"));
    HotWords both = new HotWords(Map.of("ab", 1.0, "aa", 1.5));
    assertEquals("aa", decoder.withHotWords(both).decode(heard).get(0).text());
    Hypothesis plain = decoder.decode(heard).get(0);
    Hypothesis begun =
        decoder.withHotWords(HotWords.of(List.of("abb", "ab a"))).decode(heard).get(0);
    assertEquals(plain, begun);
  }

  @Test
  void withoutDelimiterEveryTokenIsAWord() {
    CtcVocabulary vocabulary = new CtcVocabulary(List.of("<pad>", "你", "好", "号"), 0, -1, Set.of());
    LogProbabilities heard = mixed(4, new int[] {1}, new int[] {3, 2}, new int[] {0});
    NgramModel model =
        ArpaTwin.read(
            "\\data\\\nngram 1=3\nngram 2=1\n\\1-grams:\n-1 你\n-1 好\n-1 号\n\\2-grams:\n-0.1 你 好\n\\end\\\n");
    BeamSearchDecoder decoder = BeamSearchDecoder.of(vocabulary);
    assertEquals("你号", decoder.decode(heard).get(0).text());
    Hypothesis best = decoder.withModel(model).decode(heard).get(0);
    assertEquals("你好", best.text());
    assertEquals(List.of("你", "好"), best.words().stream().map(HypothesisWord::text).toList());
    Hypothesis hot = decoder.withHotWords(HotWords.of(List.of("你 好"))).decode(heard).get(0);
    assertEquals("你好", hot.text());
  }

  @Test
  void longInputIsDecodedAlikeWithAndWithoutDroppingPrefixes() {
    Random random = new Random(20240817);
    LogProbabilities scores = Emissions.random(random, 800, 12, 2);
    CtcVocabulary vocabulary = words("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
    ArpaTwin twin = ArpaTwin.random(random, 3, List.of("<s>", "</s>", "a", "ab", "cd", "efg"));
    for (BeamSearchDecoder decoder :
        List.of(
            BeamSearchDecoder.of(vocabulary),
            BeamSearchDecoder.of(vocabulary)
                .withModel(twin.model())
                .withHotWords(HotWords.of(List.of("bad", "cab ab", "j"))))) {
      BeamSearchDecoder some = decoder.withOptions(BeamOptions.DEFAULT.withNBest(20));
      List<Hypothesis> all = some.decode(scores, Integer.MAX_VALUE);
      assertEquals(20, all.size());
      assertEquals(all, some.decode(scores, 1));
      assertEquals(all, some.decode(scores, 1000));
      for (Hypothesis hypothesis : all) {
        int end = 0;
        for (HypothesisToken token : hypothesis.tokens()) {
          assertTrue(token.start() >= end && token.end() > token.start(), hypothesis.text());
          assertTrue(token.confidence() > 0 && token.confidence() <= 1, hypothesis.text());
          end = token.end();
        }
        assertTrue(end <= 800, hypothesis.text());
      }
    }
  }

  @Test
  void batchesAndThreadsGiveWhatSinglesGive() {
    Random random = new Random(20240817);
    List<LogProbabilities> batch =
        IntStream.range(0, 30).mapToObj(i -> Emissions.random(random, 3 * i, 5, 2)).toList();
    ArpaTwin twin = ArpaTwin.random(random, 2, List.of("<s>", "</s>", "a", "ab", "b"));
    BeamSearchDecoder decoder =
        BeamSearchDecoder.of(words("a", "b", "c"))
            .withOptions(BeamOptions.DEFAULT.withNBest(4))
            .withModel(twin.model())
            .withHotWords(HotWords.of(List.of("cab")));
    assertEquals(batch.stream().map(decoder::decode).toList(), decoder.decodeBatch(batch));
    GreedyDecoder greedy = GreedyDecoder.of(words("a", "b", "c"));
    assertEquals(batch.stream().map(greedy::best).toList(), greedy.decodeBatch(batch));
  }

  @Test
  void aTokenizersTextIsThatOfItsDecode() {
    Random random = new Random(20240817);
    Path golden = Path.of(System.getProperty("w2vbert.golden"), "tokenizer");
    for (String name : List.of("ar", "en", "mn", "tr", "tr_upper", "zh", "emoji_space_delim")) {
      Tokenizer tokenizer = Tokenizer.fromPretrained(golden.resolve(name));
      int size = tokenizer.vocabularySize();
      GreedyDecoder greedy = GreedyDecoder.of(tokenizer, size);
      BeamSearchDecoder beam =
          BeamSearchDecoder.of(tokenizer, size).withOptions(BeamOptions.DEFAULT.withBeamWidth(1));
      for (int i = 0; i < 50; i++) {
        int[] path =
            IntStream.generate(
                    () ->
                        random.nextInt(3) == 0 && tokenizer.vocabulary().containsKey("|")
                            ? tokenizer.wordDelimiterTokenId()
                            : random.nextInt(3) == 0
                                ? tokenizer.padTokenId()
                                : random.nextInt(size))
                .limit(random.nextInt(40))
                .toArray();
        LogProbabilities scores = Emissions.certain(size, 0.9, path);
        Hypothesis hypothesis = greedy.best(scores);
        assertEquals(tokenizer.decode(path), hypothesis.text(), name);
        assertEquals(hypothesis, beam.decode(scores).get(0), name);
      }
    }
  }

  @Test
  void chineseCharactersAreWordsThoughTheVocabularyHasADelimiter() {
    Path golden = Path.of(System.getProperty("w2vbert.golden"), "tokenizer", "zh");
    Tokenizer tokenizer = Tokenizer.fromPretrained(golden);
    assertEquals(16, tokenizer.wordDelimiterTokenId());
    int size = tokenizer.vocabularySize();
    int[] path = IntStream.range(0, 3000).map(t -> t % 50 == 49 ? 16 : t % 16).toArray();
    LogProbabilities scores = Emissions.certain(size, 0.9, path);
    GreedyDecoder greedy = GreedyDecoder.of(tokenizer, size);
    BeamSearchDecoder beam =
        BeamSearchDecoder.of(tokenizer, size).withOptions(BeamOptions.DEFAULT.withBeamWidth(1));
    for (CtcDecoder decoder : List.of(greedy, beam)) {
      Hypothesis best = decoder.best(scores);
      assertEquals(tokenizer.decode(path), best.text());
      assertEquals(2940, best.words().size());
      assertEquals("𠮷", best.words().get(15).text());
      assertEquals(15, best.words().get(15).start());
      assertEquals(16, best.words().get(15).end());
      Transcript transcript = Transcript.of(best.toWords(0.02), 60, SegmentOptions.DEFAULT);
      assertEquals(best.text().replace(" ", ""), transcript.text());
      assertEquals(35, transcript.segments().size()); // of two lines of 42 characters each
    }
  }

  @Test
  void wordsWithAndWithoutSpacesMayBeMixed() {
    List<String> tokens =
        List.of("<pad>", "|", "G", "P", "T", "你", "好", "，", "“", "カ", "ー", "ド", "\u0301", "<s>");
    CtcVocabulary vocabulary = new CtcVocabulary(tokens, 0, 1, Set.of(13));
    assertEquals(List.of("GPT", "你", "好"), words(vocabulary, "GPT|你好"));
    assertEquals(List.of("GPT", "你", "好", "PT"), words(vocabulary, "GPT你好PT"));
    assertEquals(List.of("好，", "GPT，", "“你", "“G"), words(vocabulary, "好，GPT，“你“G"));
    assertEquals(
        List.of("カー", "ド", "G\u0301T", "好\u0301", "G"), words(vocabulary, "カードG\u0301T好\u0301G"));
    CtcVocabulary undelimited = new CtcVocabulary(tokens, 0, -1, Set.of(1, 13));
    assertEquals(List.of("G", "P\u0301", "你", "カー"), words(undelimited, "GP\u0301你カー"));
  }

  /** The words of a path of tokens of one character each, with a special token between. */
  private static List<String> words(CtcVocabulary vocabulary, String said) {
    int[] path =
        said.codePoints()
            .flatMap(c -> IntStream.of(vocabulary.tokens().indexOf(Character.toString(c)), 13))
            .toArray();
    return GreedyDecoder.of(vocabulary)
        .best(Emissions.certain(vocabulary.tokens().size(), 0.9, path))
        .words()
        .stream()
        .map(HypothesisWord::text)
        .toList();
  }

  @Test
  void hotWordsAndWordsAreSpeltAsTheTokenizerDecodes() {
    Map<String, Integer> ids = Map.of("<pad>", 0, "|", 1, "A", 2, "B", 3, "<unk>", 4);
    Tokenizer tokenizer =
        Tokenizer.builder(ids).doLowerCase(true).bosToken(null).eosToken(null).build();
    LogProbabilities heard = mixed(5, new int[] {2}, new int[] {0}, new int[] {3, 2});
    BeamSearchDecoder decoder = BeamSearchDecoder.of(tokenizer, 5);
    Hypothesis best = decoder.decode(heard).get(0);
    assertEquals("ab", best.text());
    assertEquals("ab", best.words().get(0).text());
    assertEquals("b", best.words().get(0).tokens().get(1).text());
    for (String phrase : List.of("aa", "AA", " aA ", "\u00A0aa\u00A0")) {
      HotWords hot = HotWords.of(List.of(phrase));
      assertEquals("aa", decoder.withHotWords(hot).decode(heard).get(0).text());
    }
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=1\n\\1-grams:\n-1 aa\n\\end\\\n");
    assertEquals("aa", decoder.withModel(model).decode(heard).get(0).text());
    assertRefused(
        "the hot word \"Äb\" has the character \"Ä\" (U+00C4)",
        () -> decoder.withHotWords(HotWords.of(List.of("ab", "Äb"))));
    assertRefused(
        "the hot word \"a<unk>\" has the character \"<unk>\"",
        () -> decoder.withHotWords(HotWords.of(List.of("a<unk>"))));
  }

  @Test
  void badInputIsRefused() {
    BeamSearchDecoder decoder = BeamSearchDecoder.of(words("a", "b"));
    GreedyDecoder greedy = GreedyDecoder.of(words("a", "b"));
    LogProbabilities wide = LogProbabilities.of(new float[10], 2, 5);
    assertRefused("the scores are of 5 tokens, expected 4", () -> decoder.decode(wide));
    assertRefused("the scores are of 5 tokens, expected 4", () -> greedy.best(wide));
    float[] values = new float[12];
    Arrays.fill(values, 4, 8, Float.NEGATIVE_INFINITY);
    LogProbabilities impossible = LogProbabilities.of(values, 3, 4);
    assertRefused("every token of frame 1 has the probability 0", () -> decoder.decode(impossible));
    assertRefused("every token of frame 1 has the probability 0", () -> greedy.best(impossible));
    assertRefused(
        "the hot word \"a😀\" has the character \"😀\" (U+1F600)",
        () -> decoder.withHotWords(HotWords.of(List.of("a😀"))));
    assertRefused(
        "the hot word \"a|b\" has the character \"|\"",
        () -> decoder.withHotWords(HotWords.of(List.of("a|b"))));
    for (String blank : List.of("", " ", "\u00A0", "\u2007 \u202F", "\u001C", "\u0085\u3000")) {
      assertRefused("a hot word is blank", () -> HotWords.of(List.of("a", blank)));
    }
    for (double weight : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefused(
          "the weight of the hot word \"a\" is " + weight, () -> new HotWords(Map.of("a", weight)));
    }
  }

  @Test
  void optionsOutOfRangeAreRefused() {
    BeamOptions options = BeamOptions.DEFAULT;
    assertRefused("beamWidth is 0, expected from 1 to 100000", () -> options.withBeamWidth(0));
    assertRefused("beamWidth is 100001", () -> options.withBeamWidth(100_001));
    assertRefused("tokenThreshold is -1.0", () -> options.withTokenThreshold(-1));
    assertRefused("tokenThreshold is NaN", () -> options.withTokenThreshold(Double.NaN));
    assertRefused("maxTokensPerFrame is 0", () -> options.withMaxTokensPerFrame(0));
    assertRefused("beamThreshold is NaN", () -> options.withBeamThreshold(Double.NaN));
    assertRefused("nBest is 0", () -> options.withNBest(0));
    assertRefused("modelWeight is -0.1", () -> options.withModelWeight(-0.1));
    assertRefused("wordBonus is NaN", () -> options.withWordBonus(Double.NaN));
    assertRefused("unknownWordScore is 1.0", () -> options.withUnknownWordScore(1));
    assertRefused("hotWordWeight is Infinity", () -> options.withHotWordWeight(1 / 0.0));
  }

  private static void assertRefused(String message, Executable call) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, call);
    assertTrue(refusal.getMessage().startsWith(message), refusal.getMessage());
  }
}
