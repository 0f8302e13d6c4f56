package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every recorded tokenizer call of the reference, through the public API. */
class TokenizerGoldenTest {
  private static final Path FOLDER = Golden.dir().resolve("tokenizer");
  private static final List<String> CASES =
      List.of("ar", "emoji_space_delim", "en", "mn", "nested", "phoneme", "tr", "tr_upper", "zh");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TestFactory
  List<DynamicNode> loadedTokenizerGivesTheRecordedResults() throws IOException {
    try (Stream<Path> folders = Files.list(Golden.group("tokenizer"))) {
      return folders
          .filter(folder -> Files.exists(folder.resolve("vocab.json")))
          .filter(folder -> !folder.endsWith("processor")) // see givesTheProcessorItsTexts
          .sorted()
          .map(folder -> calls(folder, Tokenizer.fromPretrained(folder)))
          .toList();
    }
  }

  @TestFactory
  Stream<DynamicNode> builtTokenizerGivesTheRecordedResults() {
    return CASES.stream().map(name -> calls(FOLDER.resolve(name), built(name)));
  }

  @TestFactory
  Stream<DynamicTest> describesItself() {
    return CASES.stream()
        .map(
            name ->
                dynamicTest(
                    name,
                    () -> {
                      JsonNode info = recorded(name).get("info");
                      assertDescribed(info, Tokenizer.fromPretrained(FOLDER.resolve(name)));
                      assertDescribed(info, built(name));
                    }));
  }

  @TestFactory
  Stream<DynamicTest> builtTokenizerSavesTheFilesOfTheReference(@TempDir Path temp) {
    return CASES.stream()
        .map(
            name ->
                dynamicTest(
                    name,
                    () -> {
                      built(name).savePretrained(temp.resolve(name));
                      assertSameFiles(FOLDER.resolve(name), temp.resolve(name));
                    }));
  }

  @Test
  void loadedTokenizerSavesTheFilesOfTheReferencesProcessor(@TempDir Path temp) throws IOException {
    Tokenizer.fromPretrained(FOLDER.resolve("en")).savePretrained(temp, "Wav2Vec2BertProcessor");
    assertSameFiles(FOLDER.resolve("processor"), temp);
  }

  @TestFactory
  Stream<DynamicTest> givesTheProcessorItsTexts() {
    Tokenizer tokenizer = Tokenizer.fromPretrained(FOLDER.resolve("processor"));
    EncodeOptions longest = EncodeOptions.DEFAULT.withPadding(EncodeOptions.Padding.LONGEST);
    return stream(recorded("processor").get("rows"))
        .filter(row -> Set.of("text", "pad_labels").contains(row.get("op").textValue()))
        .map(
            row ->
                dynamicTest(
                    row.get("op").textValue(),
                    () -> {
                      List<String> texts = texts(row.get("args"));
                      List<int[]> labels = texts.stream().map(tokenizer::encode).toList();
                      List<Encoding> encodings =
                          row.get("op").textValue().equals("text")
                              ? tokenizer.encodeBatch(texts, EncodeOptions.DEFAULT)
                              : tokenizer.pad(labels, longest);
                      assertEquals(row.get("expected"), json(encodings));
                    }));
  }

