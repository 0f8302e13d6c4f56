package io.github.w2vbert;

/**
 * A decoded word and the frames it was read from.
 *
 * @param word the tokens between two word delimiters, in the vocabulary's own case
 * @param startOffset first frame of the first token
 * @param endOffset one past the last frame of the last token
 */
public record WordOffset(String word, int startOffset, int endOffset) {}
