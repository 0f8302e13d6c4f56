package io.github.w2vbert;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.hub.HubClient;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Turns text into ids for training and the ids of CTC into text; equals the reference's {@code
 * Wav2Vec2CTCTokenizer}.
 *
 * <pre>{@code
 * Tokenizer tokenizer = Tokenizer.fromPretrained(Path.of("my-model"));
 * int[] labels = tokenizer.encode("hello world");
 * String text = tokenizer.decode(idsPerFrame); // equal neighbours melt, then blanks go
 * for (WordOffset word : tokenizer.decodeWithOffsets(idsPerFrame).wordOffsets()) {
 *   System.out.println(word);
 * }
 * }</pre>
 *
 * <p>A character is a Unicode code point. The padding token is the blank of CTC. Ids that are in no
 * vocabulary decode to the unknown token. Instances never change: any number of threads may share
 * one. All methods take time linear in their input.
 */
public final class Tokenizer {
  static final String UNK_TOKEN = "unk_token";
  static final String BOS_TOKEN = "bos_token";
  static final String EOS_TOKEN = "eos_token";
  static final String PAD_TOKEN = "pad_token";

  /** Roles of special tokens, in the order in which the reference adds them. */
  static final List<String> ROLES =
      List.of(BOS_TOKEN, EOS_TOKEN, UNK_TOKEN, "sep_token", PAD_TOKEN, "cls_token", "mask_token");

  // Without a word delimiter the reference puts the text of Python's None in the place of a space.
  private static final String MISSING_DELIMITER = "None";

  // In this order, as one replacement may make room for the next.
  private static final String[][] CLEAN_UPS = {
    {" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };

  private final Builder settings; // our own copy, never changed

  private final Map<String, Integer> base; // the vocabulary in use
  private final Map<Integer, String> tokens; // of several with one id the last, added ones first
  private final Map<Integer, AddedToken> added;
  // May hold tokens of another language that `added` has no id for any more, see withTargetLang.
  private final Map<String, Integer> addedIds;

  private final int baseSize;
  private final TokenTrie trie;
  private final String unkToken; // null: none
  private final String padToken; // null: none
  private final String delimiter;
  private final Set<String> specialTokens;
  private final Set<Integer> specialIds;
  private final List<String> keepCase;

  /**
   * @param previous the same tokenizer with another language, or null
   */
  private Tokenizer(Builder builder, Tokenizer previous) {
    settings = new Builder(builder);
    base = settings.languages == null ? settings.flat : settings.languages.get(settings.targetLang);
    added = new LinkedHashMap<>(previous == null ? settings.added : previous.added);
    addedIds = new LinkedHashMap<>();
    if (previous == null) {
      added.forEach((id, token) -> addedIds.put(token.content(), id));
    } else {
      addedIds.putAll(previous.addedIds);
    }
    List<SpecialToken> specials = distinctSpecialTokens();
    for (SpecialToken special : specials) {
      // A token with attributes replaces its like from the files; plain text does not.
      boolean known = addedIds.containsKey(special.content());
      if (previous == null && (special.attributes() != null || !known)) {
        add(special.toAddedToken());
      }
    }
    for (String token : base.keySet()) {
      if (token.codePointCount(0, token.length()) > 1) {
        add(AddedToken.vocabularyEntry(token));
      }
    }

    tokens = new HashMap<>();
    base.forEach((token, id) -> tokens.put(id, token));
    baseSize = tokens.size();
    added.forEach((id, token) -> tokens.put(id, token.content()));
    trie = TokenTrie.of(addedIds.keySet());
    unkToken = tokenOf(UNK_TOKEN);
    padToken = tokenOf(PAD_TOKEN);
    delimiter =
        settings.wordDelimiterToken == null ? MISSING_DELIMITER : settings.wordDelimiterToken;
    specialTokens = new LinkedHashSet<>();
    specialIds = new LinkedHashSet<>();
    for (SpecialToken special : specials) {
      specialTokens.add(special.content());
      specialIds.add(tokenToId(special.content()));
    }
    keepCase = new ArrayList<>(specialTokens);
    for (AddedToken token : added.values()) {
      if (!token.special() && token.normalized()) {
        keepCase.add(token.content());
      }
    }
  }

  /**
   * Loads {@code vocab.json} and, where present, {@code tokenizer_config.json}, {@code
   * special_tokens_map.json} and {@code added_tokens.json}. As in the reference, the last two count
   * only if the second has no {@code added_tokens_decoder}.
   *
   * @throws IllegalArgumentException if there is no vocabulary, or a file is not what it should be
   * @throws W2vBertException if a file cannot be read
   */
  public static Tokenizer fromPretrained(Path directory) {
    return TokenizerFiles.load(requireGiven("directory", directory), null);
  }

  /** As {@link #fromPretrained(Path)}, with another language of a nested vocabulary. */
  public static Tokenizer fromPretrained(Path directory, String targetLang) {
    return TokenizerFiles.load(
        requireGiven("directory", directory), requireGiven("targetLang", targetLang));
  }

  /**
   * The same in a checkpoint folder given as text, or in a checkpoint of the Hugging Face hub,
   * whose small files are downloaded unless they are in the hub's cache (see {@link
   * io.github.w2vbert.hub}).
   *
   * @param folderOrRepository an existing folder, or a repository of the hub as {@code org/name} or
   *     {@code org/name@revision}
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}, or if there is neither such
   *     a folder nor such a repository
   * @throws W2vBertException also if it cannot be downloaded
   */
  public static Tokenizer fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolveWithoutWeights(folderOrRepository));
  }

