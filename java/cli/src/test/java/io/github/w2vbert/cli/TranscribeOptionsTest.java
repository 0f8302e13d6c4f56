package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.VadOptions;
import io.github.w2vbert.WindowOptions;
import io.github.w2vbert.decoding.BeamOptions;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.HotWords;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.NgramModel;
import io.github.w2vbert.transcript.SegmentOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.TranscriptFormat;
import io.github.w2vbert.transcript.Word;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What options of transcribe do is what the API does. */
class TranscribeOptionsTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");
  private static final String ARPA =
      """
      \\data\\
      ngram 1=5

      \\1-grams:
      -2.0\t<unk>
      -99\t<s>
      -0.9\t</s>
      -0.3\txq
      -0.3\ts

      \\end\\
      """;

  private static Transcriber transcriber;
  private static Audio audio;

  @TempDir private Path folder;

  @BeforeAll
  static void open() throws IOException {
    transcriber = Transcriber.fromPretrained(Cli.PLAIN);
    audio = Audio.read(CLIP);
  }

  @AfterAll
  static void close() {
    transcriber.close();
  }

  private static String transcribe(Path file, Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("transcribe", file, "--model", Cli.PLAIN));
    arguments.addAll(List.of(options));
    Cli.Result result = Cli.run(arguments.toArray());
    assertEquals("", result.err());
    assertEquals(0, result.status());
    return result.out();
  }

  private static List<Hypothesis> hypotheses(BeamSearchDecoder decoder) {
    return decoder.decode(transcriber.score(audio, TranscribeOptions.DEFAULT));
  }

  private static String text(BeamOptions options, NgramModel model, HotWords hotWords) {
    BeamSearchDecoder decoder =
        transcriber.beamSearch().withOptions(options).withModel(model).withHotWords(hotWords);
    return hypotheses(decoder).get(0).text() + "\n";
  }

  private Path recording(float[]... parts) throws IOException {
    int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
    float[] samples = new float[length];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, samples, at, part.length);
      at += part.length;
    }
    return Cli.wav(folder.resolve("recording.wav"), audio.sampleRate(), samples);
  }

  // Formats.

  @ParameterizedTest
  @EnumSource(TranscriptFormat.class)
  void formatsAreThoseOfTheLibrary(TranscriptFormat format) {
    String expected = format.format(transcriber.transcribe(audio), "audio_0");

    String name = format.name().toLowerCase(Locale.ROOT);
    assertEquals(expected, transcribe(CLIP, "--format", name));
    assertEquals(expected, transcribe(CLIP, "--format", format.extension()));
  }

  @Test
  void segmentsFollowTheirOptions() {
    SegmentOptions segments =
        SegmentOptions.DEFAULT.withLineCharacters(8).withLines(1).withSeconds(0.3);
    Transcript expected =
        transcriber.transcribe(audio, TranscribeOptions.DEFAULT.withSegments(segments));
    assertTrue(expected.segments().size() > 2);

    Object[] options = {
      "--format", "srt", "--max-line", 8, "--max-lines", 1, "--segment-seconds", 0.3
    };
    assertEquals(TranscriptFormat.SRT.format(expected, "a"), transcribe(CLIP, options));
  }

  @Test
  void ctmOfSeveralNamesThem() throws IOException {
    Path copy = Files.copy(CLIP, folder.resolve("other.wav"));
    Transcript transcript = transcriber.transcribe(audio);

    String lines = Cli.run("transcribe", CLIP, copy, "--format", "ctm", "--model", Cli.PLAIN).out();

    assertEquals(
        TranscriptFormat.CTM.format(transcript, "audio_0")
            + TranscriptFormat.CTM.format(transcript, "other"),
        lines);
  }

  @Test
  void wordsAreLinesWithTimesAndConfidences() throws IOException {
    String[] lines = transcribe(CLIP, "--words").split("\n");

    List<Word> words = transcriber.transcribe(audio).words();
    assertEquals(words.size(), lines.length);
    for (int i = 0; i < lines.length; i++) {
      String[] columns = lines[i].split("\t");
      assertEquals(4, columns.length, lines[i]);
      assertEquals(words.get(i).start(), Double.parseDouble(columns[0]), 5e-4);
      assertEquals(words.get(i).end(), Double.parseDouble(columns[1]), 5e-4);
      assertEquals(words.get(i).confidence(), Double.parseDouble(columns[2]), 5e-5);
      assertEquals(words.get(i).text(), columns[3]);
    }
    Cli.Result several = Cli.run("transcribe", CLIP, CLIP, "--words", "--model", Cli.PLAIN);
    assertEquals(2 * lines.length, several.out().lines().count());
    assertTrue(several.out().startsWith(CLIP + ": " + lines[0] + "\n"), several.out());
  }

  // Search.

  @ParameterizedTest
  @CsvSource({"1", "3", "100"})
  void beamsSearchAsWideAsTheySay(int width) {
    assertEquals(
        text(BeamOptions.DEFAULT.withBeamWidth(width), null, HotWords.NONE),
        transcribe(CLIP, "--beam", width));
  }

  @Test
  void alternativesComeWithTheirScores() throws IOException {
    List<Hypothesis> expected =
        hypotheses(
            transcriber
                .beamSearch()
                .withOptions(BeamOptions.DEFAULT.withBeamWidth(20).withNBest(3)));
    assertEquals(3, expected.size());

    String[] lines = transcribe(CLIP, "--beam", 20, "--n-best", 3).split("\n");
    assertEquals(3, lines.length);
    for (int i = 0; i < lines.length; i++) {
      String[] columns = lines[i].split("\t");
      assertEquals(expected.get(i).score(), Double.parseDouble(columns[0]), 5e-5);
      assertEquals(expected.get(i).text(), columns[1]);
    }
    requireAlternatives(expected, transcribe(CLIP, "--beam", 20, "--n-best", 3, "--json"));
    String json = transcribe(CLIP, "--beam", 20, "--n-best", 3, "--format", "json");
    requireAlternatives(expected, json);
    assertTrue(Cli.JSON.readTree(json).has("segments"));
  }

  private static void requireAlternatives(List<Hypothesis> expected, String json)
      throws IOException {
    JsonNode node = Cli.JSON.readTree(json);
    assertEquals(expected.get(0).text(), node.at("/text").asText());
    assertEquals(expected.size(), node.at("/alternatives").size());
    for (int i = 0; i < expected.size(); i++) {
      JsonNode alternative = node.at("/alternatives").get(i);
      assertEquals(expected.get(i).text(), alternative.at("/text").asText());
      assertEquals(expected.get(i).score(), alternative.at("/score").asDouble());
      assertEquals(expected.get(i).acousticScore(), alternative.at("/acousticScore").asDouble());
      assertEquals(expected.get(i).languageScore(), alternative.at("/languageScore").asDouble());
      assertEquals(expected.get(i).hotWordScore(), alternative.at("/hotWordScore").asDouble());
    }
  }

  @Test
  void alternativesStayWithTheirFiles() throws IOException {
    Path half = folder.resolve("half.wav");
    audio.slice(0, audio.length() / 2).writeWav(half);
    Path stereo = Cli.wav(folder.resolve("stereo.wav"), 16_000, new float[9000], new float[9000]);
    String[] alone = {transcribe(half, "--n-best", 2), transcribe(CLIP, "--n-best", 2)};

    Cli.Result result =
        Cli.run("transcribe", half, stereo, CLIP, "--n-best", 2, "--model", Cli.PLAIN);

    String expected = alone[0].replaceAll("(?m)^(?=.)", half + ": ");
    assertEquals(expected + alone[1].replaceAll("(?m)^(?=.)", CLIP + ": "), result.out());
    assertEquals(1, result.status());
  }

  @Test
  void languageModelsWeighIn() throws IOException {
    Path arpa = Files.writeString(folder.resolve("lm.arpa"), ARPA);
    Path gzip = folder.resolve("lm.arpa.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(gzip))) {
      out.write(ARPA.getBytes(StandardCharsets.UTF_8));
    }
    NgramModel model = NgramModel.read(arpa);
    BeamOptions options = BeamOptions.DEFAULT;
    String plain = transcribe(CLIP, "--lm", arpa);

    assertEquals(text(options, model, HotWords.NONE), plain);
    assertNotEquals(text(options, null, HotWords.NONE), plain);
    assertEquals(plain, transcribe(CLIP, "--lm", gzip));
    String weighted = transcribe(CLIP, "--lm", arpa, "--lm-weight", 3, "--word-bonus", 20);
    assertEquals(
        text(options.withModelWeight(3).withWordBonus(20), model, HotWords.NONE), weighted);
    assertNotEquals(plain, weighted);
    String bonus = transcribe(CLIP, "--lm", arpa, "--word-bonus", 20);
    assertEquals(text(options.withWordBonus(20), model, HotWords.NONE), bonus);
    assertNotEquals(weighted, bonus);
  }

  @Test
  void theLanguageModelInTheModelsFolderTakesPart() throws IOException {
    Path model = folder.resolve("model");
    Cli.run("convert", "--model", Cli.PLAIN, "-o", model);
    Path arpa = model.resolve("language_model/1gram.arpa");
    Files.createDirectories(arpa.getParent());
    Files.writeString(arpa, ARPA);
    Files.writeString(arpa.resolveSibling("attrs.json"), "{\"alpha\": 3, \"beta\": 20}");
    Files.writeString(model.resolve("alphabet.json"), "{}"); // transformers reads it
    String expected = transcribe(CLIP, "--lm", arpa, "--lm-weight", 3, "--word-bonus", 20);
    String plain = transcribe(CLIP);
    assertNotEquals(plain, expected);

    assertEquals(expected, Cli.run("transcribe", CLIP, "--model", model).out());
    assertEquals(plain, Cli.run("transcribe", CLIP, "--model", model, "--best-path").out());
    // Other options of a search keep it; another language model comes without its weights.
    assertEquals(
        transcribe(CLIP, "--lm", arpa, "--lm-weight", 3, "--word-bonus", 20, "--beam", 2),
        Cli.run("transcribe", CLIP, "--model", model, "--beam", 2).out());
    assertEquals(
        transcribe(CLIP, "--lm", arpa, "--lm-weight", 3, "--word-bonus", 1.5),
        Cli.run("transcribe", CLIP, "--model", model, "--word-bonus", 1.5).out());
    assertEquals(
        transcribe(CLIP, "--lm", arpa),
        Cli.run("transcribe", CLIP, "--model", model, "--lm", arpa).out());

    Path converted = folder.resolve("converted");
    Cli.run("convert", "--model", model, "-o", converted);
    assertEquals(expected, Cli.run("transcribe", CLIP, "--model", converted).out());
    assertEquals("{}", Files.readString(converted.resolve("alphabet.json")));
    Cli.run("convert", "--model", Cli.PLAIN, "-o", converted, "--force");
    assertEquals(plain, Cli.run("transcribe", CLIP, "--model", converted).out());

    Path manifest = folder.resolve("test.tsv");
    Files.write(manifest, List.of("audio\ttext", CLIP + "\t" + expected.strip()));
    assertEquals(0, wordErrorRate(model, manifest));
    assertNotEquals(0, wordErrorRate(model, manifest, "--best-path"));
  }

  private static double wordErrorRate(Path model, Path manifest, Object... options)
      throws IOException {
    List<Object> arguments =
        new ArrayList<>(List.of("evaluate", "--model", model, "--data", manifest, "--json"));
    arguments.addAll(List.of(options));
    return Cli.JSON.readTree(Cli.run(arguments.toArray()).out()).at("/WER/rate").asDouble();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--lm-weight", "--word-bonus"})
  void weightsNeedALanguageModel(String option) {
    Cli.Result result = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, option, 1);
    assertEquals(2, result.status());
    assertTrue(
        result.err().startsWith("w2vbert: " + option + " has no effect without a language model"),
        result.err());
  }

  @Test
  void theBestPathIsNoSearch() {
    Cli.Result result =
        Cli.run("transcribe", CLIP, "--model", Cli.PLAIN, "--best-path", "--beam", 3);
    assertEquals(2, result.status());
    assertTrue(
        result.err().startsWith("w2vbert: --best-path is given, and an option"), result.err());
  }

  @Test
  void brokenLanguageModelsAreReported() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken.arpa"), ARPA.replace("1=5", "1=6"));
    for (Path file : List.of(broken, folder.resolve("none.arpa"))) {
      Cli.Result result = Cli.run("transcribe", CLIP, "--lm", file, "--model", Cli.PLAIN);
      assertEquals(1, result.status());
      assertTrue(result.err().contains(file.toString()), result.err());
      assertEquals(1, result.err().lines().count(), result.err());
      assertEquals("", result.out());
    }
  }

  @Test
  void hotWordsAreFavoured() throws IOException {
    Path file = folder.resolve("hot.txt");
    Files.writeString(file, "\uFEFFsq vd \t2.5\r\n\n  xqr\n");
    Map<String, Double> phrases = new LinkedHashMap<>();
    phrases.put("sq vd", 2.5);
    phrases.put("xqr", 1.0);
    BeamOptions options = BeamOptions.DEFAULT;
    String listed = transcribe(CLIP, "--hotwords-file", file);

    assertEquals(text(options, null, new HotWords(phrases)), listed);
    assertNotEquals(text(options, null, HotWords.NONE), listed);
    assertEquals(
        text(options.withHotWordWeight(3), null, HotWords.of(List.of("lq", "sq vd"))),
        transcribe(CLIP, "--hotword", "lq", "--hotword", "sq vd", "--hotword-weight", 3));
    phrases.put("lq", 1.0);
    assertEquals(
        text(options, null, new HotWords(phrases)),
        transcribe(CLIP, "--hotword", "lq", "--hotwords-file", file));
  }

  @Test
  void hotWordsThatCannotBeSpeltAreWrongUsage() {
    Cli.Result unknown =
        Cli.run("transcribe", CLIP, "--hotword", "stra\u00dfe", "--model", Cli.PLAIN);
    assertEquals(2, unknown.status());
    assertTrue(unknown.err().contains("the hot word \"stra\u00dfe\" has the character"));
    assertEquals(1, unknown.err().lines().count(), unknown.err());

    Cli.Result blank = Cli.run("transcribe", CLIP, "--hotword", " ", "--model", Cli.PLAIN);
    assertEquals(2, blank.status());
    assertTrue(
        blank.err().startsWith("w2vbert: --hotword ' ': a hot word is blank, expected text"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'ok\nwell\tx' | ': line 2 has the weight ''x''; expected a finite number above 0'",
        "'well\t' | ': line 1 has the weight ''''; expected'",
        "'well\t0' | ': line 1 has the weight ''0''; expected'",
        "'well\tNaN' | ': line 1 has the weight ''NaN''; expected'",
        "'well\t1\t2' | ': line 1 has the weight ''1\t2''; expected'",
        "'\n\t2' | ': line 2 has no phrase; expected one before the tab'",
      })
  void malformedHotWordsNameTheirLine(String content, String message) throws IOException {
    Path file = Files.writeString(folder.resolve("hot.txt"), content);

    Cli.Result result = Cli.run("transcribe", CLIP, "--hotwords-file", file, "--model", Cli.PLAIN);

    assertEquals(1, result.status());
    assertTrue(result.err().startsWith("w2vbert: " + file + message), result.err());
  }

  @Test
  void hotWordsHaveToBeText() throws IOException {
    Path file = Files.write(folder.resolve("hot.txt"), new byte[] {'a', (byte) 0xE9});

    Cli.Result result = Cli.run("transcribe", CLIP, "--hotwords-file", file, "--model", Cli.PLAIN);

    assertEquals(1, result.status());
    assertEquals("w2vbert: " + file + " is no text; expected UTF-8\n", result.err());
  }

  // Long recordings.

  @Test
  void windowsAreThoseOfTheLibrary() throws IOException {
    float[] speech = audio.samples();
    Path file = recording(speech, speech, speech, speech, speech);
    Audio recording = Audio.read(file);
    TranscribeOptions options = TranscribeOptions.DEFAULT;

    String whole = transcribe(file);
    assertEquals(transcriber.transcribe(recording).text() + "\n", whole);
    for (double context : new double[] {0.25, 0.1}) {
      String expected =
          transcriber
              .transcribe(recording, options.withWindows(new WindowOptions(1, context)))
              .text();
      assertNotEquals(whole, expected + "\n");
      assertEquals(expected + "\n", transcribe(file, "--window", 1, "--context", context));
    }
    assertEquals(
        transcribe(file, "--window", 1, "--context", 0.25), transcribe(file, "--window", 1));
    assertEquals(
        transcribe(file, "--window", 40, "--context", 4), transcribe(file, "--window", 40));
  }

  @Test
  void speechIsLookedForOnRequest() throws IOException {
    float[] speech = audio.samples();
    Path file = recording(speech, new float[16_000], speech);
    Audio recording = Audio.read(file);
    TranscribeOptions options = TranscribeOptions.DEFAULT;
    Transcript found =
        transcriber.transcribe(recording, options.withVoiceActivity(VadOptions.DEFAULT));

    String srt = transcribe(file, "--vad", "--format", "srt");

    assertEquals(TranscriptFormat.SRT.format(found, "a"), srt);
    assertNotEquals(transcribe(file, "--format", "srt"), srt);
    VadOptions strict = VadOptions.DEFAULT.withThreshold(60);
    assertNotEquals(
        found, transcriber.transcribe(recording, options.withVoiceActivity(strict)), "a threshold");
    assertEquals(
        TranscriptFormat.SRT.format(
            transcriber.transcribe(recording, options.withVoiceActivity(strict)), "a"),
        transcribe(file, "--vad", "--vad-threshold", 60, "--format", "srt"));
  }
}
