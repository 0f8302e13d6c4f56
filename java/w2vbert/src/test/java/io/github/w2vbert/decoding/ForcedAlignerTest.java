package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.Word;
import java.lang.management.ManagementFactory;
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

class ForcedAlignerTest {
  // The blank is "-" in the frames below.
  private static final List<String> TOKENS =
      List.of("<pad>", "|", "<unk>", "a", "b", "c", "d", "e", "o", "'", "ch", "<s>");

  private static final CtcVocabulary VOCABULARY = new CtcVocabulary(TOKENS, 0, 1, Set.of(2, 11));
  private final ForcedAligner aligner = ForcedAligner.of(VOCABULARY);

  @Test
  void findsTheFramesOfTokensAndWords() {
    Alignment alignment = aligner.align(frames("-aab--b||-cc-d-"), "abb cd");
    assertEquals(
        List.of("a 1-3", "b 3-4", "b 6-7", "  7-9", "c 10-12", "d 13-14"), spans(alignment));
    assertEquals(List.of("abb 1-7", "cd 10-14"), wordSpans(alignment));
    assertEquals(15, alignment.frames());
    assertEquals(15 * Math.log(0.9), alignment.logProbability(), 1e-4);
    assertEquals(2 * Math.log(0.9), alignment.tokens().get(0).logProbability(), 1e-4);
    assertEquals(0.9, alignment.tokens().get(0).confidence(), 1e-4);
    assertEquals(0.9, alignment.words().get(1).confidence(), 1e-4);
  }

  @Test
  void keepsTheSpellingOfWords() {
    Alignment alignment =
        aligner.align(
            frames("a|b'c|de"),
            "  \u00BF \u2013 A\u00A0B\u2019\u00E7! ... \n D\u0301E\uFE0F\uD83D\uDE00 ");
    assertEquals(
        List.of("\u00BF \u2013 A 0-1", "B\u2019\u00E7! ... 2-5", "D\u0301E\uFE0F\uD83D\uDE00 6-8"),
        wordSpans(alignment));
    assertEquals(
        List.of("A", "B", "\u2019", "\u00E7", "D", "E"),
        alignment.words().stream()
            .flatMap(word -> word.tokens().stream())
            .map(AlignedToken::text)
            .toList());
  }

  @Test
  void aCharacterMayBecomeSeveralTokens() {
    Map<String, Integer> upper = ids("<pad>", "|", "S", "F", "I");
    ForcedAligner aligner =
        ForcedAligner.of(Tokenizer.builder(upper).doLowerCase(true).build(), upper.size());
    float[] values = scores(new int[] {2, 0, 2, 3, 4}, 5);
    Alignment alignment = aligner.align(LogProbabilities.of(values, 5, 5), "\u00DF\uFB01");
    assertEquals(List.of("\u00DF 0-1", " 2-3", "\uFB01 3-4", " 4-5"), spans(alignment));
    assertEquals(List.of("\u00DF\uFB01 0-5"), wordSpans(alignment));
  }

  @Test
  void longTokensComeFirst() {
    Alignment alignment = aligner.align(frames("cCa"), "ccha"); // C is "ch"
    assertEquals(List.of("c 0-1", "ch 1-2", "a 2-3"), spans(alignment));
    assertArrayEquals(new int[] {5, 10, 3}, tokens(alignment));
  }

  @Test
  void labelsAreThoseOfTheTokenizer() {
    Map<String, Integer> ids = ids("<pad>", "|", "<unk>", "a", "b", "ab", "c", "<s>", "</s>");
    Tokenizer tokenizer = Tokenizer.builder(ids).build();
    ForcedAligner aligner = ForcedAligner.of(tokenizer, ids.size());
    String text = "ab ba aab c|bc abc b a";
    int[] expected = tokenizer.encode(text);
    LogProbabilities frames = uniform(40, ids.size());
    assertArrayEquals(expected, tokens(aligner.align(frames, text)));
    assertArrayEquals(expected, tokens(aligner.align(frames, expected)));
    assertEquals(
        aligner.align(frames, text).tokens().stream().map(AlignedToken::start).toList(),
        aligner.align(frames, expected).tokens().stream().map(AlignedToken::start).toList());
  }

  @Test
  void unknownCharactersMatchAnySpeech() {
    // "5, 6" is not in the vocabulary; "eob" and "d--od" are said for it.
    Alignment alignment = aligner.align(frames("a-|eob-|-d--od|c"), "a 5, 36% c");
    assertEquals(List.of("a 0-1", "5, 3-6", "36% 9-14", "c 15-16"), wordSpans(alignment));
    assertEquals(-1, alignment.words().get(1).tokens().get(0).id());
    assertEquals("36%", alignment.words().get(2).tokens().get(0).text());
    assertEquals(16 * Math.log(0.9), alignment.logProbability(), 1e-4);
    assertEquals(0.9, alignment.words().get(2).confidence(), 1e-4);
    // Within a word, too.
    assertEquals(List.of("a 0-1", "7 1-4", "c 4-5"), spans(aligner.align(frames("adddc"), "a7c")));
  }

