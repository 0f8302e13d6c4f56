package io.github.w2vbert;

/**
 * A decoded token and the frames it was read from.
 *
 * @param character the token as it appears in the text; a code point, or a token of several
 * @param startOffset first frame
 * @param endOffset one past the last frame; blanks after the token are not counted
 */
public record CharOffset(String character, int startOffset, int endOffset) {}