  @TestFactory
  Stream<DynamicTest> errorsAndOddVocabularies(@TempDir Path temp) {
    JsonNode vocabularies = recorded("errors").get("vocabs");
    Map<String, Integer> flat = vocabulary(vocabularies.get("flat"));
    Tokenizer tokenizer = Tokenizer.builder(flat).unkToken("[UNK]").padToken("[PAD]").build();
    Tokenizer gap = Tokenizer.builder(vocabulary(vocabularies.get("gap"))).build();
    return stream(recorded("errors").get("rows"))
        .map(
            row ->
                dynamicTest(
                    row.get("name").textValue(),
                    () -> {
                      JsonNode expected = row.get("expected");
                      switch (row.get("name").textValue()) {
                        case "missing vocab file" ->
                            assertRefused(
                                row,
                                temp.resolve("vocab.json").toString(),
                                () -> Tokenizer.fromPretrained(temp));
                        case "target_lang not in nested vocab" ->
                            assertRefused(
                                row,
                                "'z' does not exist, expected one of x, y",
                                () ->
                                    Tokenizer.nestedBuilder(languages(vocabularies.get("nested")))
                                        .targetLang("z")
                                        .build());
                        case "set_target_lang on a flat vocab" ->
                            assertRefused(row, "not nested", () -> tokenizer.withTargetLang("x"));
                        case "flat vocab, unk token not in it: added ids" ->
                            assertEquals(
                                vocabulary(expected), Tokenizer.builder(flat).build().vocabulary());
                        case "duplicate ids: decode 0" ->
                            assertEquals(
                                expected.textValue(),
                                Tokenizer.builder(vocabulary(vocabularies.get("duplicate")))
                                    .build()
                                    .decode(0));
                        case "gap in ids: added ids and len" -> {
                          assertEquals(vocabulary(expected.get(0)), gap.vocabulary());
                          assertEquals(expected.get(1).intValue(), gap.vocabularySize());
                          assertEquals(expected.get(2).intValue(), gap.baseVocabularySize());
                        }
                        case "gap in ids: decode an unused id" ->
                            assertEquals(expected.textValue(), gap.decode(0, 5, 7));
                        case "encode None" ->
                            assertRefused(
                                row, "text is null", () -> tokenizer.encode((String) null));
                        case "encode number" ->
                            assertTakesOnly("encode", Set.of(String.class, EncodeOptions.class));
                        case "encode pair" ->
                            assertEquals(expected, row(tokenizer, tokenizer.encodePair("a", "a")));
                        case "encode pre-split words" ->
                            assertEquals(
                                expected,
                                row(tokenizer, tokenizer.encodeWords(List.of("a", "aa"))));
                        case "decode a single int" ->
                            assertEquals(expected.textValue(), tokenizer.decode(0));
                        case "decode negative id" ->
                            assertEquals(expected.textValue(), tokenizer.decode(-1, 0));
                        case "decode nested list" ->
                            assertTakesOnly("decode", Set.of(int[].class, DecodeOptions.class));
                        case "word_delimiter_token None: encode" -> {
                          Tokenizer none =
                              Tokenizer.builder(flat)
                                  .unkToken("[UNK]")
                                  .padToken("[PAD]")
                                  .wordDelimiterToken(null)
                                  .build();
                          assertEquals(expected, row(none, none.encode("a a")));
                        }
                        case "char offsets, pad skipped" -> {
                          DecodedText decoded =
                              tokenizer.decodeWithOffsets(
                                  new int[] {0, 0, 3, 0},
                                  DecodeOptions.DEFAULT.withSkipSpecialTokens(true));
                          assertOffsets(expected, List.of(decoded), /* batch= */ false);
                        }
                        default -> throw new AssertionError("a row without a test");
                      }
                    }));
  }

  private static DynamicNode calls(Path folder, Tokenizer loaded) {
    Tokenizer[] tokenizer = {loaded}; // set_target_lang replaces it for the rows that follow
    List<DynamicTest> tests = new ArrayList<>();
    int number = 0;
    for (JsonNode row : Golden.json(folder.resolve("rows.json")).get("rows")) {
      String title =
          number++ + " " + row.get("op").textValue() + " " + row.get("args") + row.get("kwargs");
      tests.add(dynamicTest(title, () -> tokenizer[0] = call(tokenizer[0], row)));
    }
    assertFalse(tests.isEmpty());
    return dynamicContainer(folder.getFileName().toString(), tests);
  }

  private static Tokenizer call(Tokenizer tokenizer, JsonNode row) {
    JsonNode argument = row.get("args").path(0);
    JsonNode options = row.get("kwargs");
    JsonNode expected = row.get("expected");
    switch (row.get("op").textValue()) {
      case "tokenize" -> assertEquals(texts(expected), tokenizer.tokenize(argument.textValue()));
      case "encode" -> assertEncoded(tokenizer, argument, options, expected);
      case "decode" -> assertDecoded(tokenizer, row.get("args"), options, expected);
      case "batch_decode" -> assertDecoded(tokenizer, argument, options, expected);
      case "set_target_lang" -> {
        if (!row.has("raises")) {
          return tokenizer.withTargetLang(argument.textValue());
        }
        assertRefused(
            row,
            "'xxx' does not exist, expected one of eng, mon, tur",
            () -> tokenizer.withTargetLang(argument.textValue()));
      }
      case "special_ids" -> {
        assertEquals(expected.get("pad").intValue(), tokenizer.padTokenId());
        assertEquals(expected.get("unk").intValue(), tokenizer.unkTokenId());
        assertEquals(expected.get("delim").intValue(), tokenizer.wordDelimiterTokenId());
        assertEquals(expected.get("bos").intValue(), tokenizer.bosTokenId());
        assertEquals(expected.get("vocab_size").intValue(), tokenizer.baseVocabularySize());
        assertEquals(expected.get("len").intValue(), tokenizer.vocabularySize());
      }
      default -> throw new AssertionError("a call without a test");
    }
    return tokenizer;
  }

