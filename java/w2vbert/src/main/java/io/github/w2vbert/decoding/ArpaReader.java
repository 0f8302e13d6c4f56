package io.github.w2vbert.decoding;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Reads one ARPA file. Nothing is allocated on the word of its counts: arrays grow with the n-grams
 * that arrive.
 */
final class ArpaReader {
  private static final int MAX_LINE_BYTES = 1 << 16;
  private static final int MAX_HEADING_LINES = 1000;
  private static final float UNLISTED_UNKNOWN = -100; // as KenLM
  private static final float LARGEST = 1e6f; // so that sums of back-offs stay finite
  private static final String EXPECTED = "an ARPA file, plain or compressed with gzip";

  private final InputStream in;
  private final String source; // named in every refusal

  private final byte[] buffer = new byte[1 << 16];
  private int bufferStart;
  private int bufferEnd;

  private final byte[] line = new byte[MAX_LINE_BYTES];
  private int length; // of the line, without its end
  private long number; // of the line, from 1

  private final int[] fieldStart = new int[NgramModel.MAX_ORDER + 2];
  private final int[] fieldEnd = new int[NgramModel.MAX_ORDER + 2];
  private int fields;

  private final long[] counts = new long[NgramModel.MAX_ORDER + 1]; // declared, by order
  private int order;

  private final WordTable words;
  private final Trie ngrams;
  private float[] probability = new float[64];
  private float[] backoff = new float[64];

  private ArpaReader(InputStream in, String source, WordTable words, Trie ngrams) {
    this.in = in;
    this.source = source;
    this.words = words;
    this.ngrams = ngrams;
  }

  /**
   * @param source what to call it in messages
   */
  static NgramModel read(BufferedInputStream in, String source) throws IOException {
    return read(in, source, new WordTable(), new Trie());
  }

  /**
   * @param words empty; holds at most as many as it has room for
   * @param ngrams as {@code words}
   */
  static NgramModel read(BufferedInputStream in, String source, WordTable words, Trie ngrams)
      throws IOException {
    in.mark(8);
    byte[] start = in.readNBytes(8);
    in.reset();
    String magic = new String(start, ISO_8859_1);
    String other =
        magic.startsWith("BZh")
            ? "compressed with bzip2"
            : magic.startsWith("\u00FD7zXZ")
                ? "compressed with xz"
                : magic.startsWith("(\u00B5/\u00FD") ? "compressed with zstd" : null;
    if (other != null) {
      throw new IllegalArgumentException(
          "Cannot read " + source + ": it is " + other + ", expected " + EXPECTED);
    }
    if (!magic.startsWith("\u001F\u008B")) {
      return new ArpaReader(in, source, words, ngrams).readWithinHeap();
    }
    ArpaReader reader = null;
    try {
      InputStream text = new GZIPInputStream(in, 1 << 16);
      reader = new ArpaReader(text, source, words, ngrams);
      NgramModel model = reader.readWithinHeap();
      text.transferTo(OutputStream.nullOutputStream()); // the checksum is at the end
      return model;
    } catch (ZipException | EOFException e) {
      throw new IllegalArgumentException(
          "Cannot read "
              + source
              + (reader == null ? "" : " after line " + reader.number)
              + ": the gzip data is damaged or ends early, expected all of it ("
              + e.getMessage()
              + ")",
          e);
    }
  }

  private NgramModel readWithinHeap() throws IOException {
    try {
      return read();
    } catch (OutOfMemoryError e) { // of one large array: the heap is as it was before
      throw new IllegalArgumentException(
          "Cannot read "
              + source
              + ": line "
              + number
              + ": "
              + (ngrams.size() - 1)
              + " n-grams do not fit the heap of "
              + (Runtime.getRuntime().maxMemory() >> 20)
              + " MiB, expected a larger one (-Xmx)",
          e);
    }
  }

  private NgramModel read() throws IOException {
    readHeading();
    readCounts();
    int unknown = WordTable.NONE;
    for (int n = 1; n <= order; n++) {
      readSection(n);
      if (n == 1) {
        unknown = requireUnknown();
      }
    }
    if (!lineIs("\\end\\")) {
      throw refuse("it is " + shown() + ", expected \\end\\");
    }
    return new NgramModel(
        order,
        words,
        unknown,
        words.find("<s>"),
        words.find("</s>"),
        ngrams,
        Arrays.copyOf(probability, ngrams.size()),
        Arrays.copyOf(backoff, ngrams.size()));
  }

