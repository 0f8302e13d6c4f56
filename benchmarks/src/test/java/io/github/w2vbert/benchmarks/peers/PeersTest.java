package io.github.w2vbert.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The measurement of peers works: with a tiny model, and without caring for the times. */
class PeersTest {
  private static final Wav2Vec2BertConfig TINY =
      Wav2Vec2BertConfig.builder()
          .vocabSize(8)
          .numHiddenLayers(2)
          .hiddenSize(32)
          .outputHiddenSize(32)
          .numAttentionHeads(2)
          .intermediateSize(64)
          .build();

  @TempDir Path folder;

  private PeerOptions options(int forks, List<String> engines, String... commands) {
    return new PeerOptions(
        1,
        List.of(List.of(1), List.of(2, 1)),
        forks,
        2,
        engines,
        List.of(commands),
        folder.resolve("work"),
        folder.resolve("results"));
  }

  @Test
  void enginesAreComparedAndMeasuredInTurns() throws IOException {
    PeerOptions options = options(2, List.of("w2vbert", "libtorch"));
    JsonNode results = new PeerRun(options, TINY).run();
    assertEquals(2, results.get("engines").size());
    for (JsonNode engine : results.get("engines")) {
      for (String name : new String[] {"1", "2+1"}) {
        JsonNode cell = engine.get("cases").get(name);
        assertTrue(cell.get("seconds").size() >= 4, cell::toString); // forks by rounds
        assertTrue(cell.get("median_seconds").doubleValue() > 0, cell::toString);
        assertTrue(cell.get("relative_rms").doubleValue() < 1e-5, cell::toString);
        assertTrue(cell.get("peak_rss_mb").doubleValue() > 50, cell::toString);
      }
      assertEquals(2, engine.get("open_seconds").size());
      assertEquals(
          Files.size(options.work().resolve(FormulaCheckpoint.WEIGHTS)) / 1e6,
          engine.get("weights_mb").doubleValue(),
          0.1);
    }
    JsonNode peer = results.get("engines").get("libtorch").get("cases").get("2+1");
    assertTrue(peer.get("relative_rms").doubleValue() > 0, "two ways to compute differ");
    assertEquals("[99,49]", results.get("cases").get("2+1").get("frames").toString());
    assertTrue(results.get("sgemm_gflops").get("before").doubleValue() > 0);

    List<String> rows = PeerTable.markdown(results).lines().toList();
    assertTrue(rows.get(4).startsWith("| engine | 1 s | 2 ragged (2, 1 s) |"), rows.get(4));
    assertEquals(8, rows.size(), () -> String.join("\n", rows));
    assertTrue(
        rows.get(6).matches("\\| w2vbert float32 \\| [0-9.]+ \\(\\d+\\) \\|.*"), rows.get(6));
  }

  /** A peer that says what it is told to, without computing. */
  private String script(String afterReady) throws IOException {
    Path script = folder.resolve("peer.sh");
    Files.writeString(
        script, "echo hello\necho '{\"ready\": true}'\nread request\n" + afterReady + "\n");
    return "sh " + script;
  }

  @Test
  void aPeerThatComputesSomethingElseIsRefusedBeforeItIsTimed() throws IOException {
    Path logits = folder.resolve("work/logits.f32").toAbsolutePath();
    String zeros =
        """
        echo '{"engine": "zeros", "weight_bytes": 1, "seconds": 1, "tolerance": 0.001}'
        read request
        head -c %d /dev/zero > %s
        echo '{"seconds": [1]}'
        """
            .formatted((99 + 49) * 8 * Float.BYTES, logits);
    PeerOptions options = options(1, List.of("w2vbert"), script(zeros));
    String message = failure(options);
    assertTrue(message.startsWith("logits of zeros for 2+1 s are off by 1.0 of"), message);
  }

  @Test
  void aPeerThatCannotBeOpenedIsNamed() throws IOException {
    String message = failure(options(1, List.of(), script("echo '{\"error\": \"no weights\"}'")));
    assertTrue(message.endsWith("peer.sh: no weights"), message);
    message = failure(options(1, List.of(), script("exit 7")));
    assertTrue(message.endsWith("peer.sh: its process ended with 7"), message);
    message = failure(options(1, List.of(), "not-a-command"));
    assertTrue(message.endsWith("not-a-command: its process ended with 127"), message);
  }

