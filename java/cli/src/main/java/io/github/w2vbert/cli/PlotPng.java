package io.github.w2vbert.cli;

import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.transcript.Word;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.Rectangle;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.text.BreakIterator;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntUnaryOperator;

/** A plot as one picture on white, two pixels to a unit of the layout below. */
final class PlotPng {
  private static final int SCALE = 2;

  private static final int MARGIN = 24;
  private static final int GUTTER = 72; // of labels, left of the panels
  private static final int HEADING = 32; // above each panel
  private static final int WAVE_HEIGHT = 96;
  private static final int MEL_HEIGHT = 160;
  private static final int TOKEN_HEIGHT = 16;
  private static final int LANE_HEIGHT = 25;
  private static final int THIN_HEIGHT = 5; // of a word without a label
  private static final int AXIS_HEIGHT = 28;
  private static final int TEXT_LINE = 22;
  private static final int MAX_TEXT_LINES = 4;
  private static final int LABEL_PADDING = 5;
  private static final int LEGEND_WIDTH = 96;

  private static final Color PAGE = Color.WHITE;
  private static final Color INK = new Color(0x1b1f24);
  private static final Color FAINT = new Color(0x5a636e);
  private static final Color PANEL = new Color(0xf4f6f8);
  private static final Color GRID = new Color(128, 128, 128, 77);
  private static final Color WAVE = new Color(0x2a6f97);
  private static final Color WORD = new Color(0x2563eb);

