package io.github.w2vbert.decoding;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A trie over int symbols, as a hash table of primitive arrays, 16 to 32 bytes a node. Nodes are
 * numbered in the order of their insertion, so a parent has a lower number than its children.
 * Threads may share one that no longer grows.
 */
final class Trie {
  static final int ROOT = 0;
  static final int NONE = -1;

  private static final int MAX_NODES = 1 << 29; // twice as many slots are the longest array

  // Nobody can know which keys collide, so no file makes look-ups slow. Numbers do not depend on
  // it.
  private static final long SEED = ThreadLocalRandom.current().nextLong();

  private long[] keys = new long[16]; // of every node: parent << 32 | symbol
  private int[] slots = new int[32]; // open addressing with linear probes; ROOT: free
  private int shift = Long.SIZE - 5; // leaves as many bits of a hash as an index has
  private int size = 1;
  private final int maxNodes;

  Trie() {
    this(MAX_NODES);
  }

  /**
   * @param maxNodes a power of two from 16 to 2^29
   */
  Trie(int maxNodes) {
    this.maxNodes = maxNodes;
  }

  /** Nodes, with the root. */
  int size() {
    return size;
  }

  int parent(int node) {
    return (int) (keys[node] >> 32);
  }

  int symbol(int node) {
    return (int) keys[node];
  }

  /** The node after {@code node} and a symbol from 0, or {@link #NONE}. */
  int child(int node, int symbol) {
    long key = (long) node << 32 | symbol;
    int found = slots[slot(key)];
    return found == ROOT ? NONE : found;
  }

  /**
   * As {@link #child}; makes the node if there is none.
   *
   * @throws IllegalArgumentException if there is no room for it
   */
  int addChild(int node, int symbol) {
    long key = (long) node << 32 | symbol;
    int slot = slot(key);
    if (slots[slot] != ROOT) {
      return slots[slot];
    }
    if (size == keys.length) {
      if (size == maxNodes) {
        throw new IllegalArgumentException(
            "there are more than " + (maxNodes - 1) + " prefixes, expected no more");
      }
      keys = Arrays.copyOf(keys, 2 * size);
      slots = new int[4 * size];
      shift--;
      for (int other = 1; other < size; other++) {
        slots[slot(keys[other])] = other;
      }
      slot = slot(key);
    }
    keys[size] = key;
    slots[slot] = size;
    return size++;
  }

  /** Where a key is, or the free place where it belongs. */
  private int slot(long key) {
    long hash = (key ^ SEED) * 0xBF58476D1CE4E5B9L;
    hash = (hash ^ hash >>> 32) * 0x94D049BB133111EBL;
    int slot = (int) (hash >>> shift);
    while (slots[slot] != ROOT && keys[slots[slot]] != key) {
      slot = slot + 1 & slots.length - 1;
    }
    return slot;
  }
}
