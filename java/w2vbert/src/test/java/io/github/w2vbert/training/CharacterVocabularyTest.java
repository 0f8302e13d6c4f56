package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.w2vbert.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CharacterVocabularyTest {
  @Test
  void charactersAreSortedAndTheDelimiterStandsForTheSpace() {
    Tokenizer tokenizer = CharacterVocabulary.of(List.of("ba'", "a \uD83D\uDE00"));

    assertEquals(
        Map.of(
            "|",
            0,
            "'",
            1,
            "a",
            2,
            "b",
            3,
            "\uD83D\uDE00",
            4,
            "[UNK]",
            5,
            "[PAD]",
            6,
            "<s>",
            7,
            "</s>",
            8),
        tokenizer.vocabulary());
    assertEquals(6, tokenizer.padTokenId());
    assertArrayEquals(new int[] {2, 0, 3, 5}, tokenizer.encode("a bz"));
  }

  @Test
  void theFilesHoldIt(@TempDir Path folder) {
    Tokenizer tokenizer = CharacterVocabulary.of(List.of("ab c"));
    tokenizer.savePretrained(folder);
    assertEquals(tokenizer.vocabulary(), Tokenizer.fromPretrained(folder).vocabulary());
    assertEquals("ab c", Tokenizer.fromPretrained(folder).decode(tokenizer.encode("ab c")));
  }

  @Test
  void delimitersInTextsAndEmptyTextsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.of(List.of("a|b")));
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.of(List.of("", "")));
  }

  @Test
  void rulesMakeTextsThatAModelCanWrite() {
    TextRule rule = TextRule.DEFAULT.withIgnored(",.!\u00A1");
    String text = " \u00A1Hello,\u00A0\n WORLD!. ";
    assertEquals("Hello WORLD", rule.apply(text));
    assertEquals("hello world", rule.resolve(null).apply(text));
    assertEquals("\u00C4 B", rule.withCasing(Casing.UPPER).apply("\u00E4 b"));
    assertEquals("\u00E4 B", rule.withCasing(Casing.KEEP).apply("\u00E4 B"));
  }

  @Test
  void theCaseIsThatOfTheVocabulary() {
    assertEquals(Casing.LOWER, Casing.of(CharacterVocabulary.of(List.of("ab 1"))));
    assertEquals(Casing.UPPER, Casing.of(CharacterVocabulary.of(List.of("AB 1"))));
    assertEquals(Casing.KEEP, Casing.of(CharacterVocabulary.of(List.of("aB"))));
    assertEquals(Casing.KEEP, Casing.of(CharacterVocabulary.of(List.of("\u4E2D"))));
    assertEquals(
        Casing.LOWER,
        Casing.of(Tokenizer.builder(Map.of("A", 0, "|", 1)).doLowerCase(true).build()));
  }
}
