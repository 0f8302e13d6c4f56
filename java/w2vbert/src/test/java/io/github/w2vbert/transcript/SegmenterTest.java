package io.github.w2vbert.transcript;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class SegmenterTest {
  private static final SegmentOptions WIDE =
      SegmentOptions.DEFAULT.withLineCharacters(1000).withSeconds(1000);

  @Test
  void pausesEndSegments() {
    List<Word> words = List.of(word("a", 0, 1), word("b", 1.5, 2), word("c", 3, 4));
    assertEquals(List.of("a b", "c"), texts(words, WIDE.withPause(1)));
    assertEquals(List.of("a", "b", "c"), texts(words, WIDE.withPause(0.5)));
    assertEquals(List.of("a b c"), texts(words, WIDE.withPause(1.25)));
  }

  @Test
  void linesAndSegmentsAreNoLongerThanAllowed() {
    List<Word> words = words("ab", "cd", "efg", "hijklmnop", "q", "r");
    SegmentOptions options = WIDE.withLineCharacters(5);
    assertEquals(List.of("ab cd\nefg", "hijklmnop\nq r"), texts(words, options));
    assertEquals(List.of("ab cd", "efg", "hijklmnop", "q r"), texts(words, options.withLines(1)));
    assertEquals(List.of("ab cd\nefg\nhijklmnop", "q r"), texts(words, options.withLines(3)));
  }

  @Test
  void charactersAreCodePoints() {
    String emoji = "\uD83D\uDE00\uD83D\uDE00";
    List<Word> words = words(emoji, emoji);
    assertEquals(List.of(emoji + " " + emoji), texts(words, WIDE.withLineCharacters(5)));
    assertEquals(List.of(emoji + "\n" + emoji), texts(words, WIDE.withLineCharacters(4)));
  }

  @Test
  void scriptsWithoutSpacesHaveNone() {
    List<Word> words = words("GPT", "你", "好", "ok", "go", "カー", "ド", "\u0E01\u0E34", "\u0E19");
    String text = "GPT 你好 ok go カード\u0E01\u0E34\u0E19";
    assertEquals(text, Transcript.of(words, 100, WIDE).text());
    assertEquals(List.of(text), texts(words, WIDE));
    assertEquals("好,世“界”。 a,“b", Transcript.of(words("好,", "世", "“界”。", "a,“b"), 9, WIDE).text());
  }

  @Test
  void linesOfScriptsWithoutSpacesAreFilled() {
    List<Word> words = new ArrayList<>();
    for (int i = 0; i < 200; i++) { // 20 seconds, some characters of two UTF-16 units
      words.add(word(i % 7 == 0 ? "𠮷" : "好", 0.1 * i, 0.1 * (i + 1)));
    }
    SegmentOptions options = SegmentOptions.DEFAULT.withSeconds(100);
    List<String> texts = texts(words, options);
    assertEquals(3, texts.size());
    List<Integer> lengths = new ArrayList<>();
    for (String text : texts) {
      for (String line : text.split("\n")) {
        lengths.add(line.codePointCount(0, line.length()));
      }
    }
    assertEquals(List.of(42, 42, 42, 42, 32), lengths);
    Transcript transcript = Transcript.of(words, 100, options);
    String whole = transcript.text();
    assertEquals(200, whole.codePointCount(0, whole.length()));
    List<String> rows = TranscriptFormat.TSV.format(transcript, "x").lines().skip(1).toList();
    StringBuilder joined = new StringBuilder();
    rows.forEach(row -> joined.append(row.split("\t")[2]));
    assertEquals(whole, joined.toString());
  }

  @Test
  void segmentsLastNoLongerThanAllowed() {
    List<Word> words = words("a", "b", "c", "d"); // a second each
    assertEquals(List.of("a b", "c d"), texts(words, WIDE.withSeconds(2)));
    assertEquals(List.of("a", "b", "c", "d"), texts(words, WIDE.withSeconds(1.5)));
    assertEquals(List.of("a", "b", "c", "d"), texts(words, WIDE.withSeconds(0.1)));
  }

  @Test
  void segmentsHoldTimesWordsAndMeanConfidence() {
    Word first = new Word("a", 1, 3, 0.9, List.of());
    Word second = new Word("b", 2, 2.5, 0.4, List.of()); // ends within the first
    Transcript transcript = Transcript.of(List.of(first, second), 5, SegmentOptions.DEFAULT);
    Segment segment = transcript.segments().get(0);
    assertEquals(0.6, segment.confidence(), 1e-12);
    assertEquals(new Segment(1, 3, "a b", segment.confidence(), List.of(first, second)), segment);
    assertEquals(List.of(segment), transcript.segments());
    assertEquals("a b", transcript.text());
    assertEquals(5, transcript.duration());
  }

  @Test
  void wordsAreShiftedWithTheirTokens() {
    Word word = new Word("ab", 1, 3, 0.9, List.of(new TimedToken("ab", 1.5, 2, 0.8)));
    Word later = new Word("ab", 11, 13, 0.9, List.of(new TimedToken("ab", 11.5, 12, 0.8)));
    assertEquals(later, word.shifted(10));
    assertEquals(word, later.shifted(-10));
    assertRefused("the token 'ab' is from -0.5 to 0.0 seconds", () -> word.shifted(-2));
    assertRefused("is from NaN to NaN", () -> word.shifted(Double.NaN));
  }

  @Test
  void noWordsAreNoSegments() {
    assertEquals(
        new Transcript("", 2, List.of()), Transcript.of(List.of(), 2, SegmentOptions.DEFAULT));
  }

  @Property(tries = 200, seed = "20240817")
  void everyWordIsInOneSegmentAndLimitsHold(
      @ForAll Random random, @ForAll @IntRange(min = 0, max = 60) int count) {
    List<Word> words = new ArrayList<>();
    double time = 0;
    for (int i = 0; i < count; i++) {
      time += random.nextInt(3) == 0 ? random.nextDouble() : 0;
      double end = time + random.nextDouble();
      words.add(word("x".repeat(1 + random.nextInt(9)), time, end));
      time = end;
    }
    SegmentOptions options = new SegmentOptions(12, 2, 4, 0.5);
    Transcript transcript = Transcript.of(words, time, options);
    assertEquals(words, transcript.words());
    for (Segment segment : transcript.segments()) {
      String[] lines = segment.text().split("\n");
      assertTrue(lines.length <= 2, segment.text());
      for (String line : lines) {
        assertTrue(line.length() <= 12, segment.text());
      }
      assertTrue(segment.end() - segment.start() <= 4);
    }
  }

  @Test
  void refusesWhatIsNoTranscript() {
    assertRefused(
        "word 1, 'b', starts at 0.5 seconds; expected at least 1.0",
        () ->
            Transcript.of(List.of(word("a", 1, 2), word("b", 0.5, 3)), 3, SegmentOptions.DEFAULT));
    assertRefused("the word 'a' is from 2.0 to 1.0 seconds", () -> word("a", 2, 1));
    assertRefused("the word 'a' is from -1.0 to 1.0", () -> word("a", -1, 1));
    assertRefused("the word 'a' is from NaN", () -> word("a", Double.NaN, 1));
    assertRefused("to Infinity", () -> word("a", 1, Double.POSITIVE_INFINITY));
    assertRefused("the confidence 1.5", () -> new TimedToken("a", 0, 1, 1.5));
    assertRefused("the token 'a' is from", () -> new TimedToken("a", 2, 1, 1));
    assertRefused("the confidence NaN", () -> new Segment(0, 1, "a", Double.NaN, List.of()));
    assertRefused("the segment 'a' is from", () -> new Segment(1, Double.NaN, "a", 1, List.of()));
    assertRefused(
        "a transcript is from 0.0 to NaN", () -> new Transcript("", Double.NaN, List.of()));
    assertRefused("lineCharacters is 0", () -> WIDE.withLineCharacters(0));
    assertRefused("lines is -1", () -> WIDE.withLines(-1));
    assertRefused("seconds is NaN", () -> WIDE.withSeconds(Double.NaN));
    assertRefused("pause is 0", () -> WIDE.withPause(0));
  }

  private static void assertRefused(String message, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  private static Word word(String text, double start, double end) {
    return new Word(text, start, end, 1, List.of());
  }

  /** Words of a second each, without pauses. */
  private static List<Word> words(String... texts) {
    List<Word> words = new ArrayList<>();
    for (String text : texts) {
      words.add(word(text, words.size(), words.size() + 1));
    }
    return words;
  }

  private static List<String> texts(List<Word> words, SegmentOptions options) {
    return Transcript.of(words, 100, options).segments().stream().map(Segment::text).toList();
  }
}
