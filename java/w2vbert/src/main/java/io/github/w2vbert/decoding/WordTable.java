package io.github.w2vbert.decoding;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/** Words as UTF-8 in one array, numbered in the order in which they came. */
final class WordTable {
  static final int NONE = -1;

  private static final int SEED = ThreadLocalRandom.current().nextInt() | 1; // see Trie

  private byte[] text = new byte[1024];
  private int[] starts = new int[64]; // of every word in `text`, and of the next one
  private int[] slots = new int[128]; // open addressing with linear probes: number + 1, or 0
  private int size;
  private final int maxBytes;

  WordTable() {
    this(1 << 30);
  }

  /**
   * @param maxBytes of all words together, at most 2^30
   */
  WordTable(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  int size() {
    return size;
  }

  String word(int number) {
    return new String(text, starts[number], starts[number + 1] - starts[number], UTF_8);
  }

  /** The number of a word, or {@link #NONE}. */
  int find(String word) {
    byte[] bytes = word.getBytes(UTF_8);
    return find(bytes, 0, bytes.length);
  }

  /** The number of the word from {@code start} to before {@code end}, or {@link #NONE}. */
  int find(byte[] bytes, int start, int end) {
    return slots[slot(bytes, start, end)] - 1;
  }

  /**
   * Adds a word that is not in the table.
   *
   * @throws IllegalArgumentException if there is no room for it
   */
  int add(byte[] bytes, int start, int end) {
    int from = starts[size];
    int to = from + (end - start);
    if (to > maxBytes) {
      throw new IllegalArgumentException(
          "the words have more than " + maxBytes + " bytes, expected no more");
    }
    if (to > text.length) {
      text = Arrays.copyOf(text, Math.max(to, 2 * text.length));
    }
    System.arraycopy(bytes, start, text, from, end - start);
    if (size + 2 > starts.length) {
      starts = Arrays.copyOf(starts, 2 * starts.length);
      slots = new int[2 * slots.length];
      for (int word = 0; word < size; word++) {
        slots[slot(text, starts[word], starts[word + 1])] = word + 1;
      }
    }
    slots[slot(bytes, start, end)] = ++size;
    starts[size] = to;
    return size - 1;
  }

  /** Where a word is, or the free place where it belongs. */
  private int slot(byte[] bytes, int start, int end) {
    int hash = SEED;
    for (int i = start; i < end; i++) {
      hash = (hash ^ bytes[i]) * 0x01000193;
      hash ^= hash >>> 15;
    }
    int slot = hash & slots.length - 1;
    while (slots[slot] != 0) {
      int word = slots[slot] - 1;
      if (Arrays.equals(text, starts[word], starts[word + 1], bytes, start, end)) {
        return slot;
      }
      slot = slot + 1 & slots.length - 1;
    }
    return slot;
  }
}
