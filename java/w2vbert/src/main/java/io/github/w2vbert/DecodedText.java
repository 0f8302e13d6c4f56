package io.github.w2vbert;

import java.util.List;

/**
 * A decoded text with the frames of its characters and words.
 *
 * <p>The text is stripped, lower-cased where the tokenizer says so, and cleaned up; the offsets
 * hold the tokens before that. With {@code skipSpecialTokens} the blanks are gone before frames are
 * counted, so offsets then count the remaining tokens.
 */
public record DecodedText(String text, List<CharOffset> charOffsets, List<WordOffset> wordOffsets) {
  public DecodedText {
    charOffsets = List.copyOf(charOffsets);
    wordOffsets = List.copyOf(wordOffsets);
  }
}
