package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.hub.FakeHub;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code fromPretrained} with the name of a repository. */
class FromHubTest {
  private static final Path FOLDER = Golden.dir().resolve("e2e/ctc_plain");
  private static final String ENDPOINT = "w2vbert.hub.endpoint";
  private static final String CACHE = "w2vbert.hub.cache";
  private static final String OFFLINE = "w2vbert.hub.offline";

  @TempDir Path temp;
  private FakeHub hub;

  @BeforeEach
  void start() throws IOException {
    hub = new FakeHub().putAll(FOLDER);
    System.setProperty(ENDPOINT, hub.endpoint().toString());
    System.setProperty(CACHE, temp.toString());
    System.setProperty(OFFLINE, "0");
  }

  @AfterEach
  void stop() {
    for (String property : List.of(ENDPOINT, CACHE, OFFLINE)) {
      System.clearProperty(property);
    }
    hub.close();
  }

  private static float[] logits(Wav2Vec2BertForCTC model, Wav2Vec2BertProcessor processor)
      throws IOException {
    Audio clip = Audio.read(FOLDER.resolve("audio_0.wav"));
    try (Features features = processor.extract(List.of(clip), ExtractOptions.DEFAULT);
        CtcOutput output = model.forward(features)) {
      return output.logits().toFloatArray();
    }
  }

  @Test
  void modelOfTheHubComputesWhatItsFolderDoes() throws IOException {
    float[] expected;
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(FOLDER);
        Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(FOLDER)) {
      expected = logits(model, processor);
    }
    try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained("org/name")) {
      assertTrue(
          hub.allRequests().stream().noneMatch(r -> r.contains("safetensors")),
          "a processor needs no weights: " + hub.allRequests());
      try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained("org/name")) {
        assertArrayEquals(expected, logits(model, processor));
      }
      String pinned = "org/name@" + FakeHub.COMMIT;
      int requests = hub.allRequests().size();
      try (Wav2Vec2BertForCTC model =
          Wav2Vec2BertForCTC.fromPretrained(pinned, LoadOptions.DEFAULT)) {
        assertArrayEquals(expected, logits(model, processor));
      }
      assertEquals(requests, hub.allRequests().size(), "all of the commit is in the cache");
    }
    assertTrue(
        hub.allRequests().stream().noneMatch(r -> r.contains("outputs") || r.contains("wav")),
        "only a checkpoint's files: " + hub.allRequests());
  }

  @Test
  void everyClassTakesARepository() {
    assertEquals(
        Wav2Vec2BertConfig.fromPretrained(FOLDER).toJson(),
        Wav2Vec2BertConfig.fromPretrained("org/name").toJson());
    assertEquals(
        Tokenizer.fromPretrained(FOLDER).padTokenId(),
        Tokenizer.fromPretrained("org/name").padTokenId());
    try (FeatureExtractor expected = FeatureExtractor.fromPretrained(FOLDER);
        FeatureExtractor actual = FeatureExtractor.fromPretrained("org/name")) {
      assertEquals(expected.toJson(), actual.toJson());
    }
    assertTrue(hub.allRequests().stream().noneMatch(r -> r.contains("safetensors")));
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained("org/name")) {
      assertFalse(model.parameters().isEmpty());
    }
    System.setProperty(OFFLINE, "1");
    int requests = hub.allRequests().size();
    Wav2Vec2BertModel.fromPretrained("org/name", LoadOptions.DEFAULT).close();
    assertEquals(requests, hub.allRequests().size());
  }

  @Test
  void foldersComeFirst() {
    assertEquals(
        Wav2Vec2BertConfig.fromPretrained(FOLDER).toJson(),
        Wav2Vec2BertConfig.fromPretrained(FOLDER.toString()).toJson());
    Tokenizer.fromPretrained(FOLDER.toString());
    assertEquals(List.of(), hub.allRequests());
  }

  @Test
  void settingsOfTheHubDoNotMatterToFolders() {
    System.setProperty(ENDPOINT, "no URL");
    String folder = FOLDER.toString();
    Wav2Vec2BertConfig.fromPretrained(folder);
    Tokenizer.fromPretrained(folder);
    Wav2Vec2BertProcessor.fromPretrained(folder).close();
    Wav2Vec2BertForCTC.fromPretrained(folder).close();
    Exception error =
        assertThrows(IllegalArgumentException.class, () -> Tokenizer.fromPretrained("org/name"));
    assertTrue(
        error.getMessage().contains("HF_ENDPOINT is 'no URL'; expected"), error.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/no/such/folder", "./no-such-folder", "", "a b", "x\0y", "a/b@", "a/b/c"})
  void whatIsNeitherIsRefusedWithBothExpectations(String given) {
    Exception error =
        assertThrows(
            IllegalArgumentException.class, () -> Wav2Vec2BertForCTC.fromPretrained(given));
    assertTrue(error.getMessage().contains("is not an existing folder"), error.getMessage());
    assertTrue(error.getMessage().contains("; expected "), error.getMessage());
    assertEquals(List.of(), hub.allRequests());
  }

  @Test
  void unknownRepositoryIsRefusedWithBothExpectations() {
    Exception error =
        assertThrows(
            IllegalArgumentException.class, () -> Tokenizer.fromPretrained("no-such-folder"));
    assertTrue(error.getMessage().contains("is not an existing folder"), error.getMessage());
    assertTrue(error.getMessage().contains("has no repository no-such-folder"), error.getMessage());
  }
}