  /** Skips what is before the data; programs write comments there. */
  private void readHeading() throws IOException {
    while (true) {
      if (!nextLine() || number > MAX_HEADING_LINES) {
        throw refuse(
            "there is no \\data\\ line"
                + (number > MAX_HEADING_LINES ? " so far" : "")
                + ", expected "
                + EXPECTED);
      }
      if (number == 1 && startsWith("mmap lm http://kheafield.com/code")) {
        throw refuse("it is a binary file of KenLM, expected the ARPA file that it was made from");
      }
      if (number == 1 && startsWith("\u00EF\u00BB\u00BF")) { // a byte order mark
        System.arraycopy(line, 3, line, 0, length -= 3);
      }
      if (lineIs("\\data\\")) {
        return;
      }
    }
  }

  private void readCounts() throws IOException {
    requireLine("the number of 1-grams");
    while (startsWith("ngram")) {
      String text = text(0, length).strip();
      int equals = text.indexOf('=');
      long n = equals < 0 ? -1 : parseCount(text.substring(5, equals));
      long count = equals < 0 ? -1 : parseCount(text.substring(equals + 1));
      if (n != order + 1 || count < 0) {
        throw refuse("it is " + shown() + ", expected \"ngram " + (order + 1) + "=COUNT\"");
      }
      if (n > NgramModel.MAX_ORDER) {
        throw refuse("the order is " + n + ", expected at most " + NgramModel.MAX_ORDER);
      }
      counts[++order] = count;
      requireLine("the first n-grams");
    }
    if (order == 0) {
      throw refuse("it is " + shown() + ", expected \"ngram 1=COUNT\"");
    }
  }

  /** A number of at most 18 digits, or -1. */
  private static long parseCount(String text) {
    String digits = text.strip();
    return digits.matches("[0-9]{1,18}") ? Long.parseLong(digits) : -1;
  }

  /** Reads the n-grams of one order, from their heading to the line after them. */
  private void readSection(int n) throws IOException {
    String heading = "\\" + n + "-grams:";
    if (!lineIs(heading)) {
      throw refuse("it is " + shown() + ", expected " + heading);
    }
    long found = 0;
    while (true) {
      requireLine(n == order ? "\\end\\" : "the " + (n + 1) + "-grams");
      if (line[0] == '\\') {
        break;
      }
      if (found == counts[n]) {
        throw refuse("there are more " + n + "-grams than " + counts[n] + ", expected as declared");
      }
      readNgram(n);
      found++;
    }
    if (found != counts[n]) {
      throw refuse(
          "there are " + found + " " + n + "-grams, expected " + counts[n] + " as declared");
    }
  }

  private void readNgram(int n) {
    split();
    if (fields != n + 1 && fields != n + 2) {
      throw refuse(
          "it has "
              + (fields > n + 2 ? "more than " + (n + 2) : fields)
              + " fields ("
              + shown()
              + "), expected a probability, "
              + n
              + (n == 1 ? " word" : " words")
              + " and perhaps a back-off");
    }
    float logProbability = parseNumber(0, "probability");
    if (logProbability > 0) {
      throw refuse("the log-probability is " + logProbability + ", expected at most 0");
    }
    float logBackoff = fields == n + 2 ? parseNumber(n + 1, "back-off") : 0;
    if (n == order && logBackoff != 0) {
      throw refuse("the back-off is " + logBackoff + ", expected none in the highest order");
    }
    int node = Trie.ROOT;
    for (int i = 1; i < n; i++) {
      node = add(node, word(i), NgramModel.absent());
    }
    int size = ngrams.size();
    int last = n == 1 ? newWord() : word(n);
    node = add(node, last, logProbability);
    if (ngrams.size() == size) {
      throw refuse("the n-gram " + shown() + " is there twice, expected once");
    }
    backoff[node] = logBackoff;
  }

  /** The node of a word after another; a new one with that probability if there is none. */
  private int add(int parent, int word, float logProbability) {
    int size = ngrams.size();
    int node;
    try {
      node = ngrams.addChild(parent, word);
    } catch (IllegalArgumentException e) {
      throw refuse(e.getMessage());
    }
    if (node == size) {
      if (node == probability.length) {
        probability = Arrays.copyOf(probability, 2 * node);
        backoff = Arrays.copyOf(backoff, 2 * node);
      }
      probability[node] = logProbability;
    }
    return node;
  }

