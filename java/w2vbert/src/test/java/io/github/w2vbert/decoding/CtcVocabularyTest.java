package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class CtcVocabularyTest {
  @Test
  void isWhatTheTokenizerSays() {
    Map<String, Integer> ids = Map.of("<pad>", 0, "|", 1, "a", 2, "<unk>", 3);
    Tokenizer tokenizer = Tokenizer.builder(ids).build(); // adds <s> and </s>
    assertEquals(6, tokenizer.vocabularySize());
    CtcVocabulary vocabulary = CtcVocabulary.of(tokenizer, 7);
    assertEquals(
        Arrays.asList("<pad>", "|", "a", "<unk>", "<s>", "</s>", null), vocabulary.tokens());
    assertEquals(0, vocabulary.blank());
    assertEquals(1, vocabulary.wordDelimiter());
    assertEquals(Set.of(0, 3, 4, 5), vocabulary.special());
  }

  @Test
  void tokensThatTheModelDoesNotScoreAreLeftOut() {
    Map<String, Integer> ids = Map.of("<pad>", 0, "a", 1, "<unk>", 2, "|", 3);
    CtcVocabulary vocabulary = CtcVocabulary.of(Tokenizer.builder(ids).build(), 3);
    assertEquals(List.of("<pad>", "a", "<unk>"), vocabulary.tokens());
    assertEquals(-1, vocabulary.wordDelimiter());
    assertEquals(Set.of(0, 2), vocabulary.special());
  }

  @Test
  void idsThatAreNoTokensAreRefused() {
    List<String> tokens = List.of("<pad>", "|", "a");
    assertRefused("blank is 3; expected an id from 0 to 2", () -> vocabulary(tokens, 3, 1));
    assertRefused("blank is -1; expected an id", () -> vocabulary(tokens, -1, 1));
    assertRefused("wordDelimiter is 3; expected -1 or an id", () -> vocabulary(tokens, 0, 3));
    assertRefused("wordDelimiter is -2; expected -1 or an id", () -> vocabulary(tokens, 0, -2));
    assertRefused("special has 3; expected ids from 0 to 2", () -> vocabulary(tokens, 0, 1, 2, 3));
    assertRefused("special has -1; expected ids from 0 to 2", () -> vocabulary(tokens, 0, 1, -1));
  }

  private static CtcVocabulary vocabulary(
      List<String> tokens, int blank, int delimiter, Integer... special) {
    return new CtcVocabulary(tokens, blank, delimiter, Set.of(special));
  }

  private static void assertRefused(String message, Executable call) {
    Exception refusal = assertThrows(IllegalArgumentException.class, call);
    assertTrue(refusal.getMessage().startsWith(message), refusal.getMessage());
  }
}
