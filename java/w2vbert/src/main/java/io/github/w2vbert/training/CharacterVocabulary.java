package io.github.w2vbert.training;

import io.github.w2vbert.Tokenizer;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;

/**
 * A vocabulary of the characters of texts, as the reference's fine-tuning script for CTC makes it:
 * in the order of their code points, with {@code |} in the place of the space, then {@code [UNK]}
 * and {@code [PAD]}, which is the blank. The tokenizer adds {@code <s>} and {@code </s>}.
 */
public final class CharacterVocabulary {
  private static final String DELIMITER = "|";

  private CharacterVocabulary() {}

  /**
   * A tokenizer for texts to which their {@link TextRule} was applied.
   *
   * @throws IllegalArgumentException if there is no character, or a text has a {@code |}
   */
  public static Tokenizer of(Collection<String> texts) {
    TreeSet<Integer> characters = new TreeSet<>();
    for (String text : texts) {
      if (text.contains(DELIMITER)) {
        throw new IllegalArgumentException(
            "the text '"
                + Manifest.shown(text)
                + "' has a |, which stands for a space in the vocabulary; expected none: ignore"
                + " the character");
      }
      text.codePoints().forEach(characters::add);
    }
    if (characters.isEmpty()) {
      throw new IllegalArgumentException("the texts are empty; expected at least one character");
    }
    characters.add((int) ' ');
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (int character : characters) {
      vocabulary.put(
          character == ' ' ? DELIMITER : Character.toString(character), vocabulary.size());
    }
    vocabulary.put("[UNK]", vocabulary.size());
    vocabulary.put("[PAD]", vocabulary.size());
    return Tokenizer.builder(vocabulary)
        .unkToken("[UNK]")
        .padToken("[PAD]")
        .wordDelimiterToken(DELIMITER)
        .build();
  }
}
