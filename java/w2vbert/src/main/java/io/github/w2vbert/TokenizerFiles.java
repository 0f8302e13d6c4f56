package io.github.w2vbert;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.internal.TextFile;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Reads and writes the four files of a tokenizer as the reference does. */
final class TokenizerFiles {
  private static final String VOCABULARY = "vocab.json";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String SPECIAL_TOKENS = "special_tokens_map.json";
  private static final String ADDED_TOKENS = "added_tokens.json";
  private static final String ADDED_TOKENS_DECODER = "added_tokens_decoder";
  private static final String ADDITIONAL_SPECIAL_TOKENS = "additional_special_tokens";
  private static final String TOKENIZER_CLASS = "Wav2Vec2CTCTokenizer";

  /** Classes whose files mean the same; the second is an old name. */
  private static final Set<String> KNOWN_CLASSES = Set.of(TOKENIZER_CLASS, "Wav2Vec2Tokenizer");

  /** Settings of where a tokenizer was loaded from; the reference does not write them back. */
  private static final List<String> NOT_KEPT =
      List.of(
          "vocab_file",
          "tokenizer_config_file",
          "tokenizer_file",
          "special_tokens_map_file",
          "name_or_path",
          "init_inputs");

  /** How the reference writes an unlimited length: the integer nearest to the double 1e30. */
  private static final BigInteger UNLIMITED = new BigInteger("1000000000000000019884624838656");

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private static final ObjectWriter WRITER = JSON.writer(printer());
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** By code points, where Java compares UTF-16 units. */
  private static final Comparator<String> BY_CODE_POINTS =
      (a, b) -> {
        int[] left = a.codePoints().toArray();
        int[] right = b.codePoints().toArray();
        return Arrays.compare(left, right);
      };

  private TokenizerFiles() {}

  /** Two spaces, line feeds, no space before a colon, on every system. */
  private static DefaultPrettyPrinter printer() {
    Separators separators =
        Separators.createDefaultInstance()
            .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
            .withObjectEmptySeparator("")
            .withArrayEmptySeparator("");
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    return new DefaultPrettyPrinter(separators)
        .withObjectIndenter(indenter)
        .withArrayIndenter(indenter);
  }

  static Tokenizer load(Path directory, String targetLang) {
    if (!Files.isDirectory(directory)) {
      throw new IllegalArgumentException(directory + " is not a directory");
    }
    Settings config = Settings.read(directory.resolve(CONFIG), /* required= */ false);
    String tokenizerClass = config.text("tokenizer_class", null);
    if (tokenizerClass != null && !KNOWN_CLASSES.contains(tokenizerClass)) {
      throw config.wrong("tokenizer_class", config.node.get("tokenizer_class"), TOKENIZER_CLASS);
    }
    Settings vocabulary = Settings.read(directory.resolve(VOCABULARY), /* required= */ true);
    Tokenizer.Builder builder = builder(vocabulary);
    builder.targetLang(targetLang != null ? targetLang : config.text("target_lang", null));
    builder.wordDelimiterToken(config.text("word_delimiter_token", "|"));
    String replacement = config.text("replace_word_delimiter_char", " ");
    if (replacement == null) {
      throw config.wrong("replace_word_delimiter_char", NODES.nullNode(), "a text");
    }
    builder.replaceWordDelimiterChar(replacement);
    builder.doLowerCase(config.flag("do_lower_case", false));
    builder.cleanUpTokenizationSpaces(config.flag("clean_up_tokenization_spaces", true));
    builder.splitSpecialTokens(config.flag("split_special_tokens", false));
    builder.padLeft(config.isLeft("padding_side"));
    builder.truncateLeft(config.isLeft("truncation_side"));
    builder.modelMaxLength(config.limit("model_max_length"));
    builder.otherSettings(config.node.deepCopy().without(NOT_KEPT));
    readTokens(directory, config, builder);
    try {
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(vocabulary.file + ": " + e.getMessage(), e);
    }
  }