  /** As {@link #fromPretrained(String)}, with another language of a nested vocabulary. */
  public static Tokenizer fromPretrained(String folderOrRepository, String targetLang) {
    return fromPretrained(new HubClient().resolveWithoutWeights(folderOrRepository), targetLang);
  }

  /** Begins a tokenizer with one vocabulary, from token to id. */
  public static Builder builder(Map<String, Integer> vocabulary) {
    return new Builder(checkedVocabulary("vocabulary", vocabulary), null);
  }

  /** Begins a tokenizer with one vocabulary per language; it needs a target language. */
  public static Builder nestedBuilder(Map<String, Map<String, Integer>> vocabularies) {
    Map<String, Map<String, Integer>> copy = new LinkedHashMap<>();
    requireGiven("vocabularies", vocabularies)
        .forEach(
            (language, vocabulary) ->
                copy.put(
                    requireGiven("a language", language),
                    checkedVocabulary("vocabulary of " + language, vocabulary)));
    return new Builder(null, Collections.unmodifiableMap(copy));
  }

  /**
   * Writes the files that {@link #fromPretrained(Path)} reads, in the reference's format. Each is
   * written under another name first, so that no reader sees half a file.
   *
   * @throws IllegalArgumentException if the path is a file
   * @throws W2vBertException if a file cannot be written
   */
  public void savePretrained(Path directory) {
    TokenizerFiles.save(this, requireGiven("directory", directory), null);
  }

  /** As {@link #savePretrained(Path)}, as the part of a processor. */
  void savePretrained(Path directory, String processorClass) {
    TokenizerFiles.save(this, requireGiven("directory", directory), processorClass);
  }

  /**
   * Returns this tokenizer with another language of its nested vocabulary. As in the reference,
   * tokens of more than one character keep the ids they had, so the padding id does not change.
   *
   * @throws IllegalArgumentException if the vocabulary is not nested or has no such language
   */
  public Tokenizer withTargetLang(String targetLang) {
    requireGiven("targetLang", targetLang);
    Builder builder = new Builder(settings).targetLang(targetLang);
    builder.checkTargetLang();
    return new Tokenizer(builder, this);
  }

  /** Splits a text into added tokens and code points; spaces become the word delimiter. */
  public List<String> tokenize(String text) {
    requireGiven("text", text);
    if (settings.doLowerCase) {
      text = lowerOutsideTokens(text);
    }
    List<String> tokens = new ArrayList<>(text.length());
    if (settings.splitSpecialTokens) {
      addCharacters(text, tokens);
      return tokens;
    }
    List<String> pieces = trie.split(text);
    stripAroundTokens(pieces);
    for (String piece : pieces) {
      if (addedIds.containsKey(piece)) {
        tokens.add(piece);
      } else {
        addCharacters(piece, tokens);
      }
    }
    return tokens;
  }

  /**
   * Returns the ids of the tokens of a text.
   *
   * @throws IllegalArgumentException if a character is not in the vocabulary and neither is the
   *     unknown token
   */
  public int[] encode(String text) {
    return toIds(tokenize(text));
  }