  @Test
  void idsOfSpecialTokensMatchAnySpeech() {
    Alignment alignment = aligner.align(frames("aeo|c"), new int[] {3, 2, 1, 5});
    assertEquals(List.of("a<unk> 0-3", "c 4-5"), wordSpans(alignment));
  }

  @Test
  void speechAroundTheTextIsPassedOverIfAllowed() {
    LogProbabilities frames = frames("dede|ab|cc|ed-d");
    Alignment strict = aligner.align(frames, "ab c");
    Alignment alignment =
        aligner.align(frames, "ab c", AlignOptions.DEFAULT.withSpeechAround(true));
    assertEquals(List.of("ab 5-7", "c 8-10"), wordSpans(alignment));
    assertEquals(15 * Math.log(0.9), alignment.logProbability(), 1e-4);
    assertTrue(strict.logProbability() < alignment.logProbability() - 10);
  }

  @Test
  void speechBetweenWordsIsPassedOverIfAllowed() {
    LogProbabilities frames = frames("ab|dede|o|cc");
    AlignOptions options = AlignOptions.DEFAULT.withSpeechBetweenWords(true);
    Alignment alignment = aligner.align(frames, "ab c", options);
    assertEquals(List.of("ab 0-2", "c 10-12"), wordSpans(alignment));
    assertEquals(12 * Math.log(0.9), alignment.logProbability(), 1e-4);
    assertTrue(aligner.align(frames, "ab c").logProbability() < alignment.logProbability() - 10);
    // But not within a word, nor around the text.
    assertTrue(aligner.align(frames("adeb"), "ab", options).logProbability() < -4);
    assertTrue(aligner.align(frames("deab"), "ab", options).logProbability() < -4);
  }

  @Test
  void aVocabularyWithoutDelimiterHasWordsToo() {
    ForcedAligner aligner =
        ForcedAligner.of(new CtcVocabulary(List.of("-", "a", "b"), 0, -1, Set.of()));
    LogProbabilities frames = LogProbabilities.of(scores(new int[] {1, 2, 0, 2}, 3), 4, 3);
    assertEquals(List.of("ab 0-2", "b 3-4"), wordSpans(aligner.align(frames, "ab b")));
  }

  @Test
  void becomesATranscriptInSeconds() {
    Alignment alignment = aligner.align(frames("-aab--b||-cc-d-"), "Abb, cd");
    List<Word> words = alignment.toWords(0.02);
    assertEquals("Abb,", words.get(0).text());
    assertEquals(0.02, words.get(0).start(), 1e-12);
    assertEquals(0.14, words.get(0).end(), 1e-12);
    assertEquals(0.9, words.get(0).confidence(), 1e-4);
    assertEquals(3, words.get(0).tokens().size());
    assertEquals("A", words.get(0).tokens().get(0).text());
    assertEquals(0.12, words.get(0).tokens().get(2).start(), 1e-12);
    Transcript transcript = alignment.toTranscript(0.02);
    assertEquals("Abb, cd", transcript.text());
    assertEquals(0.3, transcript.duration(), 1e-12);
    assertEquals(words, transcript.words());
    for (double wrong : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefused("secondsPerFrame is " + wrong, () -> alignment.toWords(wrong));
    }
  }

  @Property(tries = 300, seed = "20240817")
  void isNeverMoreProbableThanTheBestPathAndReachesItForItsOwnText(
      @ForAll Random random, @ForAll @IntRange(min = 5, max = 80) int time) {
    float[] logits = new float[time * TOKENS.size()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = 4 * (float) random.nextGaussian();
    }
    LogProbabilities frames = LogProbabilities.ofLogits(logits, time, TOKENS.size());
    int[] heard = frames.bestPath();
    double best = IntStream.range(0, time).mapToDouble(t -> frames.get(t, heard[t])).sum();
    int[] collapsed =
        IntStream.range(0, time)
            .filter(t -> heard[t] != 0 && (t == 0 || heard[t] != heard[t - 1]))
            .map(t -> heard[t])
            .toArray();
    List<int[]> texts = new ArrayList<>(List.of(new int[] {3}, new int[] {3, 1, 4, 2}));
    if (Arrays.stream(collapsed).anyMatch(id -> id >= 3 && id <= 10)) {
      texts.add(collapsed);
      assertEquals(best, aligner.align(frames, collapsed).logProbability(), 1e-3);
    }
    for (int[] text : texts) {
      AlignOptions options = AlignOptions.DEFAULT;
      double exact = aligner.align(frames, text, options).logProbability();
      double around = aligner.align(frames, text, options.withSpeechAround(true)).logProbability();
      double between =
          aligner
              .align(frames, text, options.withSpeechAround(true).withSpeechBetweenWords(true))
              .logProbability();
      double band = aligner.align(frames, text, options.withBand(time)).logProbability();
      assertTrue(exact <= around && around <= between && between <= best + 1e-9);
      assertEquals(exact, band); // as wide as the audio
    }
  }

