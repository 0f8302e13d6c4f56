package io.github.w2vbert;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds known tokens in a text: leftmost first, of those the longest. */
final class TokenTrie {
  private final Map<Character, TokenTrie> next = new HashMap<>();
  private boolean complete;

  static TokenTrie of(Collection<String> tokens) {
    TokenTrie root = new TokenTrie();
    for (String token : tokens) {
      TokenTrie node = root;
      for (int i = 0; i < token.length(); i++) {
        node = node.next.computeIfAbsent(token.charAt(i), c -> new TokenTrie());
      }
      node.complete = true;
    }
    return root;
  }

  /** Cuts the text before and after each token found. No piece is empty. */
  List<String> split(String text) {
    List<String> pieces = new ArrayList<>();
    int plain = 0;
    for (int i = 0; i < text.length(); ) {
      int end = matchEnd(text, i);
      if (end == i) {
        i++;
        continue;
      }
      if (plain < i) {
        pieces.add(text.substring(plain, i));
      }
      pieces.add(text.substring(i, end));
      i = end;
      plain = end;
    }
    if (plain < text.length()) {
      pieces.add(text.substring(plain));
    }
    return pieces;
  }

  /** Returns the end of the longest token that begins at {@code start}, or {@code start}. */
  private int matchEnd(String text, int start) {
    int end = start;
    TokenTrie node = this;
    for (int i = start; i < text.length(); i++) {
      node = node.next.get(text.charAt(i));
      if (node == null) {
        break;
      }
      if (node.complete) {
        end = i + 1;
      }
    }
    return end;
  }
}