  private static void assertEncoded(
      Tokenizer tokenizer, JsonNode argument, JsonNode given, JsonNode expected) {
    EncodeOptions options = EncodeOptions.DEFAULT;
    boolean mask = true;
    for (Map.Entry<String, JsonNode> option : given.properties()) {
      JsonNode value = option.getValue();
      options =
          switch (option.getKey()) {
            case "padding" ->
                options.withPadding(
                    value.isTextual()
                        ? EncodeOptions.Padding.valueOf(value.textValue().toUpperCase(Locale.ROOT))
                        : EncodeOptions.Padding.LONGEST);
            case "max_length" -> options.withMaxLength(value.intValue());
            case "truncation" -> options.withTruncation(value.booleanValue());
            case "return_attention_mask" -> options;
            default -> throw new AssertionError(option.getKey());
          };
      mask &= !option.getKey().equals("return_attention_mask");
    }
    if (argument.isArray()) {
      assertEquals(expected, json(tokenizer.encodeBatch(texts(argument), options)));
    } else if (mask) {
      assertEquals(expected, json(tokenizer.encode(argument.textValue(), options)));
    } else {
      assertArrayEquals(ids(expected.get("input_ids")), tokenizer.encode(argument.textValue()));
    }
  }

  private static void assertDecoded(
      Tokenizer tokenizer, JsonNode rows, JsonNode given, JsonNode expected) {
    DecodeOptions options = DecodeOptions.DEFAULT;
    for (Map.Entry<String, JsonNode> option : given.properties()) {
      boolean value = option.getValue().booleanValue();
      options =
          switch (option.getKey()) {
            case "group_tokens" -> options.withGroupTokens(value);
            case "skip_special_tokens" -> options.withSkipSpecialTokens(value);
            case "spaces_between_special_tokens" -> options.withSpacesBetweenSpecialTokens(value);
            case "clean_up_tokenization_spaces" -> options.withCleanUpTokenizationSpaces(value);
            case "output_char_offsets", "output_word_offsets" -> options;
            default -> throw new AssertionError(option.getKey());
          };
    }
    int[][] ids = stream(rows).map(TokenizerGoldenTest::ids).toArray(int[][]::new);
    List<String> texts = tokenizer.batchDecode(ids, options);
    if (expected.isTextual()) {
      assertEquals(List.of(expected.textValue()), texts);
    } else if (expected.isArray()) {
      assertEquals(texts(expected), texts);
    } else {
      List<DecodedText> decoded = tokenizer.batchDecodeWithOffsets(ids, options);
      assertEquals(texts, decoded.stream().map(DecodedText::text).toList());
      assertOffsets(expected, decoded, expected.get("text").isArray());
    }
  }

  private static void assertOffsets(JsonNode expected, List<DecodedText> decoded, boolean batch) {
    for (Map.Entry<String, JsonNode> field : expected.properties()) {
      JsonNode actual =
          JSON.valueToTree(
              decoded.stream()
                  .map(
                      text ->
                          switch (field.getKey()) {
                            case "text" -> text.text();
                            case "char_offsets" -> characters(text.charOffsets());
                            case "word_offsets" -> words(text.wordOffsets());
                            default -> throw new AssertionError(field.getKey());
                          })
                  .toList());
      assertEquals(field.getValue(), batch ? actual : actual.get(0), field.getKey());
    }
  }

  private static List<Map<String, Object>> characters(List<CharOffset> offsets) {
    return offsets.stream()
        .map(o -> offset("char", o.character(), o.startOffset(), o.endOffset()))
        .toList();
  }

  private static List<Map<String, Object>> words(List<WordOffset> offsets) {
    return offsets.stream()
        .map(o -> offset("word", o.word(), o.startOffset(), o.endOffset()))
        .toList();
  }

  private static Map<String, Object> offset(String kind, String text, int start, int end) {
    return Map.of(kind, text, "start_offset", start, "end_offset", end);
  }

  private static void assertDescribed(JsonNode info, Tokenizer tokenizer) {
    assertEquals(info.get("vocab_size").intValue(), tokenizer.baseVocabularySize());
    assertEquals(info.get("len").intValue(), tokenizer.vocabularySize());
    assertEquals(vocabulary(info.get("get_vocab")), tokenizer.vocabulary());
    assertEquals(texts(info.get("all_special_tokens")), tokenizer.specialTokens());
    assertArrayEquals(
        ids(info.get("all_special_ids")),
        tokenizer.specialTokens().stream().mapToInt(tokenizer::tokenToId).toArray());
    JsonNode ids = info.get("ids");
    assertEquals(ids.get("pad_token").intValue(), tokenizer.padTokenId());
    assertEquals(ids.get("unk_token").intValue(), tokenizer.unkTokenId());
    assertEquals(ids.get("bos_token").intValue(), tokenizer.bosTokenId());
    assertEquals(ids.get("eos_token").intValue(), tokenizer.eosTokenId());
    assertEquals(ids.get("word_delimiter_token").intValue(), tokenizer.wordDelimiterTokenId());
    assertEquals(5, ids.size());
  }

