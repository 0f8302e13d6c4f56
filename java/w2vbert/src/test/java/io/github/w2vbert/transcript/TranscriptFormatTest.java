package io.github.w2vbert.transcript;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class TranscriptFormatTest {
  private static final Transcript EMPTY = new Transcript("", 0, List.of());

  /** Two segments; the first has two lines and every character that a format treats in its way. */
  private static final Transcript SPEECH =
      new Transcript(
          "He said: \"<A & B>\" --> now",
          3.5,
          List.of(
              new Segment(
                  0.02,
                  1.5,
                  "He said:\n\"<A & B>\"",
                  0.81,
                  List.of(
                      new Word(
                          "He",
                          0.02,
                          0.1,
                          0.9,
                          List.of(
                              new TimedToken("H", 0.02, 0.04, 0.9),
                              new TimedToken("e", 0.08, 0.1, 0.9))),
                      word("said:", 0.2, 0.64, 0.8123456),
                      word("\"<A & B>\"", 0.64, 1.5, 1))),
              new Segment(2, 3, "--> now", 0.5, List.of(word("now", 2.25, 3, 0.5)))));

  @TempDir Path temp;

  @Test
  void writesText() {
    assertFormat("He said: \"<A & B>\" --> now\n", SPEECH, TranscriptFormat.TEXT);
    assertFormat("", EMPTY, TranscriptFormat.TEXT);
  }

  @Test
  void writesSrt() {
    assertFormat(
        """
        1
        00:00:00,020 --> 00:00:01,500
        He said:
        "<A & B>"

        2
        00:00:02,000 --> 00:00:03,000
        -> now

        """,
        SPEECH,
        TranscriptFormat.SRT);
    assertFormat("", EMPTY, TranscriptFormat.SRT);
  }

  @Test
  void writesVtt() {
    assertFormat(
        """
        WEBVTT

        00:00:00.020 --> 00:00:01.500
        He said:
        "&lt;A &amp; B&gt;"

        00:00:02.000 --> 00:00:03.000
        --&gt; now

        """,
        SPEECH,
        TranscriptFormat.VTT);
    assertFormat("WEBVTT\n\n", EMPTY, TranscriptFormat.VTT);
  }

  @Test
  void writesTsv() {
    assertFormat(
        "start\tend\ttext\n20\t1500\tHe said: \"<A & B>\"\n2000\t3000\t--> now\n",
        SPEECH,
        TranscriptFormat.TSV);
    assertFormat(
        "start\tend\ttext\n0\t1000\ta\\tb\\\\t c\n",
        segments(1, segment(0, 1, "\ta\tb\\t\r\nc\n")),
        TranscriptFormat.TSV);
    assertFormat("start\tend\ttext\n", EMPTY, TranscriptFormat.TSV);
  }

  @Test
  void writesCtm() {
    assertEquals(
        """
        my_call 1 0.020 0.080 He 0.9000
        my_call 1 0.200 0.440 said: 0.8123
        my_call 1 0.640 0.860 "<A_&_B>" 1.0000
        my_call 1 2.250 0.750 now 0.5000
        """,
        TranscriptFormat.CTM.format(SPEECH, " my\u00A0\tcall"));
    assertFormat("", EMPTY, TranscriptFormat.CTM);
  }

  @Test
  void writesTextGrid() {
    assertFormat(
        """
        File type = "ooTextFile"
        Object class = "TextGrid"

        xmin = 0
        xmax = 1.5
        tiers? <exists>
        size = 3
        item []:
            item [1]:
                class = "IntervalTier"
                name = "segments"
                xmin = 0
                xmax = 1.5
                intervals: size = 3
                intervals [1]:
                    xmin = 0
                    xmax = 0.02
                    text = ""
                intervals [2]:
                    xmin = 0.02
                    xmax = 0.1
                    text = "say ""H""\"
                intervals [3]:
                    xmin = 0.1
                    xmax = 1.5
                    text = ""
            item [2]:
                class = "IntervalTier"
                name = "words"
                xmin = 0
                xmax = 1.5
                intervals: size = 1
                intervals [1]:
                    xmin = 0
                    xmax = 1.5
                    text = "H"
            item [3]:
                class = "IntervalTier"
                name = "tokens"
                xmin = 0
                xmax = 1.5
                intervals: size = 2
                intervals [1]:
                    xmin = 0
                    xmax = 1
                    text = ""
                intervals [2]:
                    xmin = 1
                    xmax = 1.5
                    text = "h"
        """,
        new Transcript(
            "H",
            1.5,
            List.of(
                new Segment(
                    0.02,
                    0.1,
                    "say\n\"H\"",
                    1,
                    List.of(new Word("H", 0, 1.5, 1, List.of(new TimedToken("h", 1, 1.5, 1))))))),
        TranscriptFormat.TEXTGRID);
  }

  @Test
  void writesJson() throws IOException {
    assertFormat(
        """
        {
          "text": "a \\"b\\"",
          "duration": 1.235,
          "segments": [
            {
              "id": 0,
              "start": 0.1,
              "end": 1.235,
              "text": "a \\"b\\"",
              "confidence": 0.333333,
              "words": [
                {
                  "word": "a",
                  "start": 0.1,
                  "end": 0.2,
                  "confidence": 0.25
                }
              ]
            }
          ],
          "words": [
            {
              "word": "a",
              "start": 0.1,
              "end": 0.2,
              "confidence": 0.25
            }
          ]
        }
        """,
        new Transcript(
            "a\n\"b\"",
            1.2345678,
            List.of(
                new Segment(
                    0.1, 2, "a\n\"b\"", 1 / 3.0, List.of(word("a", 0.1, 0.20000001, 0.25))))),
        TranscriptFormat.JSON);
    JsonNode empty = json(EMPTY);
    assertEquals("", empty.get("text").textValue());
    assertEquals(0, empty.get("duration").doubleValue());
    assertTrue(empty.get("segments").isEmpty() && empty.get("words").isEmpty());
  }

  @Test
  void timesAreRoundedAsAWhole() {
    // Seconds are never 60, minutes never 60, and hours may have three digits.
    assertEquals("00:01:00,000 --> 00:01:01,000", times(59.9995, 61));
    assertEquals("00:00:59,999 --> 00:01:01,000", times(59.9994, 61));
    assertEquals("01:00:00,000 --> 01:00:00,001", times(3599.9999, 3599.99995));
    assertEquals("99:59:59,999 --> 100:00:00,000", times(359_999.999, 360_000));
    assertEquals("123:27:36,789 --> 123:27:37,789", times(444_456.789, 444_457.789));
    assertEquals("00:00:00,000 --> 00:00:00,001", times(0.0001, 0.0002));
  }

  @Test
  void cuesNeitherOverlapNorPassTheEnd() {
    Transcript transcript =
        segments(
            1,
            segment(0, 0.7, "cut"),
            segment(0.5, 0.5, "short"),
            segment(0.5, 0.9, "same start"),
            segment(0.9, 5, "clamped"),
            segment(3, 4, "beyond"),
            segment(3, 4, "last"));
    assertEquals(
        """
        start\tend\ttext
        0\t500\tcut
        500\t501\tshort
        501\t900\tsame start
        900\t998\tclamped
        998\t999\tbeyond
        999\t1000\tlast
        """,
        TranscriptFormat.TSV.format(transcript, "x"));
    // More segments than milliseconds: only then is the end not that of the recording.
    assertEquals(
        "start\tend\ttext\n0\t1\ta\n1\t2\tb\n",
        TranscriptFormat.TSV.format(segments(0, segment(0, 0, "a"), segment(0, 0, "b")), "x"));
  }

  @Test
  void textThatWouldEndACueIsJoined() {
    Transcript transcript =
        segments(9, segment(0, 1, "\n\na\r\n \r\u2028 \n b\u0085"), segment(2, 3, " \n\u0085 "));
    assertFormat("1\n00:00:00,000 --> 00:00:01,000\na\nb\n\n", transcript, TranscriptFormat.SRT);
    assertFormat(
        "1\n00:00:00,000 --> 00:00:01,000\na-> b->\n\n",
        segments(9, segment(0, 1, "a---> b-->")),
        TranscriptFormat.SRT);
  }

  @Test
  void unicodeStaysAsItIs() throws IOException {
    String text =
        "\u0645\u0631\u062D\u0628\u0627 \u05E9\u05DC\u05D5\u05DD \uD83D\uDC68\u200D\uD83D\uDC69 e\u0301 \u4F60\u597D";
    Transcript transcript =
        new Transcript(
            text,
            1,
            List.of(
                new Segment(0, 1, text, 1, List.of(word(text.replace(' ', '\u200B'), 0, 1, 1)))));
    for (TranscriptFormat format : TranscriptFormat.values()) {
      Path file = temp.resolve("a." + format.extension());
      format.write(transcript, file);
      String written = Files.readString(file);
      String expected = format == TranscriptFormat.CTM ? text.replace(' ', '\u200B') : text;
      assertTrue(written.contains(expected), written);
    }
  }

  @Test
  void writesWholeFilesUnderTheirNames() throws IOException {
    Path file = temp.resolve("my call.v2.ctm");
    Files.writeString(file, "old ".repeat(1000));
    TranscriptFormat.ofFile(file).write(SPEECH, file);
    assertEquals(TranscriptFormat.CTM.format(SPEECH, "my_call.v2"), Files.readString(file));
    Path folder = Files.createDirectory(temp.resolve("folder.srt"));
    Files.writeString(folder.resolve("x"), "");
    assertThrows(IOException.class, () -> TranscriptFormat.SRT.write(SPEECH, folder));
    assertThrows(
        IOException.class, () -> TranscriptFormat.SRT.write(SPEECH, temp.resolve("no/such.srt")));
    try (Stream<Path> left = Files.list(temp)) {
      assertEquals(2, left.count()); // nothing under another name
    }
  }

  @Test
  void namesMayBeAsLongAsTheFileSystemAllows() throws IOException {
    Path file = temp.resolve("n".repeat(251) + ".srt");
    TranscriptFormat.SRT.write(SPEECH, file);
    assertEquals(TranscriptFormat.SRT.format(SPEECH, "n"), Files.readString(file));
  }

  @Test
  void writesToWhatALinkLeadsTo() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("folder"));
    Path file = Files.writeString(folder.resolve("file.txt"), "old");
    Path link = Files.createSymbolicLink(temp.resolve("link.ctm"), Path.of("folder", "file.txt"));
    TranscriptFormat.CTM.write(SPEECH, link);
    assertTrue(Files.isSymbolicLink(link));
    assertFalse(Files.isSymbolicLink(file));
    assertEquals(TranscriptFormat.CTM.format(SPEECH, "link"), Files.readString(file));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void formatsHaveNames() {
    for (TranscriptFormat format : TranscriptFormat.values()) {
      assertEquals(format, TranscriptFormat.fromName(format.name()));
      assertEquals(format, TranscriptFormat.fromName(format.extension().toUpperCase()));
      assertEquals(format, TranscriptFormat.ofFile(Path.of("b.c/a.b." + format.extension())));
    }
    String expected = "; expected one of txt, json, srt, vtt, tsv, ctm, TextGrid";
    assertRefused(
        "there is no transcript format 'doc'" + expected, () -> TranscriptFormat.fromName("doc"));
    assertRefused("there is no transcript format ''", () -> TranscriptFormat.ofFile(Path.of("a.")));
    Path none = Path.of("b.srt", "a");
    assertRefused(none + " has no extension" + expected, () -> TranscriptFormat.ofFile(none));
    assertRefused("is no file name", () -> TranscriptFormat.ofFile(temp.getRoot()));
    assertRefused("name is ' '", () -> TranscriptFormat.CTM.format(SPEECH, " "));
  }

  @Test
  void nullIsRefusedByName() {
    assertNamed("name", () -> TranscriptFormat.fromName(null));
    assertNamed("file", () -> TranscriptFormat.ofFile(null));
    assertNamed("transcript", () -> TranscriptFormat.SRT.format(null, "x"));
    assertNamed("name", () -> TranscriptFormat.SRT.format(SPEECH, null));
    assertNamed("transcript", () -> TranscriptFormat.SRT.write(null, temp.resolve("a.srt")));
    assertNamed("file", () -> TranscriptFormat.SRT.write(SPEECH, null));
    assertNamed("text", () -> new TimedToken(null, 0, 1, 1));
    assertNamed("text", () -> new Word(null, 0, 1, 1, List.of()));
    assertNamed("tokens", () -> new Word("a", 0, 1, 1, null));
    assertNamed("text", () -> new Segment(0, 1, null, 1, List.of()));
    assertNamed("words", () -> new Segment(0, 1, "a", 1, null));
    assertNamed("text", () -> new Transcript(null, 1, List.of()));
    assertNamed("segments", () -> new Transcript("a", 1, null));
    assertNamed("words", () -> Transcript.of(null, 1, SegmentOptions.DEFAULT));
    assertNamed("options", () -> Transcript.of(List.of(), 1, null));
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Property(tries = 300, seed = "20240817")
  void cuesAreInOrderAndTiersCoverTheTime(
      @ForAll Random random, @ForAll @IntRange(min = 0, max = 12) int count) {
    double duration = random.nextInt(4) == 0 ? 0.004 : 3 * random.nextDouble();
    Transcript transcript = random(random, count, duration);
    long length = Math.max(Math.max(1, count), Math.round(duration * 1000));
    long end = 0;
    List<String> lines = TranscriptFormat.TSV.format(transcript, "x").lines().skip(1).toList();
    assertEquals(count, lines.size());
    for (String line : lines) {
      String[] fields = line.split("\t");
      assertTrue(end <= Long.parseLong(fields[0]), line);
      assertTrue(Long.parseLong(fields[0]) < Long.parseLong(fields[1]), line);
      end = Long.parseLong(fields[1]);
    }
    assertTrue(end <= length);

    String grid = TranscriptFormat.TEXTGRID.format(transcript, "x");
    String[] tiers = grid.split("item \\[\\d+\\]:");
    assertEquals(4, tiers.length);
    for (int i = 1; i < tiers.length; i++) {
      List<Double> times = times(tiers[i]);
      double tierEnd = times.get(1);
      assertTrue(tierEnd >= length / 1000.0);
      double at = 0;
      for (int k = 2; k < times.size(); k += 2) {
        assertEquals(at, times.get(k));
        assertTrue(times.get(k) < times.get(k + 1));
        at = times.get(k + 1);
      }
      assertEquals(tierEnd, at);
      assertEquals(times(tiers[1]).get(1), tierEnd);
      assertTrue(tiers[i].contains("size = " + (times.size() / 2 - 1) + "\n"));
    }
  }

  private static List<Double> times(String tier) {
    return Pattern.compile("xm(?:in|ax) = (\\S+)")
        .matcher(tier)
        .results()
        .map(match -> Double.valueOf(match.group(1)))
        .toList();
  }

  /** Segments that may overlap, be empty or lie beyond the end. */
  private static Transcript random(Random random, int count, double duration) {
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      double start = random.nextInt(3) == 0 ? random.nextInt(3) : 4 * random.nextDouble();
      double end = start + random.nextInt(3) * random.nextDouble();
      TimedToken token = new TimedToken("t", start, end, 1);
      Word word = new Word("w", start, end, 1, List.of(token, token));
      segments.add(new Segment(start, end, "s", 1, List.of(word)));
    }
    return new Transcript("s", duration, segments);
  }

  private static void assertFormat(
      String expected, Transcript transcript, TranscriptFormat format) {
    assertEquals(expected, format.format(transcript, "name"));
  }

  private static void assertRefused(String message, Executable call) {
    Exception error = assertThrows(IllegalArgumentException.class, call);
    assertTrue(error.getMessage().contains(message), error.getMessage());
  }

  private static JsonNode json(Transcript transcript) throws IOException {
    return new ObjectMapper().readTree(TranscriptFormat.JSON.format(transcript, "name"));
  }

  private static String times(double start, double end) {
    return TranscriptFormat.SRT
        .format(segments(1e6, segment(start, end, "a")), "x")
        .lines()
        .toList()
        .get(1);
  }

  private static Transcript segments(double duration, Segment... segments) {
    return new Transcript("", duration, List.of(segments));
  }

  private static Segment segment(double start, double end, String text) {
    return new Segment(start, end, text, 1, List.of());
  }

  private static Word word(String text, double start, double end, double confidence) {
    return new Word(text, start, end, confidence, List.of());
  }
}