  @Property(tries = 200, seed = "20240817")
  void tokensAreInOrderAndWordsHoldAll(
      @ForAll Random random, @ForAll @IntRange(min = 1, max = 12) int length) {
    StringBuilder text = new StringBuilder("a");
    for (int i = 1; i < length; i++) {
      text.append("abCd 7!".charAt(random.nextInt(7)));
    }
    float[] logits = new float[30 * TOKENS.size()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) random.nextGaussian();
    }
    Alignment alignment =
        aligner.align(LogProbabilities.ofLogits(logits, 30, TOKENS.size()), text.toString());
    int end = 0;
    for (AlignedToken token : alignment.tokens()) {
      assertTrue(end <= token.start() && token.start() < token.end(), alignment.toString());
      end = token.end();
    }
    assertTrue(end <= 30);
    assertEquals(
        String.join(" ", text.toString().strip().split(" +")),
        String.join(" ", alignment.words().stream().map(AlignedWord::text).toList()));
    assertEquals(
        alignment.tokens().stream().filter(token -> token.id() != 1).toList(),
        alignment.words().stream().flatMap(word -> word.tokens().stream()).toList());
  }

  @Test
  void equalPathsAreChosenAlike() {
    // All paths of uniform frames are equal: the last word begins as early as it can.
    Alignment alignment = aligner.align(uniform(9, TOKENS.size()), "ab c");
    assertEquals(List.of("a 0-1", "b 1-2", "  2-3", "c 3-9"), spans(alignment));
  }

  @Test
  void refusesTextsThatCannotBeAligned() {
    LogProbabilities frames = frames("aaaa");
    assertRefused("the text '' has no character of the vocabulary", () -> align(frames, ""));
    assertRefused("the text ' \n' has no character", () -> align(frames, " \n"));
    assertRefused("the text '!?' has no character", () -> align(frames, "!?"));
    assertRefused("the text '12 \u4E2D' has no character", () -> align(frames, "12 \u4E2D"));
    assertRefused("the text '" + "9".repeat(80) + "...' has", () -> align(frames, "9".repeat(81)));
    assertRefused("the text '<7>' has no character", () -> align(frames, "<7>"));
    assertRefused(
        "the audio has 4 frames, but the text needs at least 5 (4 labels and 1 blanks",
        () -> align(frames, "abbc"));
    assertRefused("the audio has 0 frames", () -> align(frames(""), "a"));
    assertRefused("none of 0 tokens is a character", () -> aligner.align(frames, new int[0]));
    assertRefused("none of 2 tokens is", () -> aligner.align(frames, new int[] {1, 2}));
    assertRefused(
        "tokens[1] is 0; expected an id from 0 to 11 other than the blank, 0",
        () -> aligner.align(frames, new int[] {3, 0}));
    assertRefused("tokens[0] is -1", () -> aligner.align(frames, new int[] {-1}));
    assertRefused("tokens[0] is 12", () -> aligner.align(frames, new int[] {12}));
    assertRefused("score 5 tokens; expected the 12", () -> align(uniform(3, 5), "a"));
    assertRefused("band is 0 frames", () -> AlignOptions.DEFAULT.withBand(0));
  }

  @Test
  void charactersOfScriptsWithoutSpacesAreWords() {
    Path golden = Path.of(System.getProperty("w2vbert.golden"), "tokenizer", "zh");
    Tokenizer tokenizer = Tokenizer.fromPretrained(golden);
    int size = tokenizer.vocabularySize();
    ForcedAligner aligner = ForcedAligner.of(tokenizer, size);
    int[] heard = {3, 3, 7, 18, 7, 16, 0, 12};
    LogProbabilities frames = LogProbabilities.of(scores(heard, size), heard.length, size);
    Alignment alignment = aligner.align(frames, "“你好好， 世界。”");
    assertArrayEquals(new int[] {3, 7, 7, 16, 0, 12}, tokens(alignment)); // as much space as given
    assertEquals(List.of("“你 0-2", "好 2-3", "好， 4-5", "世 6-7", "界。” 7-8"), wordSpans(alignment));
    assertEquals("“你好好，世界。”", alignment.toTranscript(0.02).text());
    assertEquals(
        List.of("你 0-2", "好 2-3", "好 4-5", "世 6-7", "界 7-8"),
        wordSpans(aligner.align(frames, tokenizer.encode("你好好 世界"))));
    AlignOptions between = AlignOptions.DEFAULT.withSpeechBetweenWords(true);
    assertEquals(
        List.of("你 0-2", "世 6-7", "界 7-8"), wordSpans(aligner.align(frames, "你世界", between)));
  }

  @Test
  void wordsWithAndWithoutSpacesMayBeMixed() {
    List<String> tokens = List.of("-", "|", "g", "p", "你", "好", "きゃ", "く", "ー");
    ForcedAligner aligner = ForcedAligner.of(new CtcVocabulary(tokens, 0, 1, Set.of()));
    LogProbabilities frames = uniform(40, tokens.size());
    assertEquals(
        List.of("GP", "你", "好", "ok"), words(aligner.align(frames, "GP 你好ok"))); // "ok" is unknown
    assertEquals(
        List.of("“你”，", "（GP）", "“好", "きゃー", "く!"),
        words(aligner.align(frames, "“你”，（GP）“好きゃーく!")));
    assertEquals( // neighbours that the vocabulary lacks are one
        List.of("GP", "英文", "你", "好"), words(aligner.align(frames, "GP英文你好")));
  }

  private static List<String> words(Alignment alignment) {
    return alignment.words().stream().map(AlignedWord::text).toList();
  }

  @Test
  void aBandCanBeUndone() {
    AlignOptions options = AlignOptions.DEFAULT.withBand(1);
    assertEquals(1, options.band());
    assertEquals(AlignOptions.DEFAULT, options.withBand(null));
  }

  @Test
  void frameCountsAtTheLimitFit() {
    assertEquals(List.of("abb 0-4"), wordSpans(aligner.align(frames("ab-b"), "abb")));
    assertEquals(List.of("a 0-1"), wordSpans(aligner.align(frames("a"), "a")));
  }

  @Test
  void hostileTextsTakeMemoryInProportion() {
    LogProbabilities frames = frames("a-".repeat(10));
    for (String text :
        List.of(
            "a" + "7".repeat(200_000),
            "! ".repeat(100_000) + "a" + " !".repeat(100_000),
            "a" + "\u0301".repeat(200_000),
            "\u201C".repeat(200_000) + "a",
            "a" + "\u4E2D".repeat(200_000))) {
      long before = allocated();
      Alignment alignment = aligner.align(frames, text);
      long perCharacter = (allocated() - before) / text.length();
      assertTrue(perCharacter < 10_000, perCharacter + " bytes each"); // 200 000 if quadratic
      assertEquals(text, String.join("", words(alignment)));
    }
  }

  private static long allocated() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }

  private Alignment align(LogProbabilities frames, String text) {
    return aligner.align(frames, text);
  }

  private static void assertRefused(String message, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  /**
   * One frame for each character, which has probability 0.9: a token, - for the blank, C for ch.
   */
  private static LogProbabilities frames(String heard) {
    int[] ids =
        heard
            .chars()
            .map(c -> c == '-' ? 0 : TOKENS.indexOf(c == 'C' ? "ch" : Character.toString(c)))
            .toArray();
    return LogProbabilities.of(scores(ids, TOKENS.size()), ids.length, TOKENS.size());
  }

  private static float[] scores(int[] heard, int vocabulary) {
    float[] values = new float[heard.length * vocabulary];
    Arrays.fill(values, (float) Math.log(0.1 / (vocabulary - 1)));
    for (int t = 0; t < heard.length; t++) {
      values[t * vocabulary + heard[t]] = (float) Math.log(0.9);
    }
    return values;
  }

  private static LogProbabilities uniform(int time, int vocabulary) {
    return LogProbabilities.ofLogits(new float[time * vocabulary], time, vocabulary);
  }

  private static Map<String, Integer> ids(String... tokens) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (String token : tokens) {
      ids.put(token, ids.size());
    }
    return ids;
  }

  private static int[] tokens(Alignment alignment) {
    return alignment.tokens().stream().mapToInt(AlignedToken::id).toArray();
  }

  private static List<String> spans(Alignment alignment) {
    return alignment.tokens().stream()
        .map(token -> token.text() + " " + token.start() + "-" + token.end())
        .toList();
  }

  private static List<String> wordSpans(Alignment alignment) {
    return alignment.words().stream()
        .map(word -> word.text() + " " + word.start() + "-" + word.end())
        .toList();
  }
}
