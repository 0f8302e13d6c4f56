package io.github.w2vbert.decoding;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NgramModelTest {
  /** Three orders; "b c" follows nothing, "a b" is the beginning of a 3-gram only. */
  private static final String SMALL =
      """
      made by hand

      \\data\\
      ngram 1=6
      ngram 2=3
      ngram 3=1

      \\1-grams:
      -1.5\t<unk>
      -99\t<s>\t-0.5
      -1.0\t</s>
      -0.7\ta\t-0.4
      -0.8\tb\t-0.3
      -0.9\tc\t-0.2

      \\2-grams:
      -0.1\t<s> a\t-0.05
      -0.2\tb c\t-0.06
      -0.3\tc a\t-0.07

      \\3-grams:
      -0.01\ta b c

      \\end\\
      """;

  @TempDir Path temp;

  private static double score(NgramModel model, String... words) {
    int state = model.empty();
    double last = 0;
    for (String word : words) {
      long step = model.step(state, model.wordId(word));
      last = NgramModel.log10(step);
      state = NgramModel.state(step);
    }
    return last;
  }

  @Test
  void backsOffAsByHand() {
    NgramModel model = ArpaTwin.read(SMALL);
    assertEquals(3, model.order());
    assertEquals(6, model.vocabularySize());
    assertEquals(-0.7, score(model, "a"), 1e-6, "a 1-gram");
    assertEquals(-0.2, score(model, "b", "c"), 1e-6, "a 2-gram");
    assertEquals(-0.4 - 0.8, score(model, "a", "b"), 1e-6, "a 2-gram that is a context only");
    assertEquals(-0.01, score(model, "a", "b", "c"), 1e-6, "the 3-gram behind it");
    assertEquals(-0.06 - 0.3, score(model, "b", "c", "a"), 1e-6, "with the back-off of b c");
    assertEquals(-0.07 - 0.4 - 0.8, score(model, "c", "a", "b"), 1e-6, "backed off twice");
    assertEquals(-0.4 - 1.5, score(model, "a", "zebra"), 1e-6, "an unknown word");
    assertEquals(-0.7, score(model, "zebra", "a"), 1e-6, "after an unknown word");
    // <s> a b c </s>: 2-gram; back-offs of "<s> a" and "a"; 3-gram; back-offs of "b c" and "c".
    double sentence = -0.1 + (-0.05 - 0.4 - 0.8) - 0.01 + (-0.06 - 0.2 - 1.0);
    assertEquals(sentence, model.score(List.of("a", "b", "c")), 1e-5);
    assertEquals(-0.5 - 1.0, model.score(List.of()), 1e-6);
  }

  @Property(tries = 200, seed = "20240817")
  void equalsAMapOfNgrams(@ForAll Random random, @ForAll @IntRange(min = 1, max = 5) int order) {
    List<String> vocabulary = new ArrayList<>(List.of("<s>", "</s>", "ä", "日本", "x y", "e"));
    vocabulary.set(4, "x\u00A0y"); // a space that separates no words
    if (random.nextBoolean()) {
      vocabulary.add("<unk>");
    }
    ArpaTwin twin = ArpaTwin.random(random, order, vocabulary);
    NgramModel model = twin.model();
    vocabulary.add("unheard");
    for (int sentence = 0; sentence < 20; sentence++) {
      List<String> before = new ArrayList<>();
      int state = model.empty();
      for (int i = 0; i < 12; i++) {
        String word = vocabulary.get(random.nextInt(vocabulary.size()));
        long step = model.step(state, model.wordId(word));
        assertEquals(
            twin.log10(before, word),
            NgramModel.log10(step),
            1e-4,
            () -> word + " after " + before);
        assertTrue(NgramModel.log10(step) <= model.largestStep(), "the bound of steps");
        state = NgramModel.state(step);
        before.add(word);
      }
    }
  }

  @Test
  void wordsHaveIds() {
    NgramModel model = ArpaTwin.read(SMALL);
    for (String word : List.of("<unk>", "<s>", "</s>", "a", "b", "c")) {
      assertTrue(model.contains(word));
      assertEquals(word, model.word(model.wordId(word)));
    }
    assertFalse(model.contains("zebra"));
    assertEquals(model.unknownWord(), model.wordId("zebra"));
    assertEquals(model.wordId("</s>"), model.endWord());
    assertThrows(IllegalArgumentException.class, () -> model.word(6));
    assertThrows(IllegalArgumentException.class, () -> model.step(model.empty(), 6));
    assertThrows(IllegalArgumentException.class, () -> model.step(model.empty(), -1));
    assertThrows(IllegalArgumentException.class, () -> model.step(1 << 20, 0));
    assertThrows(IllegalArgumentException.class, () -> model.step(-1, 0));
  }

  @Test
  void withoutMarksSentencesHaveNoEnds() {
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=1\n\\1-grams:\n-0.5 a\n\\end\\\n");
    assertEquals(-1, model.endWord());
    assertEquals(model.empty(), model.begin());
    assertEquals(-1.0, model.score(List.of("a", "a")), 1e-6);
    assertEquals(-100, model.score(List.of("b")), 1e-6);
  }

  @Test
  void readsWhatProgramsWrite() {
    double expected = ArpaTwin.read(SMALL).score(List.of("a", "b", "c"));
    for (String text :
        List.of(
            SMALL.replace("\n", "\r\n"),
            SMALL.replace("\t", "   "),
            SMALL.replace("ngram 1=6", "ngram  1 =   6"),
            SMALL.replace("<unk>", "<UNK>"),
            "\uFEFF" + SMALL.substring(SMALL.indexOf("\\data\\")),
            SMALL.stripTrailing(),
            SMALL.replace("a b c", "a b c\t0"),
            SMALL + "what follows is not read",
            SMALL.replace("\n\n", "\n"))) {
      assertEquals(expected, ArpaTwin.read(text).score(List.of("a", "b", "c")), 1e-6, text);
    }
  }

  @Test
  void largestNumbersGiveFiniteScores() {
    String text = SMALL.replaceFirst("-0.7\ta\t-0.4", "-1e6\ta\t1e6").replace("-0.05", "-1e6");
    NgramModel model = ArpaTwin.read(text);
    assertEquals(-1e6, score(model, "a"));
    assertTrue(Double.isFinite(model.score(List.of("a", "b", "a", "zebra", "a", "c"))));
  }

  @Test
  void readsGzipWhateverItsName() throws IOException {
    Path file = temp.resolve("model.arpa");
    Files.write(file, gzip(SMALL));
    NgramModel model = NgramModel.read(file);
    assertEquals(-0.01, score(model, "a", "b", "c"), 1e-6);
    Files.writeString(file, SMALL);
    assertEquals(-0.01, score(NgramModel.read(file), "a", "b", "c"), 1e-6);
  }

  @Test
  void damagedGzipIsRefused() throws IOException {
    byte[] whole = gzip(SMALL);
    for (int length : new int[] {2, 9, 40, whole.length - 9, whole.length - 1}) {
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> NgramModel.read(new ByteArrayInputStream(Arrays.copyOf(whole, length))));
      assertTrue(refusal.getMessage().contains("gzip data is damaged"), refusal.getMessage());
    }
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(UTF_8));
    }
    return bytes.toByteArray();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "\\end\\                | ''                    | 25: the file ends, expected \\end\\",
        "ngram 3=1              | ngram 3=2             | 24: there are 1 3-grams, expected 2",
        "ngram 2=3              | ngram 2=2             | 19: there are more 2-grams than 2",
        "ngram 2=3              | ngram 4=3             | 5: it is \"ngram 4=3\", expected",
        "ngram 2=3              | ngram 2=-3            | 5: it is \"ngram 2=-3\", expected",
        "ngram 2=3              | ngram 2               | 5: it is \"ngram 2\", expected",
        "ngram 3=1              | ngram 3=1 ngram 4=1   | 6: it is \"ngram 3=1 ngram 4=1\"",
        "\\2-grams:             | \\3-grams:            | 16: it is \"\\3-grams:\", expected",
        "-0.7 a -0.4            | NaN a -0.4            | 12: the probability is \"NaN\"",
        "-0.7 a -0.4            | -inf a -0.4           | 12: the probability is \"-inf\"",
        "-0.7 a -0.4            | -1e99 a -0.4          | 12: the probability is \"-1e99\"",
        "-0.7 a -0.4            | -1e7 a -0.4           | 12: the probability is \"-1e7\"",
        "-0.7 a -0.4            | -0.7 a -3e38          | 12: the back-off is \"-3e38\"",
        "-0.7 a -0.4            | -0.7 a 1000001        | 12: the back-off is \"1000001\"",
        "-0.7 a -0.4            | -0x1p3 a -0.4         | 12: the probability is \"-0x1p3\"",
        "-0.7 a -0.4            | - a -0.4              | 12: the probability is \"-\"",
        "-0.7 a -0.4            | 0.7 a -0.4            | 12: the log-probability is 0.7",
        "-0.7 a -0.4            | -0.7 a NaN            | 12: the back-off is \"NaN\"",
        "-0.7 a -0.4            | -0.7 a -0.4 x         | 12: it has more than 3 fields",
        "-0.7 a -0.4            | -0.7                  | 12: it has 1 fields",
        "-0.8 b -0.3            | -0.8 a -0.3           | 13: the word \"a\" is there twice",
        "-0.3 c a -0.07         | -0.3 b c -0.07        | 19: the n-gram \"-0.3 b c -0.07\"",
        "-0.3 c a -0.07         | -0.3 c d -0.07        | 19: the word \"d\" is not among",
        "-0.01 a b c            | -0.01 a d c           | 22: the word \"d\" is not among",
        "-0.01 a b c            | -0.01 a b c -1        | 22: the back-off is -1.0",
      })
  void damageIsRefusedWithItsLine(String from, String to, String message) {
    String spaced = SMALL.replace('\t', ' ');
    assertTrue(spaced.contains(from.strip()), from);
    String damaged = spaced.replace(from.strip(), to.equals("''") ? "" : to.strip());
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> ArpaTwin.read(damaged));
    assertTrue(
        refusal.getMessage().startsWith("Cannot read the stream: line " + message),
        refusal.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, 60, 100, 200, 210})
  void truncationIsRefused(int length) {
    String part = SMALL.substring(0, length);
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> ArpaTwin.read(part));
    assertTrue(refusal.getMessage().contains("line "), refusal.getMessage());
  }

  @Test
  void otherFilesAreRefusedByName() {
    String binary = "mmap lm http://kheafield.com/code format version 5\n\0\0\0";
    assertRefused(binary.getBytes(UTF_8), "a binary file of KenLM, expected the ARPA file");
    assertRefused("BZh91AY".getBytes(UTF_8), "compressed with bzip2");
    assertRefused(new byte[] {(byte) 0xFD, '7', 'z', 'X', 'Z', 0}, "compressed with xz");
    assertRefused(new byte[] {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0}, "compressed with zstd");
    assertRefused(new byte[100_000], "more than 65536 bytes");
    assertRefused(
        "x\n".repeat(2000).getBytes(UTF_8), "line 1001: there is no \\data\\ line so far");
    assertRefused("\\data\\\n\\1-grams:\n".getBytes(UTF_8), "expected \"ngram 1=COUNT\"");
    byte[] latin = SMALL.replace("\ta\t", "\t\u00E4\t").getBytes(ISO_8859_1);
    assertRefused(latin, "line 12: the word \"\uFFFD\" is not UTF-8");
    StringBuilder orders = new StringBuilder("\\data\\\n");
    for (int n = 1; n <= 11; n++) {
      orders.append("ngram ").append(n).append("=1\n");
    }
    assertRefused(
        orders.toString().getBytes(UTF_8), "line 12: the order is 11, expected at most 10");
  }

  private static void assertRefused(byte[] bytes, String message) {
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class, () -> NgramModel.read(new ByteArrayInputStream(bytes)));
    assertTrue(refusal.getMessage().contains(message), refusal.getMessage());
  }

  @Test
  void countsThatAreClaimedTakeNoMemory() {
    String claims = SMALL.replace("ngram 1=6", "ngram 1=999999999999999999");
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    assertThrows(IllegalArgumentException.class, () -> ArpaTwin.read(claims));
    assertTrue(threads.getCurrentThreadAllocatedBytes() - before < 10_000_000);
  }

  @Test
  void filesThatDoNotFitAreRefusedWithTheirLine() {
    StringBuilder text = new StringBuilder("\\data\\\nngram 1=20\n\\1-grams:\n");
    for (int i = 0; i < 20; i++) {
      text.append("-1 word").append((char) ('a' + i)).append('\n');
    }
    text.append("\\end\\\n");
    assertEquals(
        "Cannot read big.arpa: line 19: there are more than 15 prefixes, expected no more",
        refusal(text.toString(), new WordTable(), new Trie(16)));
    assertEquals(
        "Cannot read big.arpa: line 14: the words have more than 50 bytes, expected no more",
        refusal(text.toString(), new WordTable(50), new Trie()));
    assertEquals( // <unk> is added last
        "Cannot read big.arpa: line 24: the words have more than 100 bytes, expected no more",
        refusal(text.toString(), new WordTable(100), new Trie()));
  }

  private static String refusal(String text, WordTable words, Trie ngrams) {
    BufferedInputStream in =
        new BufferedInputStream(new ByteArrayInputStream(text.getBytes(UTF_8)));
    return assertThrows(
            IllegalArgumentException.class, () -> ArpaReader.read(in, "big.arpa", words, ngrams))
        .getMessage();
  }

  @Test
  void stepsAllocateNothing() {
    NgramModel model = ArpaTwin.random(new Random(1), 3, List.of("a", "b", "c", "</s>")).model();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int state = model.empty();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 100_000; i++) {
      state = NgramModel.state(model.step(state, i % model.vocabularySize()));
    }
    assertTrue(threads.getCurrentThreadAllocatedBytes() - before < 10_000, "state " + state);
  }

  @Test
  void manyNgramsAreFound() {
    int words = 20_000;
    int bigrams = 200_000;
    StringBuilder text = new StringBuilder("\\data\\\nngram 1=" + words + "\nngram 2=" + bigrams);
    text.append("\n\\1-grams:\n");
    for (int i = 0; i < words; i++) {
      text.append("-1 w").append(i).append(" -0.1\n");
    }
    text.append("\\2-grams:\n");
    for (int i = 0; i < bigrams; i++) {
      text.append("-0.5 w").append(i / 10).append(" w").append((i % 10) * 7 + i / 10 % 100);
      text.append('\n');
    }
    text.append("\\end\\\n");
    NgramModel model = ArpaTwin.read(text.toString());
    assertEquals(-0.5, score(model, "w777", "w" + (3 * 7 + 77)), 1e-6);
    assertEquals(-1.1, score(model, "w777", "w" + (3 * 7 + 78)), 1e-6);
    assertEquals(-1.0, score(model, "w19999"), 1e-6);
  }
}