  private static String failure(PeerOptions options) {
    return assertThrows(RuntimeException.class, () -> new PeerRun(options, TINY).run())
        .getMessage();
  }

  @Test
  void aPeerThatFailsLaterIsLeftOutWithTheReason() throws IOException {
    Path logits = folder.resolve("work/logits.f32").toAbsolutePath();
    String fails =
        """
        echo '{"engine": "weak", "weight_bytes": 1, "seconds": 1}'
        read request
        head -c %d /dev/zero > %s
        echo '{"seconds": [1]}'
        while read request; do echo '{"error": "too long"}'; done
        """
            .formatted((99 + 49) * 8 * Float.BYTES, logits);
    JsonNode results = new PeerRun(options(1, List.of("w2vbert"), script(fails)), TINY).run();
    String table = PeerTable.markdown(results);
    assertTrue(table.contains("| weak | – | – |"), table);
    assertTrue(table.contains("- weak, 1 s: sh "), table);
    assertTrue(table.contains("peer.sh: too long"), table);
  }

  @Test
  void parametersAreThoseOfTheRecordedRecipe() throws IOException {
    Path recorded =
        Path.of(System.getProperty("w2vbert.golden"), "big/w2v_bert_2_0_shape/case.json");
    JsonNode recipe = new ObjectMapper().readTree(recorded.toFile()).get("recipe");
    List<FormulaCheckpoint.Recipe> ours = FormulaCheckpoint.recipes(FormulaCheckpoint.realShape());
    assertEquals(recipe.size() + 2, ours.size()); // with the head
    for (JsonNode expected : recipe) {
      FormulaCheckpoint.Recipe actual = ours.get(expected.get("index").intValue());
      String name = actual.name();
      assertEquals("wav2vec2_bert." + expected.get("name").textValue(), name);
      assertEquals(
          expected.get("shape").toString(),
          new ObjectMapper().valueToTree(actual.shape()).toString());
      for (int i = 0; i < expected.get("first").size(); i++) {
        assertEquals(expected.get("first").get(i).doubleValue(), actual.value(i), name);
      }
      assertEquals(expected.get("last").doubleValue(), actual.value(actual.elements() - 1), name);
    }
  }

  @Test
  void paddingComesAndGoes() {
    Batch batch = new Batch(new float[] {1, 2, 3, 4, 5, 6}, new long[] {1, 2});
    assertArrayEquals(new float[] {1, 2, 0, 0, 3, 4, 5, 6}, batch.padded());
    assertArrayEquals(new long[] {1, 0, 1, 1}, batch.mask());
    assertArrayEquals(new float[] {7, 9, 10}, batch.unpadded(new float[] {7, 8, 9, 10}));
    assertThrows(IllegalArgumentException.class, () -> new Batch(new float[5], new long[] {1, 1}));
  }

  @Test
  void optionsAreReadAndWrongOnesRefused() {
    PeerOptions options =
        PeerOptions.parse(
            "--threads", "2", "--seconds", "1,10+8", "--engines", "w2vbert", "--forks", "3");
    assertEquals(2, options.threads());
    assertEquals(List.of(List.of(1), List.of(10, 8)), options.cases());
    assertEquals(List.of("w2vbert"), options.engines());
    assertEquals(3, options.forks());
    for (String wrong :
        new String[] {
          "--threads 0", "--seconds 1,x", "--seconds 0", "--engines tensorrt", "--rounds", "--x 1"
        }) {
      assertThrows(
          IllegalArgumentException.class, () -> PeerOptions.parse(wrong.split(" ")), wrong);
    }
  }

  @Test
  void mediansAreInTheMiddle() {
    assertEquals(2, Measurements.median(Arrays.asList(3.0, 1.0, 2.0)));
    assertEquals(2.5, Measurements.median(Arrays.asList(4.0, 1.0, 2.0, 3.0)));
  }
}
