package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.transcript.Word;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.stream.Collectors;

/**
 * A plot as one HTML page that needs nothing else: no network, no fonts, no script. The script adds
 * zoom, details under the pointer and a playhead. The page is well-formed XML, too.
 *
 * <p>Everything on the time axis is placed in percent of its width, so that zooming is changing one
 * width.
 */
final class PlotHtml {
  private static final int WAVE_UNITS = 500; // from the middle of the waveform to its edge
  private static final int MAX_AUDIO_SAMPLES = 1 << 20; // of 2 bytes, kept in the page
  private static final int TOKEN_ROW_PIXELS = 8;
  private static final double LABEL_PADDING = 10;
  private static final double NARROW_GLYPH = 7; // pixels, about
  private static final double WIDE_GLYPH = 13;
  private static final int FIRST_WIDE = 0x1100; // Hangul, CJK and what follows

  private final Plot plot;
  private final StringBuilder html = new StringBuilder();

  private PlotHtml(Plot plot) {
    this.plot = plot;
  }

  static String render(Plot plot) throws IOException {
    return new PlotHtml(plot).page();
  }

  private String page() throws IOException {
    String script = "//<![CDATA[\n" + resource("plot.js") + "//]]>\n";
    add(
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
        media-src data:; style-src 'unsafe-inline'; script-src 'sha256-%s'"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>%s</title>
        <style>
        %s</style>
        </head>
        <body>
        """,
        sha256(script), Markup.escape(plot.data().name()), resource("plot.css"));
    header();
    boolean isCoarse = plot.width() < plot.mel().raster().columns();
    add(
        """
        <main class="scroller" tabindex="0" aria-label="Panels on a common time axis">
        <div class="sheet%s" data-columns="%d" data-seconds="%s" data-steps="%s" data-tick-pixels="%s" \
        data-lanes="%d" style="width:calc(%dpx + var(--gutter) + var(--margin))">
        """,
        isCoarse ? " coarse" : "",
        Math.max(1, plot.mel().raster().columns()),
        plot.axis().seconds(),
        TimeAxis.STEPS.stream().map(String::valueOf).collect(Collectors.joining(" ")),
        TimeAxis.TICK_PIXELS,
        WordLanes.MAX_LANES,
        plot.width());
    waveform();
    spectrogram();
    tokens();
    words();
    axis();
    add("</div>\n</main>\n<div class=\"tip\" aria-hidden=\"true\" hidden=\"\"></div>\n");
    add("<script>%s</script>\n</body>\n</html>\n", script);
    return html.toString();
  }

  private void header() throws IOException {
    add("<header>\n<h1 dir=\"auto\">%s</h1>\n<dl>\n", Markup.escape(plot.data().name()));
    for (Plot.Fact fact : plot.facts()) {
      add("<div><dt>%s</dt><dd>%s</dd></div>\n", fact.name(), fact.value());
    }
    add(
        """
        </dl>
        <p class="text" role="group" dir="auto" tabindex="0" aria-label="Recognised text">%s</p>
        """,
        Markup.escape(plot.text()));
    if (!plot.note().isEmpty()) {
      add("<p class=\"note\">%s</p>\n", plot.note());
    }
    add("<div class=\"controls\">\n");
    Audio audio = plot.data().audio();
    if (audio.length() > 0 && audio.length() <= MAX_AUDIO_SAMPLES) {
      add(
          """
          <audio controls="" aria-label="The recording" src="data:audio/wav;base64,%s"></audio>
          """,
          Base64.getEncoder().encodeToString(wav(audio)));
    }
    add(
        """
        <div class="zoom" role="group" aria-label="Zoom" hidden="">
        <button type="button" data-zoom="0.5" aria-label="Zoom out">\u2212</button>
        <button type="button" data-zoom="2" aria-label="Zoom in">+</button>
        <button type="button" data-zoom="0">Whole recording</button>
        <span class="caption">or Ctrl and the mouse wheel; keys + \u2212 0</span>
        </div>
        </div>
        </header>
        """);
  }

  private void waveform() {
    Envelope envelope = plot.envelope();
    begin("wave", "Waveform", "amplitude, full scale is 1");
    add("<div class=\"axis\" aria-hidden=\"true\">");
    tickY(1, envelope.label());
    tickY(0.5, "0");
    tickY(0, "\u2212" + envelope.label());
    add("</div>\n<div class=\"track\">");
    if (envelope.columns() > 0) {
      add(
          """
          <svg role="img" aria-label="Waveform" style="width:%s" preserveAspectRatio="none" \
          viewBox="-0.5 -%d %d %d"><path vector-effect="non-scaling-stroke" d="\
          """,
          percent(TimeAxis.duration(plot.data())), WAVE_UNITS, envelope.columns(), 2 * WAVE_UNITS);
      for (int c = 0; c < envelope.columns(); c++) {
        point(c == 0 ? 'M' : 'L', c, envelope.highest()[c]);
      }
      for (int c = envelope.columns() - 1; c >= 0; c--) {
        point('L', c, envelope.lowest()[c]);
      }
      add("Z\"/></svg>");
    }
    end();
  }

  private void point(char command, int column, float sample) {
    html.append(command).append(column).append(',');
    html.append(Math.round(-sample / plot.envelope().scale() * WAVE_UNITS));
  }

  private void spectrogram() throws IOException {
    MelPanel mel = plot.mel();
    begin("mel", "Mel spectrogram", plot.melCaption());
    add("<div class=\"axis\" aria-hidden=\"true\">");
    for (MelPanel.Tick tick : mel.ticks()) {
      tickY(tick.place(), tick.label());
    }
    add(
        "</div>\n<div class=\"track\" data-bins=\"%d\" data-highest-hz=\"%s\">",
        mel.raster().rows(), mel.highestHz());
    image(
        mel.raster(),
        mel.secondsPerColumn(),
        1,
        Plot.format(
            "Mel spectrogram: %d bins from %.0f to %.0f Hz over %d frames",
            mel.raster().rows(), MelPanel.LOWEST_HZ, mel.highestHz(), plot.data().mel().rows()));
    end();
  }

  private void tokens() throws IOException {
    TokenPanel tokens = plot.tokens();
    Raster raster = tokens.raster();
    begin("tokens", "Token probabilities", plot.tokenCaption());
    add("<ol class=\"axis\" aria-label=\"Tokens\">");
    for (TokenPanel.Label label : tokens.labels()) {
      add(
          "<li%s><bdi>%s</bdi></li>",
          label.isText() ? "" : " class=\"name\"", Markup.escape(label.text()));
    }
    add(
        "</ol>\n<div class=\"track\" data-columns=\"%d\""
            + " data-seconds-per-column=\"%s\" data-values=\"%s\">",
        raster.columns(),
        tokens.secondsPerColumn(),
        Base64.getEncoder().encodeToString(raster.pixels()));
    image(
        raster,
        tokens.secondsPerColumn(),
        TOKEN_ROW_PIXELS,
        Plot.format(
            "Probabilities of %d tokens and the blank over %d frames",
            raster.rows() - 1, plot.data().posteriors().time()));
    end();
  }

  private void words() {
    double pixelsPerSecond = plot.width() / plot.axis().seconds();
    WordLanes lanes = new WordLanes(plot.data().words(), pixelsPerSecond, PlotHtml::labelWidth);
    begin("words", "Words", plot.wordCaption(lanes));
    add(
        """
        <div class="axis"></div>
        <ol class="track" aria-label="Words" style="--lanes:%d">
        """,
        lanes.count());
    for (WordLanes.Placed place : lanes.placed()) {
      Word word = place.word();
      add(
          """
          <li%s style="left:%s;width:%s;--lane:%d;--confidence:%.2f" data-start="%.3f" \
          data-end="%.3f" title="%.2f to %.2f s, confidence %.2f"><bdi>%s</bdi></li>
          """,
          place.lane() == WordLanes.NO_LANE ? " class=\"thin\"" : "",
          percent(word.start()),
          percent(word.end() - word.start()),
          place.lane(),
          word.confidence(),
          word.start(),
          word.end(),
          word.start(),
          word.end(),
          word.confidence(),
          Markup.escape(word.text()));
    }
    add("</ol></div>\n</section>\n");
  }

  /** About as wide as a browser draws it. */
  private static double labelWidth(Word word) {
    return LABEL_PADDING
        + word.text()
            .codePoints()
            .mapToDouble(point -> point < FIRST_WIDE ? NARROW_GLYPH : WIDE_GLYPH)
            .sum();
  }

  private void axis() {
    double step = plot.axis().step(plot.width());
    add("<div class=\"time\"><div class=\"axis\">%s</div></div>\n", plot.axis().unit());
    add("<div class=\"ticks\" aria-hidden=\"true\">");
    for (double tick : plot.axis().ticks(step)) {
      add("<i style=\"left:%s\"><b>%s</b></i>", percent(tick), plot.axis().label(tick, step));
    }
    add("</div>\n");
  }

  private void begin(String kind, String title, String caption) {
    add("<section class=\"%s\">\n<h2>%s", kind, title);
    switch (kind) {
      case "mel" ->
          legend(
              plot.mel().lowLabel(),
              plot.mel().raster().colors().cssGradient(),
              plot.mel().highLabel());
      case "tokens" -> legend("0", plot.tokens().raster().colors().cssGradient(), "1");
      case "words" -> legend("confidence 0", "var(--confidences)", "1");
      default -> {}
    }
    add(" <span class=\"caption\">%s</span></h2>\n<div class=\"row\">", caption);
  }

  private void legend(String low, String colors, String high) {
    add(
        " <span class=\"legend\">%s <span class=\"bar\" style=\"background:%s\"></span> %s</span>",
        low, colors, high);
  }

  private void end() {
    add("</div></div>\n</section>\n");
  }

  private void tickY(double place, String label) {
    add( // the outermost labels end with the panel
        "<span style=\"bottom:%.2f%%;transform:translateY(%.2f%%)\">%s</span>",
        100 * place, 100 * place, label);
  }

  private void image(Raster raster, double secondsPerColumn, int rowHeight, String description)
      throws IOException {
    if (!raster.isEmpty()) {
      add(
          "<img alt=\"%s\" style=\"width:%s\" src=\"data:image/png;base64,%s\"/>",
          description,
          percent(raster.columns() * secondsPerColumn),
          Base64.getEncoder().encodeToString(raster.toPng(rowHeight)));
    }
  }

  private String percent(double seconds) {
    return Plot.format("%.5f%%", 100 * seconds / plot.axis().seconds());
  }

  private void add(String format, Object... arguments) {
    html.append(Plot.format(format, arguments));
  }

  private static byte[] wav(Audio audio) throws IOException {
    ByteArrayOutputStream wav = new ByteArrayOutputStream();
    audio.writeWav(wav);
    return wav.toByteArray();
  }

  private static String sha256(String text) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      return Base64.getEncoder()
          .encodeToString(sha256.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = PlotHtml.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
