package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ManifestTest {
  @TempDir private Path folder;

  private Path write(String name, String... lines) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, List.of(lines));
  }

  private static String refusal(Path manifest) {
    return assertThrows(IllegalArgumentException.class, () -> Manifest.read(manifest)).getMessage();
  }

  @Test
  void jsonLinesHaveAllFields() throws IOException {
    Path manifest =
        write(
            "lists/train.jsonl",
            "\uFEFF{\"audio\": \"../a.wav\", \"text\": \"go forward\", \"speaker\": \"s1\"}",
            "",
            "{\"audio\": \"/data/b.flac\", \"start\": 1.5, \"end\": 3, \"label\": 7, \"other\": []}",
            "{\"audio\": \"c.wav\", \"text\": null, \"labels\": [{\"label\": \"x\", \"start\": 0,"
                + " \"end\": 0.5}]}");

    List<Utterance> read = Manifest.read(manifest);

    assertEquals(
        List.of(
            new Utterance(
                folder.resolve("a.wav"),
                0,
                Double.POSITIVE_INFINITY,
                "go forward",
                null,
                List.of(),
                "s1",
                manifest + ":1"),
            new Utterance(
                Path.of("/data/b.flac"), 1.5, 3, null, "7", List.of(), null, manifest + ":3"),
            new Utterance(
                folder.resolve("lists/c.wav"),
                0,
                Double.POSITIVE_INFINITY,
                null,
                null,
                List.of(new LabelSpan("x", 0, 0.5)),
                null,
                manifest + ":4")),
        read);
  }

  @Test
  void tsvIsReadByItsHeader() throws IOException {
    Path manifest =
        write(
            "train.tsv",
            "client\tend\taudio\ttext\tstart",
            "x\t2.5\ta.wav\tgo \"forward\" \t0.5",
            "y\t\tb.wav\t\t");

    List<Utterance> read = Manifest.read(manifest);

    assertEquals(2, read.size());
    assertEquals(folder.resolve("a.wav"), read.get(0).audio());
    assertEquals("go \"forward\" ", read.get(0).text());
    assertEquals(0.5, read.get(0).start());
    assertEquals(2.5, read.get(0).end());
    assertNull(read.get(1).text());
    assertEquals(Double.POSITIVE_INFINITY, read.get(1).end());
    assertEquals(manifest + ":3", read.get(1).source());
  }

  @Test
  void foldersHaveTextsBesideTheRecordings() throws IOException {
    write("b/x.wav", "");
    write("b/x.txt", "two", "lines");
    write("a/103-1.flac", "");
    write("a/103-2.FLAC", "");
    Path list = write("a/103.trans.txt", "103-1 CHAPTER ONE", "", "103-2.FLAC  MISSUS RACHEL");
    write("a/LICENSE", "");

    List<Utterance> read = Manifest.read(folder);

    assertEquals(
        List.of("CHAPTER ONE", "MISSUS RACHEL", "two lines"),
        read.stream().map(Utterance::text).toList());
    assertEquals(list + ":3", read.get(1).source());
    assertEquals(folder.resolve("b/x.wav"), read.get(2).audio());
  }

  @Test
  void foldersWithoutTextsAreRefused() throws IOException {
    Path recording = write("a.wav", "");
    assertTrue(refusal(folder).startsWith(recording + " has no text; expected it in a.txt"));

    Path list = write("transcripts.txt", "a one", "b two");
    assertEquals(list + ":2: there is no recording named 'b'", refusal(folder));
    write("transcripts.txt", "a one", "a two");
    assertEquals(list + ":2: 'a' has a text already", refusal(folder));
    write("transcripts.txt", "a");
    assertEquals(list + ":1: 'a' has no text; expected a name and a text", refusal(folder));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'audio': 3}|audio is 3; expected text",
        "{'text': 'x'}|there is no audio; expected the path of a recording",
        "{'audio': ''}|there is no audio; expected the path of a recording",
        "{'audio': 'a', 'start': '1'}|start is \"1\"; expected seconds",
        "{'audio': 'a', 'start': -1}|start is -1.0 and end is Infinity; expected 0 <= start < end",
        "{'audio': 'a', 'start': 2, 'end': 2}|start is 2.0 and end is 2.0; expected 0 <= start < end",
        "{'audio': 'a', 'label': {}}|label is {}; expected a name or a number",
        "{'audio': 'a', 'labels': 'x'}|labels is \"x\"; expected a list",
        "{'audio': 'a', 'labels': [1]}|labels has 1; expected {\"label\": ..., \"start\": ..., \"end\":"
            + " ...}",
        "{'audio': 'a', 'labels': [{'label': 'x', 'start': 1, 'end': 0}]}|the label 'x' is from 1.0 to"
            + " 0.0 s; expected 0 <= start < end",
        "[]|[] is no object; expected {\"audio\": ...}",
      })
  void wrongValuesAreNamedWithTheirLine(String line, String message) throws IOException {
    Path manifest = write("m.jsonl", "{\"audio\": \"a.wav\"}", line.replace('\'', '"'));
    assertEquals(manifest + ":2: " + message, refusal(manifest));
  }

  @Test
  void whatIsNoManifestIsRefused() throws IOException {
    Path cut = write("cut.jsonl", "{\"audio\": \"a.wav\"}", "{\"audio\": \"b");
    assertTrue(refusal(cut).startsWith(cut + ":2: not JSON: "), refusal(cut));
    Path twice = write("twice.jsonl", "{\"audio\": \"a.wav\", \"audio\": \"b.wav\"}");
    assertTrue(refusal(twice).startsWith(twice + ":1: not JSON: "), refusal(twice));
    Path header = write("header.tsv", "path\ttext");
    assertEquals(
        header
            + ":1: 'path\ttext' is neither a JSON object nor a TSV header; expected column names,"
            + " among them audio",
        refusal(header));
    Path fields = write("fields.tsv", "audio\ttext", "a.wav");
    assertEquals(fields + ":2: 1 fields; expected 2, as many as column names", refusal(fields));
    Path number = write("number.tsv", "audio\tstart", "a.wav\tsoon");
    assertEquals(number + ":2: start is 'soon'; expected seconds", refusal(number));
    Path empty = write("empty.tsv", "audio\ttext");
    assertEquals(empty + " has no utterances; expected at least one line", refusal(empty));
    Path none = folder.resolve("none");
    assertEquals("there is no " + none, refusal(none));
    Path latin = Files.write(folder.resolve("latin.tsv"), new byte[] {'a', (byte) 0xE9, '\n'});
    assertEquals(latin + " is not UTF-8 text", refusal(latin));
  }
}