  private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 11);
  private static final Font NAME = SMALL.deriveFont(Font.ITALIC);
  private static final Font BODY = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
  private static final Font HEADER = new Font(Font.SANS_SERIF, Font.BOLD, 13);
  private static final Font TEXT = new Font(Font.SANS_SERIF, Font.PLAIN, 16);
  private static final Font TITLE = new Font(Font.SANS_SERIF, Font.BOLD, 20);

  private final Plot plot;
  private final Graphics2D graphics;
  private final List<String> lines;
  private final WordLanes words;
  private final List<Rectangle> panels = new ArrayList<>();
  private int y = MARGIN; // where the next thing begins

  private PlotPng(Plot plot, Graphics2D graphics) {
    this.plot = plot;
    this.graphics = graphics;
    lines = wrap(oneLine(plot.text()), GUTTER + plot.width() - 16);
    FontMetrics metrics = graphics.getFontMetrics(BODY);
    words =
        new WordLanes(
            plot.data().words(),
            plot.width() / plot.axis().seconds(),
            word -> metrics.stringWidth(word.text()) + 2 * LABEL_PADDING);
  }

  /**
   * Checks that Java can draw text, which needs a font of the system.
   *
   * @throws W2vBertException if it cannot
   */
  static void requireFonts() {
    requireFonts(() -> measuring().getFontMetrics(BODY).stringWidth("0"));
  }

  /** As above, where `measure` is what needs a font. */
  static void requireFonts(Runnable measure) {
    try {
      measure.run();
    } catch (OutOfMemoryError e) {
      throw e;
    } catch (Error | RuntimeException e) { // as the library that is missing has it
      throw new W2vBertException(
          "Java finds no font for the labels of a .png file (on Debian: apt-get install fontconfig"
              + " fonts-dejavu-core); a .html file needs none",
          e);
    }
  }

  private static Graphics2D measuring() {
    return graphics(new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB));
  }

  /** In units of the layout. The same options for measuring and for drawing: both place words. */
  private static Graphics2D graphics(BufferedImage image) {
    Graphics2D graphics = image.createGraphics();
    graphics.scale(SCALE, SCALE);
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
    graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    return graphics;
  }

  static BufferedImage render(Plot plot) {
    int height = new PlotPng(plot, measuring()).height();
    int width = MARGIN + GUTTER + plot.width() + MARGIN;
    BufferedImage image =
        new BufferedImage(SCALE * width, SCALE * height, BufferedImage.TYPE_INT_RGB);
    PlotPng picture = new PlotPng(plot, graphics(image));
    picture.fill(PAGE, 0, 0, width, height);
    picture.draw();
    return image;
  }

  private int height() {
    return headerHeight() + panelsHeight() + AXIS_HEIGHT + MARGIN / 2;
  }

  private int headerHeight() {
    return MARGIN + 30 + 22 + TEXT_LINE * lines.size() + 16 + (plot.note().isEmpty() ? 0 : 20);
  }

  private int panelsHeight() {
    return 4 * HEADING + WAVE_HEIGHT + MEL_HEIGHT + tokensHeight() + wordsHeight();
  }

  private int tokensHeight() {
    return TOKEN_HEIGHT * plot.tokens().raster().rows();
  }

  private int wordsHeight() {
    return LANE_HEIGHT * words.count() + THIN_HEIGHT + 6;
  }

  private void draw() {
    header();
    waveform();
    spectrogram();
    tokens();
    words();
    axis();
  }

  private void header() {
    int width = GUTTER + plot.width();
    write(TITLE, INK, shorten(oneLine(plot.data().name()), TITLE, width), MARGIN, y + 18);
    y += 30;
    double x = MARGIN;
    for (Plot.Fact fact : plot.facts()) {
      x += write(BODY, FAINT, fact.name(), x, y + 13) + 6;
      x += write(BODY, INK, fact.value(), x, y + 13) + 24;
    }
    y += 22;
    int textHeight = TEXT_LINE * lines.size() + 8;
    fill(PANEL, MARGIN, y + 4, width, textHeight);
    fill(WAVE, MARGIN, y + 4, 3, textHeight);
    for (String line : lines) {
      y += TEXT_LINE;
      write(TEXT, INK, line, MARGIN + 14, y + 2);
    }
    y += 16;
    if (!plot.note().isEmpty()) {
      write(BODY, FAINT, plot.note(), MARGIN, y + 12);
      y += 20;
    }
  }

  private void waveform() {
    Envelope envelope = plot.envelope();
    caption(heading("Waveform"), "amplitude, full scale is 1");
    panel(WAVE_HEIGHT);
    tickY(WAVE_HEIGHT, 1, envelope.label());
    tickY(WAVE_HEIGHT, 0.5, "0");
    tickY(WAVE_HEIGHT, 0, "\u2212" + envelope.label());
    if (envelope.columns() > 0) {
      Path2D path = new Path2D.Double();
      for (int c = 0; c < envelope.columns(); c++) {
        point(path, c, envelope.highest()[c]);
      }
      for (int c = envelope.columns() - 1; c >= 0; c--) {
        point(path, c, envelope.lowest()[c]);
      }
      path.closePath();
      graphics.setColor(WAVE);
      graphics.setStroke(new BasicStroke(0.75f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
      graphics.fill(path);
      graphics.draw(path);
    }
    y += WAVE_HEIGHT;
  }

  private void point(Path2D path, int column, float sample) {
    double seconds = (column + 0.5) / plot.envelope().columns() * TimeAxis.duration(plot.data());
    double height = y + WAVE_HEIGHT / 2.0 * (1 - sample / plot.envelope().scale());
    if (path.getCurrentPoint() == null) {
      path.moveTo(x(seconds), height);
    } else {
      path.lineTo(x(seconds), height);
    }
  }

  private void spectrogram() {
    MelPanel mel = plot.mel();
    double next = heading("Mel spectrogram");
    next = legend(next, mel.lowLabel(), mel.raster().colors()::rgb, mel.highLabel());
    caption(next, plot.melCaption());
    panel(MEL_HEIGHT);
    for (MelPanel.Tick tick : mel.ticks()) {
      tickY(MEL_HEIGHT, tick.place(), tick.label());
    }
    image(mel.raster(), mel.secondsPerColumn(), MEL_HEIGHT);
    y += MEL_HEIGHT;
  }

  private void tokens() {
    TokenPanel tokens = plot.tokens();
    double next = heading("Token probabilities");
    next = legend(next, "0", tokens.raster().colors()::rgb, "1");
    caption(next, plot.tokenCaption());
    panel(tokensHeight());
    for (int i = 0; i < tokens.labels().size(); i++) {
      TokenPanel.Label label = tokens.labels().get(i);
      writeLeftOf(
          label.isText() ? SMALL : NAME,
          label.isText() ? INK : FAINT,
          label.text(),
          y + TOKEN_HEIGHT * (i + 0.5));
    }
    image(tokens.raster(), tokens.secondsPerColumn(), tokensHeight());
    int blank = y + tokensHeight() - TOKEN_HEIGHT;
    fill(PAGE, MARGIN + GUTTER, blank - 0.5, plot.width(), 1);
    y += tokensHeight();
  }

  private void words() {
    double next = heading("Words");
    next = legend(next, "confidence 0", i -> confidence((double) i / ColorMap.LAST), "1");
    caption(next, plot.wordCaption(words));
    panel(wordsHeight());
    for (WordLanes.Placed placed : words.placed()) {
      Word word = placed.word();
      double left = x(word.start());
      double width = Math.max(1, x(word.end()) - left);
      Color color = new Color(confidence(word.confidence()));
      if (placed.lane() == WordLanes.NO_LANE) {
        fill(color, left, y + LANE_HEIGHT * words.count() + 4, width, THIN_HEIGHT);
      } else {
        int top = y + 4 + LANE_HEIGHT * placed.lane();
        fill(color, left, top, width, LANE_HEIGHT - 3);
        fill(WORD, left, top, 2, LANE_HEIGHT - 3);
        double room = MARGIN + GUTTER + plot.width() + MARGIN / 2 - left - LABEL_PADDING;
        String label = shorten(word.text(), BODY, (int) room);
        write(BODY, INK, label, left + LABEL_PADDING, top + 16);
      }
    }
    y += wordsHeight();
  }

  /** The colour of a confidence, 0xRRGGBB: more of the words' blue on the panel's. */
  private static int confidence(double confidence) {
    double share = 0.06 + 0.44 * confidence;
    return new Color(
            mix(PANEL.getRed(), WORD.getRed(), share),
            mix(PANEL.getGreen(), WORD.getGreen(), share),
            mix(PANEL.getBlue(), WORD.getBlue(), share))
        .getRGB();
  }

  private static int mix(int from, int to, double share) {
    return (int) Math.round(from + share * (to - from));
  }

  private void axis() {
    double step = plot.axis().step(plot.width());
    for (double tick : plot.axis().ticks(step)) {
      for (Rectangle panel : panels) {
        fill(GRID, x(tick) - 0.5, panel.y, 1, panel.height);
      }
      fill(FAINT, x(tick) - 0.5, y, 1, 4);
      String label = plot.axis().label(tick, step);
      double width = graphics.getFontMetrics(SMALL).stringWidth(label);
      write(SMALL, INK, label, x(tick) - width / 2, y + 19);
    }
    write(SMALL, FAINT, plot.axis().unit(), MARGIN, y + 19);
  }

  /** Writes the heading of a panel; the panel begins at y. Returns where more may be written. */
  private double heading(String title) {
    y += HEADING;
    return MARGIN + write(HEADER, INK, title, MARGIN, y - 8) + 14;
  }

  private double legend(double x, String low, IntUnaryOperator colors, String high) {
    double left = x + write(SMALL, FAINT, low, x, y - 8) + 5;
    for (int i = 0; i < LEGEND_WIDTH; i++) {
      int color = colors.applyAsInt(i * ColorMap.LAST / (LEGEND_WIDTH - 1));
      fill(new Color(color), left + i, y - 17, 1, 10);
    }
    double right = left + LEGEND_WIDTH + 5;
    return right + write(SMALL, FAINT, high, right, y - 8) + 14;
  }

  private void caption(double x, String text) {
    write(SMALL, FAINT, text, x, y - 8);
  }

  private void panel(int height) {
    Rectangle panel = new Rectangle(MARGIN + GUTTER, y, plot.width(), height);
    fill(PANEL, panel.x, panel.y, panel.width, panel.height);
    panels.add(panel);
  }

  private void image(Raster raster, double secondsPerColumn, int height) {
    if (!raster.isEmpty()) {
      AffineTransform place = AffineTransform.getTranslateInstance(MARGIN + GUTTER, y);
      place.scale(
          secondsPerColumn / plot.axis().seconds() * plot.width(), (double) height / raster.rows());
      graphics.drawImage(raster.toImage(), place, null);
    }
  }

  /** A label left of the panel; its place is 0 at the panel's bottom and 1 at its top. */
  private void tickY(int height, double place, String label) {
    double inside = 5 * (2 * place - 1); // the outermost labels end with the panel
    writeLeftOf(SMALL, FAINT, label, y + height * (1 - place) + inside);
  }

  private void writeLeftOf(Font font, Color color, String text, double middle) {
    double width = graphics.getFontMetrics(font).stringWidth(text);
    write(font, color, text, MARGIN + GUTTER - 8 - width, middle + 4);
  }

  /** Writes at a base line and returns the width. */
  private double write(Font font, Color color, String text, double x, double baseLine) {
    graphics.setFont(font);
    graphics.setColor(color);
    graphics.drawString(text, (float) x, (float) baseLine);
    return graphics.getFontMetrics().getStringBounds(text, graphics).getWidth();
  }

  private void fill(Color color, double x, double top, double width, double height) {
    graphics.setColor(color);
    graphics.fill(new Rectangle2D.Double(x, top, width, height));
  }

  private double x(double seconds) {
    return MARGIN + GUTTER + seconds / plot.axis().seconds() * plot.width();
  }

  private static String oneLine(String text) {
    return text.strip().replaceAll("\\s+", " ");
  }

  /** Breaks a text into lines; what does not fit into the last one becomes an ellipsis. */
  private List<String> wrap(String text, int width) {
    FontMetrics metrics = graphics.getFontMetrics(TEXT);
    List<String> wrapped = new ArrayList<>();
    BreakIterator breaks = BreakIterator.getLineInstance(Locale.ROOT);
    breaks.setText(text);
    int begin = 0;
    int end = 0;
    for (int next = breaks.next(); next != BreakIterator.DONE; next = breaks.next()) {
      if (end > begin && metrics.stringWidth(text.substring(begin, next).strip()) > width) {
        if (wrapped.size() == MAX_TEXT_LINES - 1) {
          break;
        }
        wrapped.add(shorten(text.substring(begin, end).strip(), TEXT, width));
        begin = end;
      }
      end = next;
    }
    String rest =
        end < text.length()
            ? text.substring(begin, end).strip() + " \u2026"
            : text.substring(begin);
    wrapped.add(shorten(rest.strip(), TEXT, width));
    return wrapped;
  }

  /** The beginning of a text that is too long, and an ellipsis. */
  private String shorten(String text, Font font, int width) {
    FontMetrics metrics = graphics.getFontMetrics(font);
    if (metrics.stringWidth(text) <= width) {
      return text;
    }
    int end = 0;
    while (metrics.stringWidth(text.substring(0, end + 1) + "\u2026") <= width) {
      end = text.offsetByCodePoints(end, 1);
    }
    return text.substring(0, end) + "\u2026";
  }
}
