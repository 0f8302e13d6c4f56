package io.github.w2vbert.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpacingTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "你 好",
        "𠮷 野",
        "人 々",
        "ひ ら",
        "カ タ",
        "カー ド",
        "ｶﾞ ﾀ",
        "か\u3099 き",
        "\u0E01\u0E34 \u0E19",
        "\u0E81 \u0E82",
        "\u1780 \u1781",
        "\u1000 \u1001",
        "GPT 你",
        "你 GPT",
        "你 3",
        "好， 世",
        "好, a",
        "好 “世",
        "。 A",
        "A 「",
        "한 中"
      })
  void wordsEndBesideScriptsWithoutSpaces(String texts) {
    String[] pair = texts.split(" ");
    assertTrue(Spacing.wordEnds(pair[0], pair[1]));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a b",
        "한 국",
        "\u0905 \u0906",
        "カ ー",
        "ｶ ﾞ",
        "か \u3099",
        "\u0E01 \u0E34",
        "你 ，",
        "你 !",
        "你 ”",
        "“ 你",
        "「 你",
        "a “",
        "a\u0301 b",
        "\u1780\u17D2 \u1781",
        "\u1000\u1039 \u1001",
        "1 2",
        "Ａ Ｂ"
      })
  void otherwiseTheyGoOn(String texts) {
    String[] pair = texts.split(" ");
    assertFalse(Spacing.wordEnds(pair[0], pair[1]));
  }

  @Test
  void nothingIsNoWord() {
    assertFalse(Spacing.wordEnds("", "你"));
    assertFalse(Spacing.wordEnds("你", ""));
    assertFalse(Spacing.continues(""));
    assertEquals("", Spacing.join(List.of()));
    assertEquals(" 你 ", Spacing.join(List.of("", "你", "")));
  }

  @Test
  void spacesStandWhereOneSideHasThem() {
    assertEquals(
        "OK 你好，“世界”。 yes カード, no",
        Spacing.join(List.of("OK", "你", "好，", "“世", "界”。", "yes", "カー", "ド,", "no")));
  }

  @Test
  void halfCharactersAreNoError() {
    assertFalse(Spacing.wordEnds("\uD842", "\uDFB7"));
    assertEquals("\uDFB7 \uD842", Spacing.join(List.of("\uDFB7", "\uD842")));
  }
}
