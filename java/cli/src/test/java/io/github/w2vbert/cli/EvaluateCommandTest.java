package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluateCommandTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");

  @TempDir private Path folder;
  private Path manifest;
  private String text;

  @BeforeEach
  void writeManifest() throws IOException {
    text = Cli.run("transcribe", CLIP, "--model", Cli.PLAIN).out().strip();
    manifest = folder.resolve("test.tsv");
    Files.write(manifest, List.of("audio\ttext", CLIP + "\t" + text, CLIP + "\t" + text + " zzz"));
  }

  @Test
  void printsATableOfRates() {
    Cli.Result result = Cli.run("evaluate", "--model", Cli.PLAIN, "--data", manifest);

    assertEquals("", result.err());
    assertEquals(0, result.status());
    int words = text.split(" ").length;
    List<String> lines = result.out().lines().toList();
    assertEquals(4, lines.size(), result.out());
    assertTrue(
        lines.get(0).matches(" +rate +substitutions +deletions +insertions +of"), lines.get(0));
    assertTrue(lines.get(1).matches("WER +[0-9.]+ % +0 +1 +0 +" + (2 * words + 1)), result.out());
    assertTrue(
        lines.get(2).matches("CER +[0-9.]+ % +0 +4 +0 +" + (2 * text.length() + 4)), result.out());
    assertTrue(lines.get(3).matches("audio +[0-9.]+ s +2 utterances"), result.out());
  }

  @Test
  void utterancesWithErrorsAreShown() {
    Cli.Result result =
        Cli.run("evaluate", "--model", Cli.PLAIN, "--data", manifest, "--utterances");
    assertTrue(
        result.out().endsWith("  expected    " + text + " zzz\n  recognised  " + text + "\n"),
        result.out());
    assertEquals(8, result.out().lines().count(), result.out());
  }

  @Test
  void jsonHasAllUtterances() throws IOException {
    Cli.Result result = Cli.run("evaluate", "--model", Cli.PLAIN, "--data", manifest, "--json");
    JsonNode node = Cli.JSON.readTree(result.out());
    assertEquals("ctc", node.at("/task").asText());
    assertEquals(1, node.at("/WER/deletions").asInt());
    assertEquals(4, node.at("/CER/deletions").asInt());
    assertEquals(2, node.at("/utterances").size());
    assertEquals(text, node.at("/utterances/0/recognised").asText());
    assertEquals(0, node.at("/utterances/0/rate").asDouble());
    assertTrue(node.at("/loss").asDouble() > 0);
  }

  @Test
  void badRecordingsFailOrAreLeftOut() throws IOException {
    Files.writeString(manifest, "audio\ttext\n" + CLIP + "\t" + text + "\nnone.wav\tx\n");
    Path missing = folder.resolve("none.wav");

    Cli.Result result = Cli.run("evaluate", "--model", Cli.PLAIN, "--data", manifest);
    assertEquals(1, result.status());
    assertTrue(
        result.err().startsWith("w2vbert: " + manifest + ":3: " + missing + " cannot be used: "),
        result.err());

    result = Cli.run("evaluate", "--model", Cli.PLAIN, "--data", manifest, "--skip-bad");
    assertEquals(0, result.status());
    assertTrue(
        result.err().startsWith("w2vbert: warning: " + manifest + ":3: left out " + missing + ": "),
        result.err());
  }

  @Test
  void classifiersAreJudgedByTheirLabels() throws IOException {
    Path model = Models.sequenceClassifier(folder.resolve("model"));
    String line = Cli.run("classify", CLIP, "--model", model, "--top", 1).out();
    String best = line.substring(0, line.lastIndexOf(' '));
    String other =
        Models.LABELS.stream().filter(label -> !label.equals(best)).findFirst().orElseThrow();
    Files.write(manifest, List.of("audio\tlabel", CLIP + "\t" + best, CLIP + "\t" + other));
    Cli.Result result = Cli.run("evaluate", "--model", model, "--data", manifest);
    assertTrue(
        result.out().lines().toList().get(1).matches("error +50.00 % +1 +0 +0 +2"), result.out());

    Files.writeString(manifest, "audio\tlabel\n" + CLIP + "\tunheard\n");
    result = Cli.run("evaluate", "--model", model, "--data", manifest);
    assertEquals(
        "w2vbert: "
            + manifest
            + ":2: the label 'unheard' is none of "
            + String.join(", ", Models.LABELS)
            + "\n",
        result.err());
  }

  @Test
  void encodersHaveNoTask() {
    Path model = folder.resolve("model");
    Cli.run("convert", "--model", Cli.PLAIN, "-o", model, "--class", "Wav2Vec2BertModel");
    Cli.Result result = Cli.run("evaluate", "--model", model, "--data", manifest);
    assertEquals(1, result.status());
    assertTrue(result.err().endsWith("which have no task; choose one with --task\n"), result.err());
  }
}
