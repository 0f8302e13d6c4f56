package io.github.w2vbert.decoding;

import io.github.w2vbert.transcript.Word;
import java.util.List;
import java.util.Objects;

/**
 * A word of an aligned text.
 *
 * @param text as the caller spelt it
 * @param tokens in order, at least one
 */
public record AlignedWord(String text, List<AlignedToken> tokens) {
  /**
   * @throws IllegalArgumentException if there are no tokens
   */
  public AlignedWord {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(tokens, "tokens");
    tokens = List.copyOf(tokens);
    if (tokens.isEmpty()) {
      throw new IllegalArgumentException("'" + text + "' has no tokens; expected at least one");
    }
  }

  /** The first frame of its first token. */
  public int start() {
    return tokens.get(0).start();
  }

  /** The frame after the last of its last token. */
  public int end() {
    return tokens.get(tokens.size() - 1).end();
  }

  /** The geometric mean over its tokens, between 0 and 1. */
  public double confidence() {
    double sum = 0;
    for (AlignedToken token : tokens) {
      sum += Math.log(token.confidence());
    }
    return Math.exp(sum / tokens.size());
  }

  Word inSeconds(FrameTimes times) {
    return times.word(
        text,
        start(),
        end(),
        confidence(),
        tokens.stream().map(token -> token.inSeconds(times)).toList());
  }
}