  /** As {@link #encode(String)}, cut and padded, with its mask. */
  public Encoding encode(String text, EncodeOptions options) {
    return encodeBatch(Collections.singletonList(text), options).get(0);
  }

  /** Encodes each text; rows are as long as the options say. */
  public List<Encoding> encodeBatch(List<String> texts, EncodeOptions options) {
    requireGiven("texts", texts);
    List<int[]> rows = new ArrayList<>(texts.size());
    for (String text : texts) {
      rows.add(encode(text));
    }
    return pad(rows, options);
  }

  /** Encodes one text after the other into one row. */
  public int[] encodePair(String first, String second) {
    List<String> tokens = tokenize(first);
    tokens.addAll(tokenize(second));
    return toIds(tokens);
  }

  /** Encodes words that are already separated: each, the first too, begins with a space. */
  public int[] encodeWords(List<String> words) {
    List<String> tokens = new ArrayList<>();
    for (String word : requireGiven("words", words)) {
      tokens.addAll(tokenize(" " + requireGiven("a word", word)));
    }
    return toIds(tokens);
  }

  /**
   * Cuts and pads rows of ids, with the padding token.
   *
   * @throws IllegalStateException if padding is asked for and there is no padding token
   */
  public List<Encoding> pad(List<int[]> rows, EncodeOptions options) {
    requireGiven("rows", rows);
    requireGiven("options", options);
    Integer maxLength = options.maxLength() == null ? settings.modelMaxLength : options.maxLength();
    List<int[]> cut = new ArrayList<>(rows.size());
    int longest = 0;
    for (int[] row : rows) {
      requireGiven("a row", row);
      boolean tooLong = options.truncation() && maxLength != null && row.length > maxLength;
      cut.add(tooLong ? truncated(row, maxLength) : row);
      longest = Math.max(longest, cut.get(cut.size() - 1).length);
    }
    int length =
        switch (options.padding()) {
          case NONE -> 0;
          case LONGEST -> roundedUp(longest, options.padToMultipleOf());
          case MAX_LENGTH ->
              maxLength == null ? 0 : roundedUp(maxLength, options.padToMultipleOf());
        };
    int padId = options.padding() == EncodeOptions.Padding.NONE ? 0 : padTokenId();
    List<Encoding> padded = new ArrayList<>(rows.size());
    for (int[] row : cut) {
      padded.add(padded(row, Math.max(length, row.length), padId));
    }
    return padded;
  }

  /** Returns the text of ids, one per frame: grouped, without blanks, cleaned up as configured. */
  public String decode(int... ids) {
    return decode(ids, DecodeOptions.DEFAULT);
  }

  /**
   * Returns the text of ids.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary and there is no unknown
   *     token
   */
  public String decode(int[] ids, DecodeOptions options) {
    return finished(collapse(ids, options, null), options);
  }

  /** As {@link #decode(int...)}, with the frames of characters and words. */
  public DecodedText decodeWithOffsets(int... ids) {
    return decodeWithOffsets(ids, DecodeOptions.DEFAULT);
  }

  /** As {@link #decode(int[], DecodeOptions)}, with the frames of characters and words. */
  public DecodedText decodeWithOffsets(int[] ids, DecodeOptions options) {
    List<CharOffset> characters = new ArrayList<>();
    String text = finished(collapse(ids, options, characters), options);
    return new DecodedText(text, characters, words(characters));
  }

  /** Decodes each row. */
  public List<String> batchDecode(int[][] rows) {
    return batchDecode(rows, DecodeOptions.DEFAULT);
  }

  /** Decodes each row. */
  public List<String> batchDecode(int[][] rows, DecodeOptions options) {
    return Arrays.stream(requireGiven("rows", rows)).map(row -> decode(row, options)).toList();
  }

  /** Decodes each row, with the frames of characters and words. */
  public List<DecodedText> batchDecodeWithOffsets(int[][] rows, DecodeOptions options) {
    return Arrays.stream(requireGiven("rows", rows))
        .map(row -> decodeWithOffsets(row, options))
        .toList();
  }

  /** Returns all tokens with their ids: the vocabulary in use, and added tokens. */
  public Map<String, Integer> vocabulary() {
    return Collections.unmodifiableMap(currentVocabulary());
  }

  /** Returns the number of tokens with the added ones: the output width of a matching model. */
  public int vocabularySize() {
    return currentVocabulary().size();
  }