  static void save(Tokenizer tokenizer, Path directory, String processorClass) {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      if (Files.exists(directory)) {
        throw new IllegalArgumentException(directory + " is a file, expected a directory", e);
      }
      throw new W2vBertException("cannot create directory " + directory, e);
    }
    write(directory.resolve(CONFIG), config(tokenizer, processorClass));
    write(directory.resolve(SPECIAL_TOKENS), specialTokens(tokenizer));
    ObjectNode added = NODES.objectNode();
    tokenizer
        .addedTokens()
        .forEach(
            (id, token) -> {
              if (id >= tokenizer.baseVocabularySize()) {
                added.put(token.content(), id);
              }
            });
    if (!added.isEmpty()) {
      write(directory.resolve(ADDED_TOKENS), sorted(added));
    }
    write(directory.resolve(VOCABULARY), sorted(JSON.valueToTree(tokenizer.savedVocabulary())));
  }

  private static Tokenizer.Builder builder(Settings vocabulary) {
    boolean nested = !vocabulary.node.isEmpty() && vocabulary.node.elements().next().isObject();
    if (!nested) {
      return Tokenizer.builder(ids(vocabulary));
    }
    Map<String, Map<String, Integer>> languages = new LinkedHashMap<>();
    for (String language : vocabulary.keys()) {
      languages.put(language, ids(vocabulary.nested(language)));
    }
    return Tokenizer.nestedBuilder(languages);
  }

  private static Map<String, Integer> ids(Settings vocabulary) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (String token : vocabulary.keys()) {
      ids.put(token, vocabulary.id(token));
    }
    return ids;
  }

  private static void readTokens(Path directory, Settings config, Tokenizer.Builder builder) {
    Settings older = new Settings(directory.resolve(SPECIAL_TOKENS), "", NODES.objectNode());
    Map<String, AddedToken> added = new HashMap<>();
    if (config.node.hasNonNull(ADDED_TOKENS_DECODER)) {
      Settings tokens = config.nested(ADDED_TOKENS_DECODER);
      for (String key : tokens.keys()) {
        AddedToken token = tokens.token(key, tokens.node.get(key));
        builder.addedToken(tokens.idInKey(key), token);
        added.put(token.content(), token);
      }
    } else {
      // Older versions keep special and added tokens apart from the settings.
      older = Settings.read(directory.resolve(SPECIAL_TOKENS), /* required= */ false);
    }

    Map<String, SpecialToken> roles = new LinkedHashMap<>();
    for (String role : Tokenizer.ROLES) {
      Settings settings = older.node.has(role) ? older : config;
      if (settings.node.has(role)) {
        roles.put(role, settings.specialToken(role, settings.node.get(role)));
      }
    }
    Map<String, SpecialToken> additional = new LinkedHashMap<>();
    for (Settings settings : List.of(config, older)) {
      for (JsonNode element : settings.list(ADDITIONAL_SPECIAL_TOKENS)) {
        SpecialToken token = settings.specialToken(ADDITIONAL_SPECIAL_TOKENS, element);
        if (token != null) {
          additional.putIfAbsent(token.content(), token);
        }
      }
    }

    if (!config.node.hasNonNull(ADDED_TOKENS_DECODER)) {
      Settings ids = Settings.read(directory.resolve(ADDED_TOKENS), /* required= */ false);
      for (String content : ids.keys()) {
        boolean special =
            additional.containsKey(content)
                || roles.values().stream().anyMatch(t -> t != null && t.content().equals(content));
        AddedToken token = new AddedToken(content, false, false, !special, false, special);
        builder.addedToken(ids.id(content), token);
        added.put(content, token);
      }
    }
    roles.forEach(
        (role, token) ->
            builder.role(
                role,
                token != null && added.containsKey(token.content())
                    ? SpecialToken.of(added.get(token.content()))
                    : token));
    additional.values().forEach(builder::additionalSpecialToken);
  }

  private static ObjectNode config(Tokenizer tokenizer, String processorClass) {
    ObjectNode config = tokenizer.otherSettings().deepCopy();
    if (!config.hasNonNull("model_max_length")) {
      config.put("model_max_length", UNLIMITED);
    }
    config.put("clean_up_tokenization_spaces", tokenizer.cleanUpTokenizationSpaces());
    config.put("do_lower_case", tokenizer.doLowerCase());
    config.put("replace_word_delimiter_char", tokenizer.replaceWordDelimiterChar());
    config.put("target_lang", tokenizer.targetLang());
    config.put("tokenizer_class", TOKENIZER_CLASS);
    config.put("word_delimiter_token", tokenizer.wordDelimiterToken());
    config.put(Tokenizer.BOS_TOKEN, tokenizer.bosToken());
    config.put(Tokenizer.EOS_TOKEN, tokenizer.eosToken());
    config.put(Tokenizer.PAD_TOKEN, tokenizer.padToken());
    config.put(Tokenizer.UNK_TOKEN, tokenizer.unkToken());
    tokenizer.roles().forEach((role, token) -> config.put(role, token.content()));
    if (!tokenizer.additionalSpecialTokens().isEmpty()) {
      ArrayNode additional = config.putArray(ADDITIONAL_SPECIAL_TOKENS);
      tokenizer.additionalSpecialTokens().forEach(token -> additional.add(token.content()));
    }
    if (processorClass != null) {
      config.put("processor_class", processorClass);
    }
    ObjectNode added = config.putObject(ADDED_TOKENS_DECODER);
    ObjectNode sorted = sorted(config);
    tokenizer
        .addedTokens()
        .forEach(
            (id, token) ->
                added.set(id.toString(), attributes(token).put("special", token.special())));
    sorted.set(ADDED_TOKENS_DECODER, added); // in its place, but by number
    return sorted;
  }

  private static ObjectNode specialTokens(Tokenizer tokenizer) {
    ObjectNode tokens = NODES.objectNode();
    tokenizer.roles().forEach((role, token) -> tokens.set(role, json(token)));
    if (!tokenizer.additionalSpecialTokens().isEmpty()) {
      ArrayNode additional = tokens.putArray(ADDITIONAL_SPECIAL_TOKENS);
      tokenizer.additionalSpecialTokens().forEach(token -> additional.add(json(token)));
    }
    return sorted(tokens);
  }

  private static JsonNode json(SpecialToken token) {
    return token.attributes() == null
        ? NODES.textNode(token.content())
        : attributes(token.attributes());
  }

  private static ObjectNode attributes(AddedToken token) {
    return NODES
        .objectNode()
        .put("content", token.content())
        .put("lstrip", token.lstrip())
        .put("normalized", token.normalized())
        .put("rstrip", token.rstrip())
        .put("single_word", token.singleWord());
  }

  private static ObjectNode sorted(JsonNode object) {
    Map<String, JsonNode> fields = new TreeMap<>(BY_CODE_POINTS);
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      JsonNode value = field.getValue();
      fields.put(field.getKey(), value.isObject() ? sorted(value) : value);
    }
    return NODES.objectNode().setAll(fields);
  }

  private static void write(Path file, ObjectNode node) {
    String text;
    try {
      text = WRITER.writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new W2vBertException("cannot write " + file + ": " + e.getMessage(), e);
    }
    TextFile.write(file, text);
  }

  /**
   * An object of a file, with errors that name the file, the key and what was expected.
   *
   * @param path keys that lead to the object, each followed by a dot
   */
  private record Settings(Path file, String path, ObjectNode node) {
    /** A file that is not there is empty, unless it is required. */
    static Settings read(Path file, boolean required) {
      JsonNode node;
      try {
        node = JSON.readTree(Files.readAllBytes(file));
      } catch (NoSuchFileException e) {
        if (required) {
          throw new IllegalArgumentException("there is no " + file, e);
        }
        node = NODES.objectNode();
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException(
            file
                + " is not JSON: "
                + e.getOriginalMessage()
                + " (line "
                + e.getLocation().getLineNr()
                + ", column "
                + e.getLocation().getColumnNr()
                + ")",
            e);
      } catch (IOException e) {
        throw new W2vBertException("cannot read " + file, e);
      }
      if (!(node instanceof ObjectNode object)) {
        throw new IllegalArgumentException(
            file + " holds " + shown(node) + ", expected a JSON object");
      }
      return new Settings(file, "", object);
    }

    List<String> keys() {
      List<String> keys = new ArrayList<>(node.size());
      node.fieldNames().forEachRemaining(keys::add);
      return keys;
    }

    Settings nested(String key) {
      if (!(node.get(key) instanceof ObjectNode object)) {
        throw wrong(key, node.get(key), "an object");
      }
      return new Settings(file, path + key + ".", object);
    }

    Iterable<JsonNode> list(String key) {
      JsonNode value = node.path(key);
      if (!value.isArray() && !value.isMissingNode() && !value.isNull()) {
        throw wrong(key, value, "a list");
      }
      return value;
    }

    /** A text or null, or the content of a token. */
    String text(String key, String defaultValue) {
      if (!node.has(key)) {
        return defaultValue;
      }
      SpecialToken token = specialToken(key, node.get(key));
      return token == null ? null : token.content();
    }

    boolean flag(String key, boolean defaultValue) {
      JsonNode value = node.path(key);
      if (value.isMissingNode() || value.isNull()) {
        return defaultValue;
      }
      if (!value.isBoolean()) {
        throw wrong(key, value, "true or false");
      }
      return value.booleanValue();
    }

    boolean isLeft(String key) {
      String side = text(key, "right");
      if (!"left".equals(side) && !"right".equals(side)) {
        throw wrong(key, node.get(key), "left or right");
      }
      return side.equals("left");
    }

    /** A length; null where there is none or it is beyond all lengths. */
    Integer limit(String key) {
      JsonNode value = node.path(key);
      if (value.isMissingNode() || value.isNull()) {
        return null;
      }
      if (!value.isNumber() || value.doubleValue() < 0) {
        throw wrong(key, value, "a number from 0");
      }
      return value.doubleValue() > Integer.MAX_VALUE ? null : value.intValue();
    }

    int id(String token) {
      JsonNode value = node.get(token);
      if (!value.isInt() || value.intValue() < 0) {
        throw wrong(token, value, "an id from 0");
      }
      return value.intValue();
    }

    int idInKey(String key) {
      if (!key.matches("[0-9]{1,9}")) {
        throw new IllegalArgumentException(
            file + ": " + path + " has the key '" + key + "', expected an id from 0");
      }
      return Integer.parseInt(key);
    }

    SpecialToken specialToken(String key, JsonNode value) {
      if (value.isNull()) {
        return null;
      }
      return value.isTextual()
          ? SpecialToken.text(value.textValue())
          : SpecialToken.of(token(key, value).asSpecial());
    }

    AddedToken token(String key, JsonNode value) {
      if (!value.path("content").isTextual() || value.get("content").textValue().isEmpty()) {
        throw wrong(key, value, "a token");
      }
      boolean special = value.path("special").booleanValue();
      return new AddedToken(
          value.get("content").textValue(),
          value.path("lstrip").booleanValue(),
          value.path("rstrip").booleanValue(),
          value.path("normalized").asBoolean(!special),
          value.path("single_word").booleanValue(),
          special);
    }

    IllegalArgumentException wrong(String key, JsonNode value, String expected) {
      return new IllegalArgumentException(
          file + ": " + path + key + " is " + shown(value) + ", expected " + expected);
    }

    /** At most the beginning of a value. */
    private static String shown(JsonNode value) {
      String text = String.valueOf(value);
      return text.length() <= 80 ? text : text.substring(0, 80) + " ...";
    }
  }
}