  private int newWord() {
    int start = fieldStart[1];
    int end = fieldEnd[1];
    if (words.find(line, start, end) != WordTable.NONE) {
      throw refuse("the word \"" + text(start, end) + "\" is there twice, expected once");
    }
    try {
      UTF_8.newDecoder().decode(ByteBuffer.wrap(line, start, end - start));
    } catch (CharacterCodingException e) {
      throw refuse("the word \"" + text(start, end) + "\" is not UTF-8, expected it to be");
    }
    return addWord(line, start, end);
  }

  private int addWord(byte[] bytes, int start, int end) {
    try {
      return words.add(bytes, start, end);
    } catch (IllegalArgumentException e) {
      throw refuse(e.getMessage());
    }
  }

  private int word(int field) {
    int word = words.find(line, fieldStart[field], fieldEnd[field]);
    if (word == WordTable.NONE) {
      throw refuse(
          "the word \""
              + text(fieldStart[field], fieldEnd[field])
              + "\" is not among the 1-grams, expected it to be");
    }
    return word;
  }

  /** The unknown word, added if the 1-grams do not list it. */
  private int requireUnknown() {
    for (String name : new String[] {"<unk>", "<UNK>"}) {
      if (words.find(name) != WordTable.NONE) {
        return words.find(name);
      }
    }
    byte[] name = "<unk>".getBytes(UTF_8);
    int word = addWord(name, 0, name.length);
    add(Trie.ROOT, word, UNLISTED_UNKNOWN);
    return word;
  }

  private float parseNumber(int field, String what) {
    String text = text(fieldStart[field], fieldEnd[field]);
    for (int i = 0; i < text.length(); i++) {
      if ("+-.0123456789eE".indexOf(text.charAt(i)) < 0) { // Java also reads "0x1p3", "1f", "NaN"
        throw refuseNumber(what, text);
      }
    }
    float value;
    try {
      value = Float.parseFloat(text);
    } catch (NumberFormatException e) {
      throw refuseNumber(what, text);
    }
    if (Math.abs(value) > LARGEST) {
      throw refuseNumber(what, text);
    }
    return value;
  }

  private IllegalArgumentException refuseNumber(String what, String text) {
    return refuse("the " + what + " is \"" + text + "\", expected a number from -1e6 to 1e6");
  }

  /** Reads the next line that is not blank. */
  private void requireLine(String expected) throws IOException {
    do {
      if (!nextLine()) {
        throw refuse("the file ends, expected " + expected);
      }
    } while (length == 0);
  }

  /** Reads a line without the white space around it; false at the end of the file. */
  private boolean nextLine() throws IOException {
    number++;
    length = 0;
    boolean any = false;
    while (true) {
      if (bufferStart == bufferEnd) {
        bufferStart = 0;
        bufferEnd = Math.max(0, in.read(buffer));
        if (bufferEnd == 0) {
          trim();
          return any;
        }
      }
      any = true;
      byte next = buffer[bufferStart++];
      if (next == '\n') {
        trim();
        return true;
      }
      if (length == MAX_LINE_BYTES) {
        throw refuse("it has more than " + MAX_LINE_BYTES + " bytes, expected " + EXPECTED);
      }
      line[length++] = next;
    }
  }

  private void trim() {
    while (length > 0 && isSpace(line[length - 1])) {
      length--;
    }
    int start = 0;
    while (start < length && isSpace(line[start])) {
      start++;
    }
    System.arraycopy(line, start, line, 0, length -= start);
  }

  /** Finds the fields of the line, and one more than there may be at most. */
  private void split() {
    fields = 0;
    int at = 0;
    while (at < length) {
      int start = at;
      while (at < length && !isSpace(line[at])) {
        at++;
      }
      if (fields == fieldStart.length) {
        fields++;
        return;
      }
      fieldStart[fields] = start;
      fieldEnd[fields++] = at;
      while (at < length && isSpace(line[at])) {
        at++;
      }
    }
  }

  /** ASCII only: other spaces, such as U+00A0 or U+3000, are parts of words. */
  private static boolean isSpace(byte value) {
    return value == ' ' || value == '\t' || value == '\r';
  }

  private boolean lineIs(String expected) {
    return length == expected.length() && startsWith(expected);
  }

  private boolean startsWith(String expected) {
    return length >= expected.length()
        && new String(line, 0, expected.length(), ISO_8859_1).equals(expected);
  }

  private String text(int start, int end) {
    return new String(line, start, end - start, UTF_8);
  }

  /** The line, cut where it is long. */
  private String shown() {
    return length == 0 ? "blank" : "\"" + text(0, Math.min(length, 60)) + "\"";
  }

  private IllegalArgumentException refuse(String what) {
    return new IllegalArgumentException("Cannot read " + source + ": line " + number + ": " + what);
  }
}