  /** Returns the number of ids in the vocabulary in use, without added tokens. */
  public int baseVocabularySize() {
    return baseSize;
  }

  /**
   * Returns the id of a token, or of the unknown token.
   *
   * @throws IllegalArgumentException if the vocabulary has neither
   */
  public int tokenToId(String token) {
    Integer id = addedIds.get(requireGiven("token", token));
    if (id == null) {
      id = base.get(token);
    }
    if (id == null && unkToken != null) {
      id = base.get(unkToken);
    }
    if (id == null) {
      throw new IllegalArgumentException(
          "'"
              + token
              + "' is not in the vocabulary of "
              + base.size()
              + " tokens, expected one of them, as "
              + (unkToken == null
                  ? "there is no unknown token"
                  : "the unknown token " + unkToken + " is not in it either"));
    }
    return id;
  }

  /**
   * Returns the token of an id, or the unknown token.
   *
   * @throws IllegalArgumentException if the id is unknown and there is no unknown token
   */
  public String idToToken(int id) {
    String token = tokens.getOrDefault(id, unkToken);
    if (token == null) {
      throw new IllegalArgumentException(
          "id "
              + id
              + " is not in the vocabulary of "
              + base.size()
              + " tokens, expected one of them, as there is no unknown token");
    }
    return token;
  }

  /** Returns the special tokens: begin, end, unknown, padding, and any others. */
  public List<String> specialTokens() {
    return List.copyOf(specialTokens);
  }

  /** Returns the padding token, which is the blank of CTC, or null. */
  public String padToken() {
    return padToken;
  }

  /** Returns the unknown token or null. */
  public String unkToken() {
    return unkToken;
  }

  /** Returns the token for the beginning of a text or null. */
  public String bosToken() {
    return tokenOf(BOS_TOKEN);
  }

  /** Returns the token for the end of a text or null. */
  public String eosToken() {
    return tokenOf(EOS_TOKEN);
  }

  /** Returns the token that stands for a space, or null. */
  public String wordDelimiterToken() {
    return settings.wordDelimiterToken;
  }

  /**
   * Returns the id of the padding token, which is the blank of CTC.
   *
   * @throws IllegalStateException if there is none
   */
  public int padTokenId() {
    return idOf("padding", padToken);
  }

  /**
   * Returns the id of the unknown token.
   *
   * @throws IllegalStateException if there is none
   */
  public int unkTokenId() {
    return idOf("unknown", unkToken);
  }

  /**
   * Returns the id of the token for the beginning of a text.
   *
   * @throws IllegalStateException if there is none
   */
  public int bosTokenId() {
    return idOf("begin", bosToken());
  }

  /**
   * Returns the id of the token for the end of a text.
   *
   * @throws IllegalStateException if there is none
   */
  public int eosTokenId() {
    return idOf("end", eosToken());
  }

  /**
   * Returns the id of the token that stands for a space.
   *
   * @throws IllegalStateException if there is none
   */
  public int wordDelimiterTokenId() {
    return idOf("word delimiter", settings.wordDelimiterToken);
  }

  /** Returns what stands for the word delimiter in decoded text. */
  public String replaceWordDelimiterChar() {
    return settings.replaceWordDelimiterChar;
  }

  /** Returns whether the vocabulary is upper case and texts are lower case. */
  public boolean doLowerCase() {
    return settings.doLowerCase;
  }

  /** Returns whether decoding cleans up spaces unless its options say otherwise. */
  public boolean cleanUpTokenizationSpaces() {
    return settings.cleanUpTokenizationSpaces;
  }

  /** Returns the language in use, or null if the vocabulary is not nested. */
  public String targetLang() {
    return settings.targetLang;
  }

  /** Returns the languages of a nested vocabulary; empty if it is not nested. */
  public Set<String> languages() {
    return settings.languages == null ? Set.of() : settings.languages.keySet();
  }

  /** Returns the vocabulary without added tokens as it is saved, one or one per language. */
  Map<String, ?> savedVocabulary() {
    return settings.languages == null ? settings.flat : settings.languages;
  }

  Map<Integer, AddedToken> addedTokens() {
    return new TreeMap<>(added);
  }

  Map<String, SpecialToken> roles() {
    return settings.roles;
  }

  List<SpecialToken> additionalSpecialTokens() {
    return settings.additional;
  }

  ObjectNode otherSettings() {
    return settings.otherSettings;
  }

