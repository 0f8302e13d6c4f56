package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpanFormatTest {
  private static final List<Span> SPANS =
      List.of(new Span("A \"b\"", 0.0625, 1.5006, 0.87654), new Span("B", 1, 61.25, 1));

  private static List<String> lines(SpanFormat format, String file) {
    return format.lines(Path.of(file), 61.25, SPANS);
  }

  @Test
  void textHasStartEndAndLabel() {
    assertEquals(List.of(), SpanFormat.TEXT.header());
    assertEquals(
        List.of("0.063 1.501 A \"b\"", "1.000 61.250 B"), lines(SpanFormat.TEXT, "x/call.wav"));
  }

  /** Ten fields; the start and the length add up to the rounded end. */
  @Test
  void rttmHasTenFields() {
    assertEquals(List.of(), SpanFormat.RTTM.header());
    assertEquals(
        List.of(
            "SPEAKER my_call.1 1 0.063 1.438 <NA> <NA> A_\"b\" <NA> <NA>",
            "SPEAKER my_call.1 1 1.000 60.250 <NA> <NA> B <NA> <NA>"),
        lines(SpanFormat.RTTM, "x/my call.1.wav"));
  }

  @ParameterizedTest
  @CsvSource({
    "a.wav, a",
    "folder.d/a, a",
    "a.b.wav, a.b",
    ".hidden, .hidden",
    "a., a",
    "'two  words\u00a0here.wav', two_words_here",
  })
  void recordingsAreNamedWithoutFolderEndingAndSpaces(String file, String name) {
    assertEquals(name, SpanFormat.recording(Path.of(file)));
  }

  @Test
  void rttmNeverHasAnEmptyField() {
    assertEquals(
        List.of("SPEAKER a 1 0.000 1.000 <NA> <NA> <NA> <NA> <NA>"),
        SpanFormat.RTTM.lines(Path.of("a.wav"), 1, List.of(new Span("", 0, 1, 1))));
  }

  @Test
  void csvQuotesWhatNeedsIt() {
    assertEquals(List.of("file,label,start,end,probability"), SpanFormat.CSV.header());
    assertEquals(
        List.of(
            "\"x/a,b.wav\",\"A \"\"b\"\"\",0.063,1.501,0.8765",
            "\"x/a,b.wav\",B,1.000,61.250,1.0000"),
        lines(SpanFormat.CSV, "x/a,b.wav"));
  }

  @Test
  void jsonIsOneObject() throws IOException {
    assertEquals(List.of(), SpanFormat.JSON.header());
    List<String> lines = lines(SpanFormat.JSON, "x/a.wav");
    assertEquals(1, lines.size());
    assertEquals(
        Cli.JSON.readTree(
            """
            {"file": "x/a.wav", "duration": 61.25, "intervals": [
              {"label": "A \\"b\\"", "start": 0.0625, "end": 1.5006, "probability": 0.87654},
              {"label": "B", "start": 1.0, "end": 61.25, "probability": 1.0}]}
            """),
        Cli.JSON.readTree(lines.get(0)));
    assertEquals(
        "{\"file\":\"a\",\"duration\":1.5,\"intervals\":[]}",
        SpanFormat.JSON.lines(Path.of("a"), 1.5, List.of()).get(0));
  }
}
