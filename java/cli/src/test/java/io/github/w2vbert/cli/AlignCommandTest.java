package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.WindowOptions;
import io.github.w2vbert.decoding.AlignOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.TranscriptFormat;
import io.github.w2vbert.transcript.Word;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AlignCommandTest {
  private static final Path CLIP = Cli.ADAPTER.resolve("audio_0.wav");
  private static final Path OTHER = Cli.ADAPTER.resolve("audio_1.wav");
  private static final String TEXT = "Vdvv, dvdvkv d!";

  private static Transcriber transcriber;
  private static Audio audio;

  @TempDir private Path folder;

  @BeforeAll
  static void open() throws IOException {
    transcriber = Transcriber.fromPretrained(Cli.ADAPTER);
    audio = Audio.read(CLIP);
  }

  @AfterAll
  static void close() {
    transcriber.close();
  }

  private static Cli.Result run(Object... arguments) {
    List<Object> all = new ArrayList<>(List.of("align", "--model", Cli.ADAPTER));
    all.addAll(List.of(arguments));
    return Cli.run(all.toArray());
  }

  private static String align(Object... arguments) {
    Cli.Result result = run(arguments);
    assertEquals("", result.err());
    assertEquals(0, result.status());
    return result.out();
  }

  private static Transcript aligned(String text, AlignOptions alignment) {
    return transcriber.align(audio, text, alignment, TranscribeOptions.DEFAULT);
  }

  private static String srt(Transcript transcript) {
    return TranscriptFormat.SRT.format(transcript, "a");
  }

  @Test
  void wordsAreLinesWithTimesAndConfidences() {
    String[] lines = align(CLIP, "--text", TEXT).split("\n");

    List<Word> words = aligned(TEXT, AlignOptions.DEFAULT).words();
    assertEquals(3, lines.length);
    for (int i = 0; i < lines.length; i++) {
      String[] columns = lines[i].split("\t");
      assertEquals(words.get(i).start(), Double.parseDouble(columns[0]), 5e-4);
      assertEquals(words.get(i).end(), Double.parseDouble(columns[1]), 5e-4);
      assertEquals(words.get(i).confidence(), Double.parseDouble(columns[2]), 5e-5);
      assertEquals(words.get(i).text(), columns[3]);
    }
    assertTrue(lines[0].endsWith("\tVdvv,"), "the text keeps its spelling");
  }

  @Test
  void theTextMayBeAFileAndTheResultToo() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "\uFEFF" + TEXT + "\n");
    String lines = align(CLIP, "--text", TEXT);
    assertEquals(lines, align(CLIP, "--text-file", text));

    Path output = folder.resolve("out.TextGrid");
    assertEquals("", align(CLIP, "--text-file", text, "-o", output));
    assertEquals(
        TranscriptFormat.TEXTGRID.format(aligned(TEXT, AlignOptions.DEFAULT), "a"),
        Files.readString(output));
    align(CLIP, "--text", TEXT, "-o", folder.resolve("out.txt"));
    assertEquals(lines, Files.readString(folder.resolve("out.txt")));
  }

  @Test
  void optionsReachTheAligner() {
    String part = "dvdvkv";
    AlignOptions around = AlignOptions.DEFAULT.withSpeechAround(true);
    String all = align(CLIP, "--text", part, "--format", "srt");
    assertEquals(srt(aligned(part, AlignOptions.DEFAULT)), all);
    String inside = align(CLIP, "--text", part, "--format", "srt", "--speech-around");
    assertEquals(srt(aligned(part, around)), inside);
    assertNotEquals(all, inside);

    String gap = "vdvv d";
    AlignOptions between = AlignOptions.DEFAULT.withSpeechBetweenWords(true);
    String stretched = align(CLIP, "--text", gap, "--format", "tsv");
    String sparse = align(CLIP, "--text", gap, "--format", "json", "--speech-between-words");
    assertEquals(TranscriptFormat.JSON.format(aligned(gap, between), "a"), sparse);
    assertNotEquals(aligned(gap, between), aligned(gap, AlignOptions.DEFAULT));
    assertNotEquals(
        stretched, align(CLIP, "--text", gap, "--format=tsv", "--speech-between-words"));
  }

  @Test
  void theBandIsInSeconds() {
    String text = "d vdvvdvdv";
    Transcript free = aligned(text, AlignOptions.DEFAULT);
    // 0.1 s are 2.5 frames of 40 ms: 3.
    Transcript narrow = aligned(text, AlignOptions.DEFAULT.withBand(3));
    assertNotEquals(free, narrow, "the band matters here");

    assertEquals(srt(narrow), align(CLIP, "--text", text, "--format=srt", "--band", 0.1));
    assertEquals(srt(free), align(CLIP, "--text", text, "--format=srt", "--band", 1e300));
  }

  @Test
  void windowsAreThoseOfTheLibrary() {
    Transcript expected =
        transcriber.align(
            audio,
            TEXT,
            AlignOptions.DEFAULT,
            TranscribeOptions.DEFAULT.withWindows(new WindowOptions(0.5, 0.1)));

    String ctm = align(CLIP, "--text", TEXT, "--window", 0.5, "--context", 0.1, "--format", "ctm");

    assertEquals(TranscriptFormat.CTM.format(expected, "audio_0"), ctm);
    assertNotEquals(align(CLIP, "--text", TEXT, "--format", "ctm"), ctm);
  }

  @Test
  void severalFilesHaveTextsOfTheirNames() throws IOException {
    Files.writeString(folder.resolve("audio_0.txt"), TEXT);
    Files.writeString(folder.resolve("audio_1.txt"), "xd v");
    String named = align(CLIP, OTHER, "--text-dir", folder);
    assertEquals(
        align(CLIP, "--text", TEXT).replaceAll("(?m)^(?=.)", CLIP + ": ")
            + align(OTHER, "--text", "xd v").replaceAll("(?m)^(?=.)", OTHER + ": "),
        named);

    Files.delete(folder.resolve("audio_0.txt"));
    Path grids = folder.resolve("grids");
    Cli.Result result = run(CLIP, OTHER, "--text-dir", folder, "--format", "textgrid", "-o", grids);
    assertEquals(1, result.status());
    assertEquals(
        "w2vbert: " + CLIP + ": " + folder.resolve("audio_0.txt") + ": no such file or folder\n",
        result.err());
    assertEquals(List.of("audio_1.TextGrid"), Cli.names(grids));
  }

  @Test
  void textsThatCannotBeAlignedAreReported() throws IOException {
    requireFailure(": the text '42' has no character of the vocabulary", CLIP, "--text", "42");
    requireFailure(": the text '' has no character of the vocabulary", CLIP, "--text", "");
    requireFailure(": the audio has ", CLIP, "--text", "word ".repeat(100));
    Path tooShort = Cli.wav(folder.resolve("short.wav"), 16_000, new float[100]);
    requireFailure(": the audio has 0 frames", tooShort, "--text", "v");
    Path stereo = Cli.wav(folder.resolve("stereo.wav"), 16_000, new float[9000], new float[9000]);
    requireFailure(" has 2 channels; choose one", stereo, "--text", "v");
    assertEquals(0, run(stereo, "--mix", "--text", "v").status());
  }

  private static void requireFailure(String message, Object... arguments) {
    Cli.Result result = run(arguments);
    assertEquals(1, result.status());
    assertTrue(result.err().startsWith("w2vbert: " + arguments[0] + message), result.err());
    assertEquals(1, result.err().lines().count(), result.err());
    assertEquals("", result.out());
  }

  @Test
  void textFilesThatCannotBeReadAreReported() throws IOException {
    Path binary = Files.write(folder.resolve("binary.txt"), new byte[] {(byte) 0xFF});
    Cli.Result result = run(CLIP, "--text-file", binary);
    assertEquals("w2vbert: " + binary + " is no text; expected UTF-8\n", result.err());
    assertEquals(1, result.status());
    Cli.Result missing = run(CLIP, "--text-file", folder.resolve("none.txt"));
    assertEquals(
        "w2vbert: " + folder.resolve("none.txt") + ": no such file or folder\n", missing.err());
    assertEquals(1, missing.status());
  }
}
