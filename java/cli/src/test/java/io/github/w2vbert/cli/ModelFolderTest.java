package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.hub.HubClient;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models of the hub on the command line. */
class ModelFolderTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");

  @TempDir private Path cache;
  @TempDir private Path folder;
  private ModelHub hub;

  @BeforeEach
  void start() throws IOException {
    hub = new ModelHub(Cli.PLAIN, cache);
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  private boolean weightsAreRequested() {
    return hub.requests.stream().anyMatch(request -> request.contains("safetensors"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"org/name", "org/name@v1"})
  void modelsOfTheHubTranscribe(String id) {
    String expected = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN).out();
    assertEquals(List.of(), hub.requests);

    Cli.Result result = Cli.run("transcribe", CLIP, "--model", id);

    assertEquals("", result.err(), "progress is for terminals");
    assertEquals(expected, result.out());
    assertTrue(hub.requests.stream().anyMatch(r -> r.endsWith("model.safetensors")));
    System.setProperty("w2vbert.hub.offline", "1");
    int requests = hub.requests.size();
    assertEquals(expected, Cli.run("transcribe", CLIP, "--model", id).out());
    assertEquals(requests, hub.requests.size());
  }

  @Test
  void everyCommandTakesThem() throws IOException {
    Path matrix = folder.resolve("features.npy");
    assertEquals(0, Cli.run("features", CLIP, "--model", "org/name", "-o", matrix).status());
    assertFalse(weightsAreRequested(), hub.requests.toString());

    Path hidden = folder.resolve("hidden.npy");
    assertEquals(0, Cli.run("embed", CLIP, "--model", "org/name", "-o", hidden).status());
    Path expected = folder.resolve("expected.npy");
    Cli.run("embed", CLIP, "--model", Cli.PLAIN, "-o", expected);
    assertEquals(-1, Files.mismatch(expected, hidden));
    Object[] speakers = {"speakers", CLIP, CLIP, "--model", "org/name"};
    assertEquals(0, Cli.run(speakers).status());
    Path model = folder.resolve("model");
    assertEquals(0, Cli.run("convert", "--model", "org/name", "-o", model).status());
    for (String command : List.of("classify", "frames")) {
      Cli.Result result = Cli.run(command, CLIP, "--model", "org/name");
      assertTrue(result.err().contains(" holds a Wav2Vec2BertForCTC; expected"), result.err());
    }
    assertEquals(
        Cli.run("align", CLIP, "--text", "xqr", "--model", Cli.PLAIN).out(),
        Cli.run("align", CLIP, "--text", "xqr", "--model", "org/name").out());
    Path page = folder.resolve("page.html");
    assertEquals(0, Cli.run("plot", CLIP, "--model", "org/name", "-o", page).status());
    assertEquals(
        Cli.run("info", Cli.PLAIN).out().replace(Cli.PLAIN.toString(), "org/name"),
        Cli.run("info", "org/name").out());
  }

  @Test
  void foldersNeedNoHub() {
    System.setProperty("w2vbert.hub.endpoint", "no URL");

    assertEquals(0, Cli.run("info", Cli.PLAIN).status());
    Cli.Result repository = Cli.run("info", "org/name");
    assertEquals(1, repository.status());
    assertTrue(repository.err().startsWith("w2vbert: HF_ENDPOINT is 'no URL'"), repository.err());
  }

  @Test
  void outputsAreCheckedBeforeTheDownload() {
    assertEquals(
        1, Cli.run("transcribe", CLIP, "--model", "org/name", "-o", folder + "/no/a.srt").status());
    assertEquals(2, Cli.run("plot", CLIP, "--model", "org/name", "-o", folder + "/a.jpg").status());
    assertEquals(List.of(), hub.requests);
  }

  @Test
  void whatIsNeitherIsOneLine() {
    Cli.Result unknown = Cli.run("info", "org/other");
    assertEquals(1, unknown.status());
    assertTrue(
        unknown.err().startsWith("w2vbert: 'org/other' is not an existing folder, and as a"));
    assertTrue(unknown.err().contains("has no repository org/other"), unknown.err());
    assertEquals(1, unknown.err().lines().count(), unknown.err());

    Cli.Result malformed = Cli.run("info", "a/b/c");
    assertEquals(1, malformed.status());
    assertTrue(malformed.err().startsWith("w2vbert: 'a/b/c' is not an existing folder"));
  }

  @Test
  void progressEndsBeforeAFailureIsReported() {
    StringWriter written = new StringWriter();
    DownloadProgress progress = DownloadProgress.onTerminal(new PrintWriter(written));

    assertThrows(
        IllegalStateException.class,
        () ->
            ModelFolder.resolve(
                "org/name",
                progress,
                (client, id) -> {
                  progress.advance("model.safetensors", 1, 2);
                  throw new IllegalStateException("the connection broke");
                }));

    String line = written.toString();
    assertTrue(line.contains("model.safetensors ["), line);
    assertTrue(line.endsWith(System.lineSeparator()), line);
  }

  @Test
  void progressIsThatOfTheDownload() {
    StringWriter written = new StringWriter();

    ModelFolder.resolve(
        "org/name",
        DownloadProgress.onTerminal(new PrintWriter(written)),
        HubClient::resolveWithoutWeights);

    assertTrue(written.toString().contains("config.json [##############################]"));
    assertFalse(written.toString().contains("safetensors"));
  }
}