  private static void assertSameFiles(Path expected, Path actual) throws IOException {
    int compared = 0;
    for (String file :
        List.of(
            "vocab.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json")) {
      assertEquals(Files.exists(expected.resolve(file)), Files.exists(actual.resolve(file)), file);
      if (Files.exists(expected.resolve(file))) {
        assertEquals(
            Files.readString(expected.resolve(file)), Files.readString(actual.resolve(file)), file);
        compared++;
      }
    }
    assertTrue(compared >= 3);
    try (Stream<Path> files = Files.list(actual)) {
      assertEquals(compared, files.count(), "no other file is left behind");
    }
  }

  private static void assertRefused(JsonNode row, String message, Runnable call) {
    assertTrue(row.has("raises"));
    Exception error = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  /** What the reference refuses at run time is refused by the compiler. */
  private static void assertTakesOnly(String method, Set<Class<?>> types) {
    Arrays.stream(Tokenizer.class.getMethods())
        .filter(m -> m.getName().equals(method))
        .forEach(m -> assertTrue(types.containsAll(List.of(m.getParameterTypes())), m.toString()));
  }

  /** The tokenizer that the reference recorded, by the arguments of its constructor. */
  private static Tokenizer built(String name) {
    JsonNode vocabulary = Golden.json(FOLDER.resolve(name).resolve("vocab.json"));
    Tokenizer.Builder builder =
        vocabulary.elements().next().isObject()
            ? Tokenizer.nestedBuilder(languages(vocabulary))
            : Tokenizer.builder(vocabulary(vocabulary));
    for (Map.Entry<String, JsonNode> field : recorded(name).get("constructor").properties()) {
      JsonNode value = field.getValue();
      switch (field.getKey()) {
        case "unk_token" -> builder.unkToken(value.textValue());
        case "pad_token" -> builder.padToken(value.textValue());
        case "word_delimiter_token" -> builder.wordDelimiterToken(value.textValue());
        case "replace_word_delimiter_char" -> builder.replaceWordDelimiterChar(value.textValue());
        case "do_lower_case" -> builder.doLowerCase(value.booleanValue());
        case "target_lang" -> builder.targetLang(value.textValue());
        default -> throw new AssertionError(field.getKey());
      }
    }
    return builder.build();
  }

  private static JsonNode recorded(String name) {
    return Golden.json(FOLDER.resolve(name).resolve("rows.json"));
  }

  private static JsonNode row(Tokenizer tokenizer, int[] ids) {
    return json(tokenizer.pad(List.of(ids), EncodeOptions.DEFAULT).get(0));
  }

  private static JsonNode json(Encoding encoding) {
    ObjectNode node = JSON.createObjectNode();
    node.set("input_ids", JSON.valueToTree(encoding.inputIds()));
    node.set("attention_mask", JSON.valueToTree(encoding.attentionMask()));
    return node;
  }

  private static JsonNode json(List<Encoding> encodings) {
    ObjectNode node = JSON.createObjectNode();
    for (String key : List.of("input_ids", "attention_mask")) {
      node.set(
          key,
          JSON.valueToTree(encodings.stream().map(row -> (Object) json(row).get(key)).toList()));
    }
    return node;
  }

  private static Stream<JsonNode> stream(JsonNode array) {
    List<JsonNode> nodes = new ArrayList<>();
    array.forEach(nodes::add);
    return nodes.stream();
  }

  private static List<String> texts(JsonNode array) {
    return stream(array).map(JsonNode::textValue).toList();
  }

  private static int[] ids(JsonNode array) {
    return stream(array).mapToInt(JsonNode::intValue).toArray();
  }

  private static Map<String, Integer> vocabulary(JsonNode object) {
    return JSON.convertValue(object, new TypeReference<LinkedHashMap<String, Integer>>() {});
  }

  private static Map<String, Map<String, Integer>> languages(JsonNode object) {
    return JSON.convertValue(
        object, new TypeReference<LinkedHashMap<String, Map<String, Integer>>>() {});
  }
}
