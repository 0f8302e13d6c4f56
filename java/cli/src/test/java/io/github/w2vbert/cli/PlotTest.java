package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.transcript.Word;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a plot shows, whatever its format. */
class PlotTest {
  private static final byte ZERO = 0;
  private static final byte ONE = (byte) ColorMap.LAST;

  // Time.

  @ParameterizedTest
  @CsvSource({
    "1.5, 0.1, 0.30000000000000004, 0.3",
    "1.5, 0.02, 0.04, 0.04",
    "1.5, 0.005, 0.015, 0.015",
    "59, 10, 50, 50",
    "60, 10, 0, 0:00",
    "120, 0.5, 59.5, 0:59.5",
    "120, 0.1, 59.99999999, 1:00.0",
    "3599, 300, 3300, 55:00",
    "7200, 600, 4200, 1:10:00",
    "7200, 0.5, 3600.5, 1:00:00.5"
  })
  void ticksAreLabelledInUnitsThatPeopleRead(
      double seconds, double step, double tick, String label) {
    assertEquals(label, new TimeAxis(seconds).label(tick, step));
  }

  @Test
  void theLastTickMayBeTheEnd() {
    assertEquals(4, new TimeAxis(0.3).ticks(0.1).size());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.01, 0.5, 1.5, 9.99, 10, 61, 3600, 86_400, 1e7, 1e12})
  void ticksAreFewAndApart(double seconds) {
    TimeAxis axis = new TimeAxis(seconds);
    double step = axis.step(960);
    List<Double> ticks = axis.ticks(step);
    assertTrue(ticks.size() >= 2 && ticks.size() <= 15, ticks.toString());
    assertTrue(step / seconds * 960 >= TimeAxis.TICK_PIXELS);
    assertEquals(ticks.size(), ticks.stream().map(t -> axis.label(t, step)).distinct().count());
  }

  @Test
  void theAxisHoldsWordsThatEndAfterTheAudio() {
    PlotData data =
        PlotSamples.withText(
            PlotSamples.small(), "a.wav", "late", List.of(PlotSamples.word("late", 0, 7, 1)));
    assertEquals(7, TimeAxis.of(data).seconds());
    assertEquals(0.1, TimeAxis.of(PlotSamples.small()).seconds(), 1e-12);
    assertTrue(TimeAxis.of(PlotSamples.empty()).seconds() > 0);
  }

  // Waveform.

  /** Sizes around the most columns. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7999, 8000, 8001, 100_003})
  void noPeakIsLost(int samples) {
    float[] wave = new float[samples];
    wave[samples / 2] = 0.3f;
    wave[samples - 1] = -0.7f;
    Envelope envelope = Envelope.of(Audio.of(wave, 16_000));

    int columns = Math.min(samples, 8000);
    assertEquals(columns, envelope.columns());
    assertEquals(-0.7f, envelope.lowest()[columns - 1]);
    assertEquals(samples == 1 ? -0.7f : 0.3f, max(envelope.highest()));
    assertEquals("1", envelope.label());
  }

  private static float max(float[] values) {
    return (float)
        IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({"0.11, 0.2", "0.5, 0.5", "0.51, 1", "3, 5", "0, 0.001", "30000, 50000"})
  void theScaleFitsTheLoudestSample(float peak, String label) {
    assertEquals(label, Envelope.of(Audio.of(new float[] {0, -peak}, 8000)).label());
  }

  // Spectrogram.

  @Test
  void highFrequenciesAreOnTop() {
    Raster raster = MelPanel.of(PlotSamples.small()).raster();
    assertEquals(8, raster.rows());
    assertEquals(10, raster.columns());
    assertEquals(ONE, raster.pixels()[9]);
    assertEquals(ZERO, raster.pixels()[70]);
  }

  @Test
  void energiesThatAreNoNumbersAreGrey() {
    float[] values = new float[20];
    Arrays.fill(values, 0, 10, 4);
    values[7] = Float.NaN;
    values[13] = Float.POSITIVE_INFINITY;
    MelPanel panel =
        MelPanel.of(PlotSamples.withMel(PlotSamples.small(), new Matrix(10, 2, values)));

    int grey = ColorMap.MISSING;
    assertEquals(grey, panel.raster().pixels()[3] & 0xFF); // bin 1 is above bin 0
    assertEquals(grey, panel.raster().pixels()[6] & 0xFF);
    assertEquals(ONE, panel.raster().pixels()[2]);
    assertEquals(ZERO, panel.raster().pixels()[19]);
    assertEquals(4, panel.high());
    assertEquals(0, panel.low());

    Arrays.fill(values, Float.NaN);
    MelPanel none =
        MelPanel.of(PlotSamples.withMel(PlotSamples.small(), new Matrix(10, 2, values)));
    assertTrue(IntStream.range(0, 20).allMatch(i -> (none.raster().pixels()[i] & 0xFF) == grey));
  }

  @Test
  void frequenciesAreWhereTheirBinsAre() {
    PlotData data = PlotSamples.withMel(PlotSamples.small(), PlotSamples.mel(1, 80));
    List<MelPanel.Tick> ticks = MelPanel.of(data).ticks();
    assertEquals(
        List.of("100 Hz", "500 Hz", "1 kHz", "2 kHz", "4 kHz"),
        ticks.stream().map(MelPanel.Tick::label).toList());
    // 1127 ln(1 + f / 700) is 31.7 at 20 Hz, 1000.0 at 1 kHz and 2146.1 at 4 kHz, the highest.
    assertEquals(((1000.0 - 31.7) / (2146.1 - 31.7) * 81 - 0.5) / 80, ticks.get(2).place(), 1e-3);
    assertEquals(1, ticks.get(4).place());
  }

  /** More frames than columns: the spectrogram keeps means and the tokens maxima. */
  @Test
  void longRecordingsAreReduced() {
    Plot plot = Plot.of(PlotSamples.lasting(400));
    assertEquals(8000, plot.mel().raster().columns());
    assertEquals(0.05, plot.mel().secondsPerColumn(), 1e-12);
    assertEquals(8000, plot.tokens().raster().columns());
    assertEquals(0.05, plot.tokens().secondsPerColumn(), 1e-12);
    assertTrue(plot.melCaption().endsWith("mean of 50 ms per column"), plot.melCaption());
    assertTrue(plot.tokenCaption().endsWith("maximum of 50 ms per column"), plot.tokenCaption());
    assertEquals("Long recording: the panels are reduced to 8,000 columns.", plot.note());
    assertEquals(4000, plot.width());

    LogProbabilities posteriors = plot.data().posteriors();
    double[] expected = new double[8000];
    for (int t = 0; t < posteriors.time(); t++) {
      int column = (int) ((8000L * t + 7999) / posteriors.time());
      expected[column] = Math.max(expected[column], Math.exp(posteriors.get(t, 2)));
    }
    int row = plot.tokens().labels().indexOf(new TokenPanel.Label("a", true));
    for (int c = 0; c < 8000; c++) {
      int actual = plot.tokens().raster().pixels()[row * 8000 + c] & 0xFF;
      assertEquals(254 * expected[c], actual, 0.51, "column " + c);
    }
  }

  @Test
  void shortRecordingsAreComplete() {
    Plot plot = Plot.of(PlotSamples.small());
    assertEquals("", plot.note());
    assertEquals(960, plot.width());
    assertFalse(plot.melCaption().contains("column"));
    assertFalse(plot.tokenCaption().contains("column"));
  }

  // Tokens.

  private static TokenPanel tokens(CtcVocabulary vocabulary, LogProbabilities posteriors) {
    PlotData small = PlotSamples.small();
    return TokenPanel.of(
        new PlotData(
            "a.wav", "", small.audio(), small.mel(), posteriors, vocabulary, 0.02, List.of()));
  }

  @Test
  void tokensThatMatterHaveARow() {
    float certain = 0;
    float tenth = (float) Math.log(0.11);
    float little = (float) Math.log(0.09);
    float none = Float.NEGATIVE_INFINITY;
    float[] values = {
      none, none, certain, tenth, none, //
      little, none, none, none, little
    };
    TokenPanel panel = tokens(PlotSamples.VOCABULARY, LogProbabilities.of(values, 2, 5));

    assertEquals(
        List.of(
            new TokenPanel.Label("a", true),
            new TokenPanel.Label("b", true),
            new TokenPanel.Label("blank", false)),
        panel.labels().stream().filter(label -> !label.text().equals("c")).toList());
    byte[] expected = {ONE, 0, 28, 0};
    assertArrayEquals(expected, Arrays.copyOf(panel.raster().pixels(), 4));
    assertEquals(23, panel.raster().pixels()[panel.raster().pixels().length - 1]);
  }

  @Test
  void ofManyTokensThoseThatLeadMostFramesAreShown() {
    List<String> texts = IntStream.range(0, 41).mapToObj(i -> "t" + i).toList();
    int[] winners =
        IntStream.range(0, 70).map(t -> t < 40 ? t + 1 : t - 40 + 11).toArray(); // 11 to 40 twice
    TokenPanel panel =
        tokens(new CtcVocabulary(texts, 0, -1, Set.of()), PlotSamples.certain(41, winners));

    List<String> shown = panel.labels().stream().map(TokenPanel.Label::text).toList();
    List<String> expected = new ArrayList<>(texts.subList(11, 41));
    expected.add("blank");
    assertEquals(expected, shown);
    assertEquals(40, panel.matter());
  }

  @ParameterizedTest
  @CsvSource({
    "a, a",
    "\u0301, \u25cc\u0301",
    "'\u202e x', U+202EU+0020x",
    "'\u0007', U+0007",
    "abcdefgh, abcdefgh",
    "abcdefghi, abcdefgh\u2026",
    "\ud83d\ude00, \ud83d\ude00"
  })
  void labelsShowWhatIsInvisible(String token, String label) {
    CtcVocabulary vocabulary = new CtcVocabulary(List.of("_", token), 0, -1, Set.of());
    assertEquals(new TokenPanel.Label(label, true), TokenPanel.label(vocabulary, 1));
  }

  @Test
  void tokensWithoutTextAreDescribed() {
    CtcVocabulary vocabulary =
        new CtcVocabulary(Arrays.asList("[PAD]", "|", null, ""), 0, 1, Set.of());
    assertEquals(
        List.of("blank", "space", "#2", "#3"),
        IntStream.range(0, 4).mapToObj(i -> TokenPanel.label(vocabulary, i).text()).toList());
    assertFalse(TokenPanel.label(vocabulary, 2).isText());
  }

  // Words.

  @ParameterizedTest
  @ValueSource(doubles = {1, 20, 100, 1000})
  void labelsOfALaneDoNotOverlap(double pixelsPerSecond) {
    Random random = new Random(7);
    List<Word> words = new ArrayList<>();
    double time = 0;
    for (int i = 0; i < 500; i++) {
      double end = time + random.nextDouble();
      words.add(PlotSamples.word("w".repeat(1 + random.nextInt(12)), time, end, 1));
      time = end + (i % 3 == 0 ? 0 : 0.2 * random.nextDouble());
    }
    WordLanes lanes = new WordLanes(words, pixelsPerSecond, word -> 7 * word.text().length());

    assertEquals(words, lanes.placed().stream().map(WordLanes.Placed::word).toList());
    double[] ends = new double[WordLanes.MAX_LANES];
    for (WordLanes.Placed placed : lanes.placed()) {
      if (placed.lane() != WordLanes.NO_LANE) {
        double start = placed.word().start() * pixelsPerSecond;
        assertTrue(start >= ends[placed.lane()], placed.toString());
        ends[placed.lane()] =
            Math.max(
                start + 7 * placed.word().text().length(), placed.word().end() * pixelsPerSecond);
      }
    }
    boolean hasRoom =
        lanes.placed().stream().noneMatch(placed -> placed.lane() == WordLanes.NO_LANE);
    assertEquals(pixelsPerSecond == 1000, hasRoom);
    assertEquals(
        lanes.placed().stream().mapToInt(WordLanes.Placed::lane).max().orElseThrow() + 1,
        lanes.count());
  }

  @Test
  void anEndlessTranscriptIsCut() {
    List<Word> words =
        IntStream.range(0, 20_001).mapToObj(i -> PlotSamples.word("a", i, i + 1, 1)).toList();
    PlotData data = PlotSamples.withText(PlotSamples.small(), "a.wav", "", words);
    WordLanes lanes = new WordLanes(words, 100, word -> 5);
    assertEquals(20_000, lanes.placed().size());
    assertEquals("the first 20,000 of 20,001", Plot.of(data).wordCaption(lanes));
  }

  @Test
  void theHeaderSaysWhatThereIs() {
    assertEquals(
        List.of(
            new Plot.Fact("Duration", "0.10 s"),
            new Plot.Fact("Sampling rate", "8,000 Hz"),
            new Plot.Fact("Output frames", "5, 20 ms each"),
            new Plot.Fact("Words", "2"),
            new Plot.Fact("Mean confidence", "0.58")),
        Plot.of(PlotSamples.small()).facts());
    assertEquals(
        new Plot.Fact("Duration", "6:40 (400.00 s)"),
        Plot.of(PlotSamples.lasting(400)).facts().get(0));
    Plot empty = Plot.of(PlotSamples.empty());
    assertEquals(new Plot.Fact("Words", "0"), empty.facts().get(3));
    assertEquals("(nothing was recognised)", empty.text());
  }

  // Colours.

  /** CIE lightness grows evenly: no step of the map stands out. */
  @ParameterizedTest
  @EnumSource
  void colorsAreUniform(ColorMap colors) {
    double total = lightness(colors.rgb(ColorMap.LAST)) - lightness(colors.rgb(0));
    assertTrue(total > 70);
    for (int i = 0; i + 16 < ColorMap.LAST; i += 16) {
      double step = lightness(colors.rgb(i + 16)) - lightness(colors.rgb(i));
      assertEquals(1, step / total * ColorMap.LAST / 16, 0.55, "from " + i);
    }
  }

  private static double lightness(int rgb) {
    float[] linear = new Color(rgb).getRGBColorComponents(null);
    double[] weights = {0.2126, 0.7152, 0.0722};
    double luminance = 0;
    for (int i = 0; i < 3; i++) {
      luminance +=
          weights[i]
              * (linear[i] <= 0.04045
                  ? linear[i] / 12.92
                  : Math.pow((linear[i] + 0.055) / 1.055, 2.4));
    }
    return luminance > 0.008856 ? 116 * Math.cbrt(luminance) - 16 : 903.3 * luminance;
  }
}
