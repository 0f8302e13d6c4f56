package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.EncodeOptions.Padding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Path GOLDEN = Golden.dir().resolve("tokenizer");
  private static final List<String> FILES =
      List.of(
          "vocab.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json");

  private static final EncodeOptions DEFAULT = EncodeOptions.DEFAULT;

  private final Tokenizer english = Tokenizer.fromPretrained(GOLDEN.resolve("en"));

  @TempDir Path temp;

  @Test
  void decodingTheEncodingGivesTheText() {
    Random random = new Random(20240817);
    DecodeOptions asIs =
        DecodeOptions.DEFAULT.withGroupTokens(false).withCleanUpTokenizationSpaces(false);
    for (String name : List.of("ar", "en", "mn", "tr", "zh")) {
      Tokenizer tokenizer = Tokenizer.fromPretrained(GOLDEN.resolve(name));
      List<String> letters =
          tokenizer.vocabulary().keySet().stream()
              .filter(token -> token.codePointCount(0, token.length()) == 1)
              .map(token -> token.equals("|") ? " " : token)
              .toList();
      for (int length = 0; length < 66; length++) {
        String text =
            random
                .ints(length, 0, letters.size())
                .mapToObj(letters::get)
                .collect(Collectors.joining())
                .strip();
        assertEquals(text, tokenizer.decode(tokenizer.encode(text), asIs), name);
      }
    }
  }

  @Test
  void repeatedFramesAndBlanksChangeOffsetsButNotTheText() {
    int[] ids = english.encode("hello all");
    int[] frames = new int[ids.length * 4];
    for (int i = 0; i < ids.length; i++) {
      Arrays.fill(frames, 4 * i, 4 * i + 3, ids[i]);
      frames[4 * i + 3] = english.padTokenId();
    }
    DecodedText decoded = english.decodeWithOffsets(frames);
    assertEquals("hello all", decoded.text());
    assertEquals(new CharOffset("l", 12, 15), decoded.charOffsets().get(3));
    assertEquals(
        List.of(new WordOffset("hello", 0, 19), new WordOffset("all", 24, 35)),
        decoded.wordOffsets());
  }

  @Test
  void batchEqualsSingles() {
    List<String> texts = List.of("", "a", "it's a test");
    List<Encoding> batch = english.encodeBatch(texts, EncodeOptions.DEFAULT);
    int[][] rows = batch.stream().map(Encoding::inputIds).toArray(int[][]::new);
    for (int i = 0; i < rows.length; i++) {
      assertEquals(english.encode(texts.get(i), EncodeOptions.DEFAULT), batch.get(i));
      assertEquals(english.decode(rows[i]), english.batchDecode(rows).get(i));
      assertEquals(
          english.decodeWithOffsets(rows[i]),
          english.batchDecodeWithOffsets(rows, DecodeOptions.DEFAULT).get(i));
    }
  }

  @Test
  void unknownCharactersAndIdsAreTheUnknownToken() {
    assertArrayEquals(new int[] {28, 28, 1}, english.encode("\uD83D\uDE00Za"));
    assertEquals("[UNK]a", english.decode(32, 1_000_000, Integer.MIN_VALUE, 1));
    assertEquals("[UNK]", english.idToToken(32));
    assertEquals("ab", english.decode(new int[] {1, 32, 2}, skipSpecialTokens()));
    assertEquals(28, english.tokenToId("nowhere"));
  }

  @Test
  void unpairedSurrogatesAreUnknownCharacters() {
    assertArrayEquals(new int[] {28, 1, 28}, english.encode("\uDE00a\uD83D"));
  }

  @Test
  void charactersBeyondTheUnknownTokenAreRefusedWhereItHasNoId() {
    Tokenizer none = Tokenizer.builder(Map.of("a", 0)).unkToken(null).build();
    assertRefused("'b' is not in the vocabulary of 1 tokens", () -> none.encode("ab"));
    assertRefused("id 9 is not in the vocabulary of 1 tokens", () -> none.decode(0, 9));
    Tokenizer added = Tokenizer.builder(Map.of("a", 0)).build();
    assertRefused("the unknown token <unk> is not in it either", () -> added.encode("ab"));
  }

  @Test
  void wholeTokensAreMatchedLongestFirst() {
    Tokenizer tokenizer =
        Tokenizer.builder(vocabulary("a", "ab", "abc", "bcd", "b", "c", "d", "|", "<unk>")).build();
    assertEquals(List.of("abc", "d"), tokenizer.tokenize("abcd"));
    assertEquals(List.of("ab", "bcd"), tokenizer.tokenize("abbcd"));
    assertEquals(List.of("bcd", "ab", "c"), tokenizer.tokenize(" bcd  ab c"));
    assertEquals(List.of("a", "|", "c"), tokenizer.tokenize("a c"));
  }

  @Test
  void singleWordTokensAreMatchedBetweenSpacesOnly() throws IOException {
    write("vocab.json", "{\"a\": 0, \"|\": 1, \"x\": 2, \"y\": 3, \"<unk>\": 4}");
    write(
        "tokenizer_config.json",
        "{\"added_tokens_decoder\": {\"9\": {\"content\": \"xy\", \"single_word\": true}}}");
    Tokenizer tokenizer = Tokenizer.fromPretrained(temp);
    assertEquals(List.of("a", "|", "xy", "|", "a"), tokenizer.tokenize("a xy a"));
    assertEquals(List.of("a", "x", "y", "|", "a"), tokenizer.tokenize("axy a"));
    assertEquals(List.of("x", "y", "a"), tokenizer.tokenize("xya"));
    assertArrayEquals(new int[] {9}, tokenizer.encode("xy"));
  }

  @Test
  void lowerCaseLeavesTokensAloneAndKnowsTheFinalSigma() {
    Tokenizer greek =
        Tokenizer.builder(vocabulary("Σ", "Α", "Ο", "'", "|", "[unk]", "[PAD]"))
            .doLowerCase(true)
            .unkToken("[unk]")
            .padToken("[PAD]")
            .build();
    assertEquals(List.of("Ο", "Σ", "[PAD]", "Α"), greek.tokenize("ος[PAD]α"));
    assertEquals("σασος σ", greek.decode(0, 1, 0, 2, 0, 4, 0));
    assertEquals("ας' α'σα", greek.decode(1, 0, 3, 4, 1, 3, 0, 1));
  }

  @Test
  void caseDoesNotDependOnTheLocale() {
    Tokenizer turkish = Tokenizer.fromPretrained(GOLDEN.resolve("tr_upper"));
    int[] ids = turkish.encode("iıIİ");
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("tr"));
    try {
      assertArrayEquals(ids, turkish.encode("iıIİ"));
      assertEquals("i", turkish.decode(8));
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void specialTokensCanBeSplitLikeText() throws IOException {
    write("vocab.json", "{\"<\": 0, \"s\": 1, \">\": 2, \"|\": 3}");
    write("tokenizer_config.json", "{\"split_special_tokens\": true, \"unk_token\": null}");
    assertArrayEquals(new int[] {0, 1, 2, 3}, Tokenizer.fromPretrained(temp).encode("<s> "));
  }

  @ParameterizedTest
  @CsvSource({
    "NONE,,,2 3",
    "LONGEST,,,3 3",
    "LONGEST,,4,4 4",
    "LONGEST,,3,3 3",
    "MAX_LENGTH,5,,5 5",
    "MAX_LENGTH,2,,2 3",
    "MAX_LENGTH,5,4,8 8",
    "MAX_LENGTH,,,2 3",
    "NONE,,8,2 3"
  })
  void padsToTheLengthAskedFor(
      Padding padding, Integer maxLength, Integer multiple, String lengths) {
    EncodeOptions options = new EncodeOptions(padding, false, maxLength, multiple);
    List<Encoding> rows = english.encodeBatch(List.of("ab", "abc"), options);
    assertEquals(lengths, rows.get(0).inputIds().length + " " + rows.get(1).inputIds().length);
    int[] labels = rows.get(0).labels();
    for (int i = 0; i < labels.length; i++) {
      assertEquals(i < 2 ? 1 : 0, rows.get(0).attentionMask()[i]);
      assertEquals(i < 2 ? i + 1 : english.padTokenId(), rows.get(0).inputIds()[i]);
      assertEquals(i < 2 ? i + 1 : Encoding.IGNORED_LABEL, labels[i]);
    }
  }

  @Test
  void padsAndTruncatesOnTheSideOfItsFiles() throws IOException {
    write("vocab.json", "{\"a\": 1, \"b\": 2, \"c\": 3, \"<pad>\": 0}");
    write(
        "tokenizer_config.json",
        "{\"padding_side\": \"left\", \"truncation_side\": \"left\", \"model_max_length\": 2}");
    Tokenizer tokenizer = Tokenizer.fromPretrained(temp);
    EncodeOptions options =
        EncodeOptions.DEFAULT.withTruncation(true).withPadding(Padding.MAX_LENGTH);
    assertEquals(
        List.of(
            new Encoding(new int[] {2, 3}, new int[] {1, 1}),
            new Encoding(new int[] {0, 1}, new int[] {0, 1})),
        tokenizer.encodeBatch(List.of("abc", "a"), options));
  }

  @Test
  void paddingNeedsAPaddingToken() {
    Tokenizer tokenizer = Tokenizer.builder(Map.of("a", 0)).padToken(null).build();
    EncodeOptions options = EncodeOptions.DEFAULT.withPadding(Padding.LONGEST);
    assertThrows(IllegalStateException.class, () -> tokenizer.encode("a", options));
    assertThrows(IllegalStateException.class, tokenizer::padTokenId);
    assertNull(tokenizer.padToken());
    assertEquals(
        "aa", tokenizer.decode(new int[] {0, 0}, DecodeOptions.DEFAULT.withGroupTokens(false)));
  }

  @Test
  void rejectsOptionsOutOfRange() {
    assertRefused("padding is null", () -> new EncodeOptions(null, false, null, null));
    assertRefused("maxLength is -1", () -> EncodeOptions.DEFAULT.withMaxLength(-1));
    assertRefused("padToMultipleOf is 0", () -> EncodeOptions.DEFAULT.withPadToMultipleOf(0));
    assertRefused(
        "maxLength is 5, expected a multiple of padToMultipleOf (4)",
        () -> new EncodeOptions(Padding.LONGEST, true, 5, 4));
    assertRefused(
        "inputIds has length 1 and attentionMask 2", () -> new Encoding(new int[1], new int[2]));
  }

  @Test
  void rejectsNull() {
    assertRefused("directory is null", () -> Tokenizer.fromPretrained((Path) null));
    assertRefused("targetLang is null", () -> Tokenizer.fromPretrained(temp, null));
    assertRefused("vocabulary is null", () -> Tokenizer.builder(null));
    assertRefused("vocabularies is null", () -> Tokenizer.nestedBuilder(null));
    assertRefused("targetLang is null", () -> english.withTargetLang(null));
    assertRefused("text is null", () -> english.tokenize(null));
    assertRefused("text is null", () -> english.encodeBatch(Arrays.asList("a", null), DEFAULT));
    assertRefused("texts is null", () -> english.encodeBatch(null, DEFAULT));
    assertRefused("options is null", () -> english.encode("a", null));
    assertRefused("text is null", () -> english.encodePair("a", null));
    assertRefused("words is null", () -> english.encodeWords(null));
    assertRefused("a word is null", () -> english.encodeWords(Arrays.asList("a", null)));
    assertRefused("a row is null", () -> english.pad(Arrays.asList(new int[0], null), DEFAULT));
    assertRefused("ids is null", () -> english.decode((int[]) null));
    assertRefused("options is null", () -> english.decode(new int[0], null));
    assertRefused("rows is null", () -> english.batchDecode(null));
    assertRefused("ids is null", () -> english.batchDecode(new int[][] {{1}, null}));
    assertRefused("token is null", () -> english.tokenToId(null));
    assertRefused("directory is null", () -> english.savePretrained(null));
    assertRefused(
        "replaceWordDelimiterChar is null",
        () -> Tokenizer.builder(Map.of()).replaceWordDelimiterChar(null));
  }

  @Test
  void rejectsVocabulariesThatCannotBe() {
    assertRefused("'a' has id -1", () -> Tokenizer.builder(Map.of("a", -1)));
    Map<String, Integer> noId = new LinkedHashMap<>();
    noId.put("a", null);
    assertRefused("'a' has id null", () -> Tokenizer.builder(noId));
    assertRefused(
        "vocabulary of x: 'a' has id -1",
        () -> Tokenizer.nestedBuilder(Map.of("x", Map.of("a", -1))));
    assertRefused(
        "there is no target language, expected one of x",
        () -> Tokenizer.nestedBuilder(Map.of("x", Map.of())).build());
    assertRefused("target language 'x'", () -> Tokenizer.builder(Map.of()).targetLang("x").build());
  }

  @Test
  void neitherCallersNorLanguagesChangeATokenizer() {
    Map<String, Integer> vocabulary = vocabulary("a", "b");
    Tokenizer.Builder builder = Tokenizer.builder(vocabulary);
    Tokenizer tokenizer = builder.build();
    vocabulary.put("c", 7);
    builder.padToken("b");
    assertFalse(tokenizer.vocabulary().containsKey("c"));
    assertEquals("<pad>", tokenizer.padToken());
    assertThrows(UnsupportedOperationException.class, () -> tokenizer.vocabulary().put("c", 7));

    Tokenizer turkish = Tokenizer.fromPretrained(GOLDEN.resolve("nested"));
    Tokenizer mongolian = turkish.withTargetLang("mon");
    assertNotSame(turkish, mongolian);
    assertEquals("tur", turkish.targetLang());
    assertEquals("mon", mongolian.targetLang());
    assertEquals("ç", turkish.decode(3));
    assertEquals("г", mongolian.decode(3));
    assertEquals(List.of("eng", "mon", "tur"), List.copyOf(mongolian.languages()));
  }

  @Test
  void tokensThatALanguageLacksStayAsTheyWere() throws IOException {
    Tokenizer.nestedBuilder(Map.of("x", vocabulary("<pad>", "a"), "y", vocabulary("b")))
        .targetLang("x")
        .build()
        .savePretrained(temp.resolve("x"));
    Tokenizer other = Tokenizer.fromPretrained(temp.resolve("x")).withTargetLang("y");
    other.savePretrained(temp.resolve("y"));
    assertEquals(0, other.padTokenId());
    JsonNode padding =
        Golden.json(temp.resolve("y/tokenizer_config.json")).get("added_tokens_decoder").get("0");
    assertEquals("<pad>", padding.get("content").textValue());
    assertFalse(padding.get("special").booleanValue());
  }

  @Test
  void encodingsDoNotChange() {
    int[] ids = {1, 2};
    Encoding encoding = new Encoding(ids, new int[] {1, 1});
    ids[0] = 9;
    encoding.inputIds()[1] = 9;
    assertEquals(new Encoding(new int[] {1, 2}, new int[] {1, 1}), encoding);
    assertEquals("Encoding[inputIds=[1, 2], attentionMask=[1, 1]]", encoding.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar", "emoji_space_delim", "en", "nested", "phoneme", "processor"})
  void savesWhatItLoaded(String name) throws IOException {
    Tokenizer loaded = Tokenizer.fromPretrained(GOLDEN.resolve(name));
    Path first = temp.resolve("a/first");
    Path second = temp.resolve("second");
    loaded.savePretrained(first);
    Tokenizer again = Tokenizer.fromPretrained(first);
    again.savePretrained(second);
    again.savePretrained(second); // replaces files
    assertEquals(loaded.vocabulary(), again.vocabulary());
    for (String file : FILES) {
      assertEquals(Files.exists(first.resolve(file)), Files.exists(second.resolve(file)));
      if (Files.exists(first.resolve(file))) {
        assertEquals(Files.readString(first.resolve(file)), Files.readString(second.resolve(file)));
      }
    }
  }

  @Test
  void savingKeepsUnknownSettingsAndForgetsWhereItWasLoaded() throws IOException {
    write("vocab.json", "{\"b\": 1, \"\uE000\": 3, \"\uD842\uDFB7\": 2, \"a\": 0}");
    write(
        "tokenizer_config.json",
        "{\"mine\": {\"z\": 1, \"a\": []}, \"name_or_path\": \"x\", \"vocab_file\": \"y\"}");
    Path saved = temp.resolve("saved");
    Tokenizer.fromPretrained(temp).savePretrained(saved);
    String config = Files.readString(saved.resolve("tokenizer_config.json"));
    assertTrue(
        config.contains(
            "  \"mine\": {\n    \"a\": [],\n    \"z\": 1\n  },\n  \"model_max_length\""),
        config);
    assertFalse(config.contains("name_or_path") || config.contains("vocab_file"), config);
    // Sorted by code points, not by UTF-16 units.
    assertEquals(
        "{\n  \"a\": 0,\n  \"b\": 1,\n  \"\uE000\": 3,\n  \"\uD842\uDFB7\": 2\n}\n",
        Files.readString(saved.resolve("vocab.json")));
  }

  @Test
  void savingToAFileIsRefused() throws IOException {
    write("file", "");
    assertRefused("is a file", () -> english.savePretrained(temp.resolve("file")));
  }

  @Test
  void aVocabularyIsEnough() throws IOException {
    write("vocab.json", "{\"<pad>\": 0, \"<unk>\": 1, \"|\": 2, \"a\": 3}");
    Tokenizer tokenizer = Tokenizer.fromPretrained(temp);
    assertArrayEquals(new int[] {3, 2, 1}, tokenizer.encode("a b"));
    assertEquals(4, tokenizer.bosTokenId());
    assertEquals(5, tokenizer.eosTokenId());
    assertEquals(6, tokenizer.vocabularySize());
  }

  @Test
  void readsTheFilesOfOlderVersions() throws IOException {
    write("vocab.json", "{\"[UNK]\": 0, \"[PAD]\": 1, \"|\": 2, \"a\": 3}");
    write("tokenizer_config.json", "{\"unk_token\": \"[UNK]\", \"pad_token\": \"ignored\"}");
    write(
        "special_tokens_map.json",
        "{\"pad_token\": {\"content\": \"[PAD]\", \"lstrip\": false}, \"bos_token\": \"<s>\","
            + " \"eos_token\": null, \"additional_special_tokens\": [\"<s>\", \"<s>\","
            + " {\"content\": \"<x>\"}]}");
    write("added_tokens.json", "{\"<s>\": 4, \"<x>\": 5, \"hey\": 8}");
    Tokenizer tokenizer = Tokenizer.fromPretrained(temp);
    assertEquals(List.of("<s>", "[UNK]", "[PAD]", "<x>"), tokenizer.specialTokens());
    assertNull(tokenizer.eosToken());
    assertArrayEquals(new int[] {4, 3, 8, 2, 5, 1}, tokenizer.encode("<s>ahey <x>[PAD]"));
    assertEquals("ahey", tokenizer.decode(new int[] {4, 3, 8, 5}, skipSpecialTokens()));
  }

  @Test
  void anotherLanguageCanBeLoaded() {
    Tokenizer english = Tokenizer.fromPretrained(GOLDEN.resolve("nested"), "eng");
    assertArrayEquals(new int[] {7, 8, 0}, english.encode("g '"));
    assertRefused(
        "expected one of eng, mon, tur",
        () -> Tokenizer.fromPretrained(GOLDEN.resolve("nested"), "deu"));
    assertRefused("not nested", () -> Tokenizer.fromPretrained(GOLDEN.resolve("en"), "eng"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "vocab.json;{\"a\": 0;is not JSON",
        "vocab.json;{\"a\": 0} x;is not JSON",
        "vocab.json;[1];holds [1], expected a JSON object",
        "vocab.json;`` ;expected a JSON object",
        "vocab.json;{\"a\": \"0\"};a is \"0\", expected an id from 0",
        "vocab.json;{\"a\": 1.5};a is 1.5, expected an id",
        "vocab.json;{\"a\": -1};a is -1, expected an id",
        "vocab.json;{\"a\": 99999999999};a is 99999999999, expected an id",
        "vocab.json;{\"x\": {\"a\": 0}, \"y\": 1};y is 1, expected an object",
        "vocab.json;{\"x\": {\"a\": null}};x.a is null, expected an id",
        "vocab.json;{\"x\": {\"a\": 0}};there is no target language, expected one of x",
        "tokenizer_config.json;{\"a\";is not JSON",
        "tokenizer_config.json;{\"do_lower_case\": 1};do_lower_case is 1, expected true or false",
        "tokenizer_config.json;{\"unk_token\": 1};unk_token is 1, expected a token",
        "tokenizer_config.json;{\"unk_token\": {}};unk_token is {}, expected a token",
        "tokenizer_config.json;{\"padding_side\": \"up\"};padding_side is \"up\", expected left or",
        "tokenizer_config.json;{\"model_max_length\": -1};model_max_length is -1, expected a"
            + " number",
        "tokenizer_config.json;{\"replace_word_delimiter_char\": null};is null, expected a text",
        "tokenizer_config.json;{\"tokenizer_class\": \"Bert\"};expected Wav2Vec2CTCTokenizer",
        "tokenizer_config.json;{\"added_tokens_decoder\": 1};is 1, expected an object",
        "tokenizer_config.json;{\"added_tokens_decoder\": {\"4294967295\": {\"content\":"
            + " \"a\"}}};key",
        "tokenizer_config.json;{\"added_tokens_decoder\": {\"x\": {\"content\": \"a\"}}};key 'x'",
        "tokenizer_config.json;{\"added_tokens_decoder\": {\"1\": {\"content\": \"\"}}};a token",
        "tokenizer_config.json;{\"additional_special_tokens\": 1};is 1, expected a list",
        "special_tokens_map.json;{\"pad_token\": []};pad_token is [], expected a token",
        "added_tokens.json;{\"b\": true};b is true, expected an id",
      })
  void malformedFilesAreRefusedByName(String file, String content, String message)
      throws IOException {
    write("vocab.json", "{\"a\": 0}");
    write(file, content);
    Exception error =
        assertThrows(IllegalArgumentException.class, () -> Tokenizer.fromPretrained(temp));
    assertTrue(error.getMessage().startsWith(temp.resolve(file).toString()), error.getMessage());
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  @Test
  void whatIsNotThereIsRefusedByName() throws IOException {
    assertRefused(
        "there is no " + temp.resolve("vocab.json"), () -> Tokenizer.fromPretrained(temp));
    assertRefused("is not a directory", () -> Tokenizer.fromPretrained(temp.resolve("none")));
    Files.createDirectory(temp.resolve("vocab.json"));
    assertThrows(W2vBertException.class, () -> Tokenizer.fromPretrained(temp));
  }

  @Test
  void aMillionFramesAreDecoded() {
    int words = 100_000;
    int[] word = english.encode("do n't ");
    int[] ids = IntStream.range(0, words * word.length).map(i -> word[i % word.length]).toArray();
    DecodedText decoded = english.decodeWithOffsets(ids);
    assertEquals("don't ".repeat(words).stripTrailing(), decoded.text());
    assertEquals(2 * words, decoded.wordOffsets().size());
    assertEquals(new WordOffset("n't", 3, 6), decoded.wordOffsets().get(1));
    assertArrayEquals(ids, english.encode("do n't ".repeat(words)));
  }

  @Test
  void severalThreadsMayShareATokenizer() {
    String text = "the book off the shelf";
    List<Integer> results =
        IntStream.range(0, 2000)
            .parallel()
            .mapToObj(i -> Arrays.hashCode(english.encode(text)))
            .distinct()
            .toList();
    assertEquals(List.of(Arrays.hashCode(english.encode(text))), results);
  }

  private static DecodeOptions skipSpecialTokens() {
    return DecodeOptions.DEFAULT.withSkipSpecialTokens(true);
  }

  /** Ids in the order given. */
  private static Map<String, Integer> vocabulary(String... tokens) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (String token : tokens) {
      ids.put(token, ids.size());
    }
    return ids;
  }

  private static void assertRefused(String message, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  private void write(String file, String content) throws IOException {
    Files.writeString(temp.resolve(file), content);
  }
}
