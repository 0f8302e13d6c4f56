package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.transcript.Word;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class PlotFileTest {
  @TempDir private Path folder;

  private String page(PlotData data) throws IOException {
    Path file = folder.resolve("page.html");
    PlotFile.write(data, file);
    return Files.readString(file);
  }

  private BufferedImage picture(PlotData data) throws IOException {
    Path file = folder.resolve("picture.png");
    PlotFile.write(data, file);
    return ImageIO.read(file.toFile());
  }

  /** The page, which is well-formed XML. */
  private static Document parse(String html) {
    try {
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new ByteArrayInputStream(html.getBytes(StandardCharsets.UTF_8)));
    } catch (Exception e) {
      throw new AssertionError("the page is not well-formed: " + e.getMessage(), e);
    }
  }

  private static List<Element> elements(Document document, String name) {
    NodeList nodes = document.getElementsByTagName(name);
    return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i)).toList();
  }

  /** The items of the list with this label. */
  private static List<Element> items(Document document, String label) {
    return elements(document, "li").stream()
        .filter(item -> ((Element) item.getParentNode()).getAttribute("aria-label").equals(label))
        .toList();
  }

  private static List<String> texts(List<Element> elements) {
    return elements.stream().map(Element::getTextContent).toList();
  }

  private static byte[] dataUri(Element element, String type) {
    String prefix = "data:" + type + ";base64,";
    assertTrue(element.getAttribute("src").startsWith(prefix));
    return Base64.getDecoder().decode(element.getAttribute("src").substring(prefix.length()));
  }

  // Files.

  @ParameterizedTest
  @CsvSource({
    "page.pdf, ends in .pdf",
    "page, has no ending",
    "page.html.txt, ends in .txt",
    "page.xhtml, ends in .xhtml",
    "html, has no ending"
  })
  void refusesOtherEndings(String name, String problem) {
    Path file = folder.resolve(name);
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> PlotFile.write(PlotSamples.small(), file))
            .getMessage();
    assertEquals(
        file + " " + problem + "; expected a name that ends in .html, .htm or .png", message);
    assertEquals(List.of(), Cli.names(folder));
  }

  @ParameterizedTest
  @CsvSource({"a.html, 3c21", "a.HTM, 3c21", "a.png, 8950", "a.PNG, 8950"})
  void theEndingChoosesTheFormat(String name, String magic) throws IOException {
    Path file = Files.writeString(folder.resolve(name), "an older file");
    PlotFile.write(PlotSamples.small(), file);
    byte[] bytes = Files.readAllBytes(file);
    assertEquals(magic, "%02x%02x".formatted(bytes[0], bytes[1]));
    assertEquals(List.of(name), Cli.names(folder));
  }

  @Test
  void refusesPlacesThatCannotBeWritten() throws IOException {
    Path missing = folder.resolve("missing");
    NoSuchFileException failure =
        assertThrows(
            NoSuchFileException.class,
            () -> PlotFile.write(PlotSamples.small(), missing.resolve("a.html")));
    assertEquals(missing.toString(), failure.getFile());

    Path directory = Files.createDirectory(folder.resolve("folder.html"));
    FileSystemException refused =
        assertThrows(FileSystemException.class, () -> PlotFile.check(directory));
    assertEquals("is a folder; expected a file name", refused.getReason());
    assertEquals(List.of("folder.html"), Cli.names(folder));
  }

  /** JDKs fail in several ways where no font is installed. */
  @Test
  void aMissingFontIsOneSentence() {
    List<Throwable> failures =
        List.of(
            new Error("Probable fatal error: No physical fonts found."),
            new InternalError("java.lang.reflect.InvocationTargetException"),
            new UnsatisfiedLinkError("libfreetype.so.6"),
            new NullPointerException());
    for (Throwable failure : failures) {
      W2vBertException reported =
          assertThrows(W2vBertException.class, () -> PlotPng.requireFonts(() -> fail(failure)));
      assertEquals(
          "Java finds no font for the labels of a .png file (on Debian: apt-get install fontconfig"
              + " fonts-dejavu-core); a .html file needs none",
          reported.getMessage());
      assertSame(failure, reported.getCause());
    }
    assertThrows(
        OutOfMemoryError.class, () -> PlotPng.requireFonts(() -> fail(new OutOfMemoryError())));
  }

  private static void fail(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) failure;
  }

  // Pages.

  @Test
  void aPageHasEveryWordOnceAndEveryPicture() throws IOException {
    Document page = parse(page(PlotSamples.small()));
    assertEquals(List.of("small.wav"), texts(elements(page, "title")));
    assertEquals(List.of("small.wav"), texts(elements(page, "h1")));
    assertEquals("ab c", elements(page, "p").get(0).getTextContent());

    List<Element> words = items(page, "Words");
    assertEquals(List.of("ab", "c"), texts(words));
    assertEquals("0.00 to 0.04 s, confidence 0.90", words.get(0).getAttribute("title"));
    assertTrue(words.get(1).getAttribute("style").startsWith("left:80.00000%;width:20.00000%;"));
    assertEquals(List.of("space", "a", "b", "c", "blank"), texts(items(page, "Tokens")));

    assertEquals(
        List.of(
            "Mel spectrogram: 8 bins from 20 to 4000 Hz over 10 frames",
            "Probabilities of 4 tokens and the blank over 5 frames"),
        elements(page, "img").stream().map(image -> image.getAttribute("alt")).toList());
    assertEquals("Waveform", elements(page, "svg").get(0).getAttribute("aria-label"));
    Element sheet = (Element) elements(page, "main").get(0).getElementsByTagName("div").item(0);
    assertEquals("10", sheet.getAttribute("data-columns"));
    for (Element button : elements(page, "button")) {
      assertFalse(button.getAttribute("aria-label").isEmpty() && button.getTextContent().isEmpty());
    }
  }

  @Test
  void picturesOfAPageShowTheNumbers() throws IOException {
    List<Element> images = elements(parse(page(PlotSamples.small())), "img");
    BufferedImage mel = ImageIO.read(new ByteArrayInputStream(dataUri(images.get(0), "image/png")));
    assertEquals(10, mel.getWidth());
    assertEquals(8, mel.getHeight());
    assertEquals(0xFFFCFDBF, mel.getRGB(9, 0));
    assertEquals(0xFF000004, mel.getRGB(0, 7));

    BufferedImage tokens =
        ImageIO.read(new ByteArrayInputStream(dataUri(images.get(1), "image/png")));
    assertEquals(5, tokens.getWidth());
    int rowHeight = tokens.getHeight() / 5;
    int[] rowOfFrame = {1, 2, 4, 0, 3}; // a b blank space c
    for (int t = 0; t < 5; t++) {
      for (int y = 0; y < tokens.getHeight(); y++) {
        int expected = y / rowHeight == rowOfFrame[t] ? 0xFFFDE725 : 0xFF440154;
        assertEquals(expected, tokens.getRGB(t, y), "frame " + t + ", row " + y);
      }
    }
  }

  @Test
  void shortRecordingsCanBePlayed() throws IOException {
    short[] samples = {0, 1, -1, 32_767, -32_768, 12_345};
    PlotData small = PlotSamples.small();
    PlotData data =
        new PlotData(
            "a.wav",
            "",
            Audio.of(samples, 8000),
            small.mel(),
            small.posteriors(),
            small.vocabulary(),
            0.02,
            List.of());
    Element player = elements(parse(page(data)), "audio").get(0);
    Audio audio = Audio.read(ByteBuffer.wrap(dataUri(player, "audio/wav")));
    assertEquals(8000, audio.sampleRate());
    assertArrayEquals(data.audio().samples(), audio.samples());
  }

  /** Markup in names, texts, words and tokens stays text; nothing is loaded from elsewhere. */
  @Test
  void nothingFromOutsideBecomesMarkup() throws Exception {
    String evil =
        "</title></script><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp;";
    String invisible = "\u0000\u001b]]>\ud800\uffff";
    List<String> tokens = List.of("<pad>", "<b>", "\"'&<i>", "</script>", "]]>");
    PlotData small = PlotSamples.small();
    Word word = PlotSamples.word(evil + invisible, 0, 0.1, 1);
    String html =
        page(
            new PlotData(
                evil + ".wav",
                evil + invisible,
                small.audio(),
                small.mel(),
                small.posteriors(),
                new CtcVocabulary(tokens, 0, -1, Set.of()),
                0.02,
                List.of(word)));
    Document page = parse(html);

    String replaced = evil + "\ufffd\ufffd]]>\ufffd\ufffd";
    assertEquals(List.of(evil + ".wav"), texts(elements(page, "title")));
    assertEquals(List.of(evil + ".wav"), texts(elements(page, "h1")));
    assertEquals(replaced, elements(page, "p").get(0).getTextContent());
    assertEquals(List.of(replaced), texts(items(page, "Words")));
    assertEquals(
        List.of("<b>", "\"'&<i>", "</script" + "\u2026", "]]>", "blank"),
        texts(items(page, "Tokens")));

    assertEquals(1, html.split("<script", -1).length - 1);
    assertEquals(2, elements(page, "img").size());
    for (Element element : elements(page, "*")) {
      assertEquals("", element.getAttribute("href"));
      assertTrue(element.getAttribute("src").matches("(?s)|data:.*"));
      IntStream.range(0, element.getAttributes().getLength())
          .forEach(
              i -> assertFalse(element.getAttributes().item(i).getNodeName().startsWith("on")));
    }
    String script = html.substring(html.indexOf("<script>") + 8, html.indexOf("</script>"));
    String hash =
        Base64.getEncoder()
            .encodeToString(
                MessageDigest.getInstance("SHA-256")
                    .digest(script.getBytes(StandardCharsets.UTF_8)));
    String policy = elements(page, "meta").get(1).getAttribute("content");
    assertTrue(policy.startsWith("default-src 'none';"), policy);
    assertTrue(policy.endsWith("script-src 'sha256-" + hash + "'"), policy);
  }

  @Test
  void anHourFitsIntoOnePage() throws IOException {
    PlotData hour = PlotSamples.lasting(3600);
    String html = page(hour);
    assertTrue(html.length() < 4_000_000, "the page has " + html.length() + " characters");

    Document page = parse(html);
    assertEquals(9000, items(page, "Words").size());
    for (Element element : elements(page, "img")) {
      BufferedImage image = ImageIO.read(new ByteArrayInputStream(dataUri(element, "image/png")));
      assertEquals(8000, image.getWidth());
    }
    assertEquals(List.of(), elements(page, "audio"));
    assertTrue(html.contains("Long recording: the panels are reduced to 8,000 columns."));
  }

  @Test
  void pagesDoNotDependOnTheLocale() throws IOException {
    PlotData data = PlotSamples.lasting(61);
    String expected = page(data);
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
      assertEquals(expected, page(data));
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void thereMayBeNothing() throws IOException {
    Document page = parse(page(PlotSamples.empty()));
    assertEquals(List.of(), elements(page, "img"));
    assertEquals(List.of(), elements(page, "svg"));
    assertEquals(List.of(), elements(page, "audio"));
    assertEquals(List.of(), items(page, "Words"));
    assertEquals("(nothing was recognised)", elements(page, "p").get(0).getTextContent());
    assertNotNull(picture(PlotSamples.empty()));
  }

  @Test
  void aSingleFrameIsEnough() throws IOException {
    PlotData data =
        new PlotData(
            "a.wav",
            "a",
            Audio.of(new float[] {0.5f}, 16_000),
            new Matrix(1, 1, new float[] {Float.NaN}),
            PlotSamples.certain(5, 2),
            PlotSamples.VOCABULARY,
            0.02,
            List.of(PlotSamples.word("a", 0, 0, 0)));
    Document page = parse(page(data));
    assertEquals(2, elements(page, "img").size());
    assertEquals(List.of("a"), texts(items(page, "Words")));
    assertNotNull(picture(data));
  }

  // Pictures.

  @Test
  void aPictureHasAllPanels() throws IOException {
    BufferedImage image = picture(PlotSamples.small());
    assertEquals(2 * (24 + 72 + 960 + 24), image.getWidth());
    assertTrue(image.getHeight() > 800 && image.getHeight() < 1600);
    assertEquals(0xFFFFFFFF, image.getRGB(0, 0));

    int[] pixels =
        image.getRGB(
            200, 0, image.getWidth() - 200, image.getHeight(), null, 0, image.getWidth() - 200);
    assertTrue(count(pixels, 0x2a6f97) > 1000, "waveform");
    assertTrue(different(pixels, ColorMap.MAGMA) > 20, "spectrogram");
    // Of five rows and five frames, every frame has one field that is certain and four that are
    // not.
    int field = count(pixels, 0x440154) / 20;
    assertTrue(field > 5000, "token probabilities");
    assertEquals(5.0, count(pixels, 0xfde725) / (double) field, 0.5);
    assertTrue(count(pixels, 0x2563eb) > 100, "words");
  }

  private static int count(int[] pixels, int rgb) {
    return (int) Arrays.stream(pixels).filter(pixel -> (pixel & 0xFFFFFF) == rgb).count();
  }

  private static long different(int[] pixels, ColorMap colors) {
    Set<Integer> seen =
        Set.copyOf(Arrays.stream(pixels).map(pixel -> pixel & 0xFFFFFF).boxed().toList());
    return IntStream.rangeClosed(0, ColorMap.LAST)
        .filter(i -> seen.contains(colors.rgb(i)))
        .count();
  }

  @ParameterizedTest
  @ValueSource(ints = {30, 3600})
  void picturesAreNoWiderThanTheColumnsTheyShow(int seconds) throws IOException {
    int width = seconds == 30 ? 3600 : 4000;
    assertEquals(2 * (120 + width), picture(PlotSamples.lasting(seconds)).getWidth());
  }

  @Test
  void longWordsEndBeforeTheMargin() throws IOException {
    Word word = new Word("W".repeat(500), 0.04, 0.08, 1, List.of());
    PlotData data = PlotSamples.withText(PlotSamples.small(), "a.wav", "", List.of(word));
    BufferedImage image = picture(data);
    for (int y = 0; y < image.getHeight(); y++) {
      assertEquals(0xFFFFFFFF, image.getRGB(image.getWidth() - 4, y), "the margin is empty");
    }
  }

  @Test
  void longNamesAndTextsAreShortened() throws IOException {
    String endless = "\ud83d\ude00W".repeat(5000);
    int height = picture(PlotSamples.small()).getHeight();
    BufferedImage image =
        picture(
            PlotSamples.withText(
                PlotSamples.small(), endless, endless + " and more " + endless, List.of()));
    assertEquals(2 * 1080, image.getWidth());
    assertTrue(image.getHeight() < height + 400, "height " + image.getHeight());
    for (int y = 0; y < image.getHeight(); y++) {
      assertEquals(0xFFFFFFFF, image.getRGB(image.getWidth() - 4, y), "the margin is empty");
    }
  }
}
