package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.DefaultModel;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.transcript.Transcript;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What commands do without a model: the default model and the recordings that ship. */
class DefaultModelTest {
  private static final Path MODULE = Path.of("../default-model").toAbsolutePath().normalize();
  private static final Path RECORDINGS = MODULE.resolve("recordings");
  private static final long MOST_BYTES = 8_000_000; // of all files, in the artifact

  private static List<JsonNode> recorded() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(RECORDINGS.resolve("transcripts.jsonl"))) {
      lines.add(Cli.JSON.readTree(line));
    }
    return lines;
  }

  @Test
  void hearsInTheRecordingsWhatWasRecorded() throws IOException {
    List<JsonNode> recorded = recorded();
    List<Object> arguments = new ArrayList<>(List.of("transcribe"));
    StringBuilder expected = new StringBuilder();
    for (JsonNode line : recorded) {
      Path audio = RECORDINGS.resolve(line.at("/audio").asText());
      arguments.add(audio);
      expected.append(audio + ": " + line.at("/transcript").asText() + "\n");
    }
    Cli.Result result = Cli.run(arguments.toArray());

    assertEquals(expected.toString(), result.out());
    assertEquals(
        "w2vbert: no --model given: using the default model, which knows English numbers, dates and"
            + " short commands\n",
        result.err());
    assertEquals(0, result.status());
  }

  @Test
  void hearsTheRecordingOfTheReadmeRight() throws IOException {
    List<JsonNode> named =
        recorded().stream()
            .filter(line -> line.at("/audio").asText().equals("pocketsphinx/cards/005.wav"))
            .toList();
    assertEquals(1, named.size());
    assertEquals(named.get(0).at("/text"), named.get(0).at("/transcript"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"align", "plot", "info"})
  void otherCommandsTakeItToo(String command, @TempDir Path folder) throws IOException {
    Path audio = RECORDINGS.resolve("pocketsphinx/goforward.wav");
    List<Object> arguments =
        switch (command) {
          case "align" -> List.of(command, audio, "--text", "go forward ten meters");
          case "plot" -> List.of(command, audio, "-o", folder.resolve("plot.html"));
          default -> List.of(command);
        };
    List<Object> named = new ArrayList<>(arguments);
    if (!command.equals("info")) {
      named.add("--model");
    }
    named.add(DefaultModel.directory());

    Cli.Result result = Cli.run(arguments.toArray());
    assertEquals(0, result.status(), result.err());
    assertEquals(Cli.run(named.toArray()).out(), result.out());
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).map(folder::relativize).sorted().toList();
    }
  }

  @Test
  void itsLanguageModelTakesPartUnlessTheBestPathIsAskedFor() throws IOException {
    Path audio = RECORDINGS.resolve("pocketsphinx/cards/002.wav");
    try (Transcriber transcriber = Transcriber.fromPretrained(DefaultModel.directory())) {
      assertTrue(transcriber.beamSearch().hasModel());
      Audio recording = Audio.read(audio);
      assertEquals(transcriber.text(recording) + "\n", Cli.run("transcribe", audio).out());
      Transcript best =
          transcriber.transcribe(
              recording, TranscribeOptions.DEFAULT.withDecoder(transcriber.bestPath()));
      assertEquals(best.text() + "\n", Cli.run("transcribe", audio, "--best-path").out());
    }
  }

  @Test
  void isSmallAndLicensed() throws IOException {
    Path source = MODULE.resolve("src/main/resources/io/github/w2vbert/model/en");
    Path folder = DefaultModel.directory();
    assertEquals(files(source), files(folder));
    long bytes = 0;
    for (Path name : files(folder)) {
      assertEquals(-1, Files.mismatch(source.resolve(name), folder.resolve(name)), name.toString());
      bytes += Files.size(folder.resolve(name));
    }
    assertTrue(bytes <= MOST_BYTES, bytes + " bytes, expected at most " + MOST_BYTES);

    assertEquals(new CardFile("w2vbert-en-commands", "cc-by-sa-3.0"), CardFile.of(folder));
    assertTrue(Files.readString(folder.resolve("LICENSE")).contains("Allison Smith"));
    assertEquals("[float16]", WeightFiles.of(folder).types().toString());
  }
}