  private static Map<String, Integer> checkedVocabulary(
      String name, Map<String, Integer> vocabulary) {
    Map<String, Integer> copy = new LinkedHashMap<>(requireGiven(name, vocabulary));
    copy.forEach(
        (token, id) -> {
          if (token == null || id == null || id < 0) {
            throw new IllegalArgumentException(
                name + ": '" + token + "' has id " + id + ", expected a number from 0");
          }
        });
    return Collections.unmodifiableMap(copy);
  }

  private static <T> T requireGiven(String name, T value) {
    if (value == null) {
      throw new IllegalArgumentException(name + " is null");
    }
    return value;
  }

  private String tokenOf(String role) {
    SpecialToken token = settings.roles.get(role);
    return token == null ? null : token.content();
  }

  private int idOf(String role, String token) {
    if (token == null) {
      throw new IllegalStateException("this tokenizer has no " + role + " token");
    }
    return tokenToId(token);
  }

  private List<SpecialToken> distinctSpecialTokens() {
    List<SpecialToken> all = new ArrayList<>(settings.roles.values());
    all.addAll(settings.additional);
    Set<String> seen = new HashSet<>();
    all.removeIf(token -> token.content().isEmpty() || !seen.add(token.content()));
    return all;
  }

  private Map<String, Integer> currentVocabulary() {
    Map<String, Integer> all = new LinkedHashMap<>(base);
    added.forEach((id, token) -> all.put(token.content(), id));
    return all;
  }

  /** Adds a token under its id or, if it is new, under the number of tokens: taken or not. */
  private void add(AddedToken token) {
    if (token.content().isEmpty()) {
      return;
    }
    Integer id = addedIds.get(token.content());
    AddedToken atId = id == null ? null : added.get(id);
    if (atId == null || !atId.content().equals(token.content())) {
      id = base.get(token.content());
    }
    if (id == null) {
      id = currentVocabulary().size();
    }
    added.put(id, token);
    addedIds.put(token.content(), id);
  }

