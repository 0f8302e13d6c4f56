package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {
  @Test
  void alignedColumnsBeginBelowEachOther() {
    assertEquals(
        List.of("     x", "a    1", "b\uD83D\uDE00c  22  last"),
        Table.aligned(
            List.of(List.of("", "x"), List.of("a", "1"), List.of("b\uD83D\uDE00c", "22", "last"))));
    assertEquals(List.of(), Table.aligned(List.of()));
  }

  @Test
  void tsvEscapesWhatEndsACell() {
    assertEquals("a b\tc\\td\\\\\\n\\r\t", Table.tsv(List.of("a b", "c\td\\\n\r", "")));
  }

  @Test
  void csvQuotesWhatEndsACell() {
    assertEquals(
        "a b,\"c,d\",\"e\"\"\",\"f\n\",", Table.csv(List.of("a b", "c,d", "e\"", "f\n", "")));
  }
}