  /** Lower-cases each code point outside of special tokens. Line feeds have no case anyway. */
  private String lowerOutsideTokens(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int start = i;
      int end = -1;
      for (String token : keepCase) {
        if (text.startsWith(token, start)) {
          end = start + token.length();
          break;
        }
      }
      if (end >= 0) {
        lower.append(text, start, end);
        i = end;
      } else {
        i += Character.charCount(text.codePointAt(i));
        lower.append(PythonText.lower(text.substring(start, i)));
      }
    }
    return lower.toString();
  }

  private void stripAroundTokens(List<String> pieces) {
    for (int i = 0; i < pieces.size(); i++) {
      String piece = pieces.get(i);
      AddedToken token = addedIds.containsKey(piece) ? added.get(addedIds.get(piece)) : null;
      if (token == null) {
        continue;
      }
      String left = i > 0 ? pieces.get(i - 1) : "";
      String right = i + 1 < pieces.size() ? pieces.get(i + 1) : "";
      if (token.rstrip() && !right.isEmpty()) {
        pieces.set(i + 1, PythonText.stripLeft(right));
      }
      if (token.lstrip() && !left.isEmpty()) {
        pieces.set(i - 1, PythonText.stripRight(left));
      }
      // Inside a word it is no token, but text of the piece before or after it.
      if (token.singleWord() && !left.isEmpty() && !left.endsWith(" ")) {
        pieces.set(i - 1, pieces.get(i - 1) + piece);
        pieces.set(i, "");
      } else if (token.singleWord() && !right.isEmpty() && !right.startsWith(" ")) {
        pieces.set(i + 1, piece + pieces.get(i + 1));
        pieces.set(i, "");
      }
    }
  }

  private void addCharacters(String piece, List<String> tokens) {
    String text = settings.doLowerCase ? PythonText.upper(piece) : piece;
    text = text.replace(" ", delimiter);
    for (int i = 0; i < text.length(); ) {
      int end = i + Character.charCount(text.codePointAt(i));
      tokens.add(text.substring(i, end));
      i = end;
    }
  }

  private int[] toIds(List<String> tokens) {
    int[] ids = new int[tokens.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokenToId(tokens.get(i));
    }
    return ids;
  }

  private int[] truncated(int[] row, int length) {
    int start = settings.truncateLeft ? row.length - length : 0;
    return Arrays.copyOfRange(row, start, start + length);
  }

  private static int roundedUp(int length, Integer multiple) {
    int excess = multiple == null ? 0 : length % multiple;
    return excess == 0 ? length : Math.addExact(length, multiple - excess);
  }

  private Encoding padded(int[] row, int length, int padId) {
    int start = settings.padLeft ? length - row.length : 0;
    int[] ids = new int[length];
    Arrays.fill(ids, padId);
    System.arraycopy(row, 0, ids, start, row.length);
    int[] mask = new int[length];
    Arrays.fill(mask, start, start + row.length, 1);
    return new Encoding(ids, mask);
  }

  /** Joins the tokens of ids without blanks; fills {@code characters} unless it is null. */
  private String collapse(int[] ids, DecodeOptions options, List<CharOffset> characters) {
    requireGiven("ids", ids);
    requireGiven("options", options);
    StringBuilder text = new StringBuilder(ids.length);
    boolean joined = false;
    String run = null;
    int start = 0;
    int frame = 0;
    for (int i = 0; i <= ids.length; i++) {
      String token = null;
      if (i < ids.length) {
        token = idToToken(ids[i]);
        if (options.skipSpecialTokens() && isSkipped(ids[i], token)) {
          continue;
        }
        if (options.groupTokens() && token.equals(run)) {
          frame++;
          continue;
        }
      }
      if (run != null && !run.equals(padToken)) {
        String shown = run.equals(delimiter) ? settings.replaceWordDelimiterChar : run;
        if (joined && options.spacesBetweenSpecialTokens()) {
          text.append(' ');
        }
        text.append(shown);
        joined = true;
        if (characters != null) {
          characters.add(new CharOffset(shown, start, frame));
        }
      }
      run = token;
      start = frame++;
    }
    return text.toString();
  }

  // The padding token under an id that is not its own stays, and is a blank.
  private boolean isSkipped(int id, String token) {
    return specialIds.contains(id) || (!token.equals(padToken) && specialTokens.contains(token));
  }

  private String finished(String text, DecodeOptions options) {
    text = PythonText.strip(text);
    if (settings.doLowerCase) {
      text = PythonText.lower(text);
    }
    boolean cleanUp =
        options.cleanUpTokenizationSpaces() == null
            ? settings.cleanUpTokenizationSpaces
            : options.cleanUpTokenizationSpaces();
    if (cleanUp) {
      for (String[] cleanUpRule : CLEAN_UPS) {
        text = text.replace(cleanUpRule[0], cleanUpRule[1]);
      }
    }
    return text;
  }

  private List<WordOffset> words(List<CharOffset> characters) {
    List<WordOffset> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    int start = 0;
    int end = 0;
    boolean inWord = false;
    for (CharOffset character : characters) {
      if (character.character().equals(settings.replaceWordDelimiterChar)) {
        if (inWord) {
          words.add(new WordOffset(word.toString(), start, end));
          word.setLength(0);
        }
        inWord = false;
        continue;
      }
      if (!inWord) {
        start = character.startOffset();
      }
      inWord = true;
      end = character.endOffset();
      word.append(character.character());
    }
    if (inWord) {
      words.add(new WordOffset(word.toString(), start, end));
    }
    return words;
  }

  /**
   * Settings of a tokenizer that is built from a vocabulary. Special tokens that are not in the
   * vocabulary are added to it, with ids counted on from the number of its entries. Not for several
   * threads.
   */
  public static final class Builder {
    private final Map<String, Integer> flat;
    private final Map<String, Map<String, Integer>> languages;
    private final Map<String, SpecialToken> roles =
        new TreeMap<>(Comparator.comparingInt(ROLES::indexOf));
    private final List<SpecialToken> additional = new ArrayList<>();
    private final Map<Integer, AddedToken> added = new LinkedHashMap<>();
    private String targetLang;
    private String wordDelimiterToken = "|";
    private String replaceWordDelimiterChar = " ";
    private boolean doLowerCase;
    private boolean cleanUpTokenizationSpaces = true;
    private boolean splitSpecialTokens;
    private boolean padLeft;
    private boolean truncateLeft;
    private Integer modelMaxLength;
    private ObjectNode otherSettings = JsonNodeFactory.instance.objectNode();

    private Builder(Map<String, Integer> flat, Map<String, Map<String, Integer>> languages) {
      this.flat = flat;
      this.languages = languages;
      bosToken("<s>").eosToken("</s>").unkToken("<unk>").padToken("<pad>");
    }

    private Builder(Builder other) {
      flat = other.flat;
      languages = other.languages;
      roles.putAll(other.roles);
      additional.addAll(other.additional);
      added.putAll(other.added);
      targetLang = other.targetLang;
      wordDelimiterToken = other.wordDelimiterToken;
      replaceWordDelimiterChar = other.replaceWordDelimiterChar;
      doLowerCase = other.doLowerCase;
      cleanUpTokenizationSpaces = other.cleanUpTokenizationSpaces;
      splitSpecialTokens = other.splitSpecialTokens;
      padLeft = other.padLeft;
      truncateLeft = other.truncateLeft;
      modelMaxLength = other.modelMaxLength;
      otherSettings = other.otherSettings;
    }

    /** Sets the language of a nested vocabulary. */
    public Builder targetLang(String value) {
      targetLang = value;
      return this;
    }

    /** Sets the unknown token; null: none. By default {@code <unk>}. */
    public Builder unkToken(String value) {
      return role(UNK_TOKEN, text(value));
    }

    /** Sets the padding token, the blank of CTC; null: none. By default {@code <pad>}. */
    public Builder padToken(String value) {
      return role(PAD_TOKEN, text(value));
    }

    /** Sets the token for the beginning of a text; null: none. By default {@code <s>}. */
    public Builder bosToken(String value) {
      return role(BOS_TOKEN, text(value));
    }

    /** Sets the token for the end of a text; null: none. By default {@code </s>}. */
    public Builder eosToken(String value) {
      return role(EOS_TOKEN, text(value));
    }

    /**
     * Sets the token that stands for a space; null: none, and then a space is spelt "None", as in
     * the reference. By default {@code |}.
     */
    public Builder wordDelimiterToken(String value) {
      wordDelimiterToken = value;
      return this;
    }

    /** Sets what stands for the word delimiter in decoded text. By default a space. */
    public Builder replaceWordDelimiterChar(String value) {
      replaceWordDelimiterChar = requireGiven("replaceWordDelimiterChar", value);
      return this;
    }

    /** Sets whether the vocabulary is upper case and texts are lower case. By default false. */
    public Builder doLowerCase(boolean value) {
      doLowerCase = value;
      return this;
    }

    /** Sets whether decoding cleans up spaces. By default true. */
    public Builder cleanUpTokenizationSpaces(boolean value) {
      cleanUpTokenizationSpaces = value;
      return this;
    }

    /**
     * Builds the tokenizer; the builder may be used again.
     *
     * @throws IllegalArgumentException if the vocabulary is nested and has no such target language,
     *     or it is not nested and there is one
     */
    public Tokenizer build() {
      checkTargetLang();
      return new Tokenizer(this, null);
    }

    /** Sets the special token of a role; null: none. */
    Builder role(String role, SpecialToken token) {
      if (token == null) {
        roles.remove(role);
      } else {
        roles.put(role, token);
      }
      return this;
    }

    Builder additionalSpecialToken(SpecialToken token) {
      additional.add(token);
      return this;
    }

    Builder addedToken(int id, AddedToken token) {
      added.put(id, token);
      return this;
    }

    Builder splitSpecialTokens(boolean value) {
      splitSpecialTokens = value;
      return this;
    }

    Builder padLeft(boolean value) {
      padLeft = value;
      return this;
    }

    Builder truncateLeft(boolean value) {
      truncateLeft = value;
      return this;
    }

    Builder modelMaxLength(Integer value) {
      modelMaxLength = value;
      return this;
    }

    Builder otherSettings(ObjectNode value) {
      otherSettings = value;
      return this;
    }

    private static SpecialToken text(String value) {
      return value == null ? null : SpecialToken.text(value);
    }

    private void checkTargetLang() {
      if (languages == null) {
        if (targetLang != null) {
          throw new IllegalArgumentException(
              "target language '"
                  + targetLang
                  + "': the vocabulary of "
                  + flat.size()
                  + " tokens is not nested by language");
        }
      } else if (targetLang == null || !languages.containsKey(targetLang)) {
        throw new IllegalArgumentException(
            (targetLang == null
                    ? "there is no target language"
                    : "target language '" + targetLang + "' does not exist")
                + ", expected one of "
                + String.join(", ", languages.keySet()));
      }
    }
  }
}
