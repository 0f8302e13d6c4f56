package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConvertCommandTest {
  private static final Path CLIP = Cli.PLAIN.resolve("audio_0.wav");
  private static final List<String> PROCESSOR =
      List.of(
          "preprocessor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json");

  @TempDir private Path folder;

  private static Cli.Result convert(Path model, Path output, Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("convert", "--model", model, "-o", output));
    arguments.addAll(List.of(options));
    return Cli.run(arguments.toArray());
  }

  private static void requireSuccess(Cli.Result result) {
    assertEquals("", result.err());
    assertEquals(0, result.status());
  }

  private static Map<String, float[]> parameters(Path model) {
    Map<String, float[]> parameters = new TreeMap<>();
    try (var loaded = Wav2Vec2BertForCTC.fromPretrained(model)) {
      for (var info : loaded.parameters()) {
        try (var tensor = loaded.parameter(info.name())) {
          parameters.put(info.name(), tensor.toFloatArray());
        }
      }
    }
    return parameters;
  }

  private static void requireClose(Path expected, Path actual, float relative) {
    Map<String, float[]> all = parameters(actual);
    assertEquals(parameters(expected).keySet(), all.keySet());
    parameters(expected)
        .forEach(
            (name, values) -> {
              float[] others = all.get(name);
              assertEquals(values.length, others.length, name);
              for (int i = 0; i < values.length; i++) {
                // Below 1e-6 float16 has few bits.
                assertEquals(values[i], others[i], relative * Math.abs(values[i]) + 1e-6f, name);
              }
            });
  }

  /** Relative rounding: half of the last of 8, 11 and 24 bits. */
  @ParameterizedTest
  @CsvSource({"bfloat16, 0.00390625", "float16, 0.00048828125", "float32, 0"})
  void theResultIsACompleteModelOfTheType(String dtype, float rounding) throws IOException {
    Path output = folder.resolve("out");

    Cli.Result result = convert(Cli.PLAIN, output, "--dtype", dtype);

    requireSuccess(result);
    WeightFiles before = WeightFiles.of(Cli.PLAIN);
    WeightFiles after = WeightFiles.of(output);
    assertEquals(
        "class   Wav2Vec2BertForCTC\nbefore  "
            + before
            + "\nafter   "
            + after
            + "\ncopied  "
            + String.join(", ", PROCESSOR)
            + "\n",
        result.out());
    assertEquals(List.of(dtype), List.copyOf(after.types()));
    assertEquals(List.of("model.safetensors"), after.files());
    requireClose(Cli.PLAIN, output, rounding);
    for (String name : PROCESSOR) {
      assertArrayEquals(
          Files.readAllBytes(Cli.PLAIN.resolve(name)),
          Files.readAllBytes(output.resolve(name)),
          name);
    }
    assertEquals(PROCESSOR.size() + 2, Cli.names(output).size(), "with config and weights");
    assertEquals(0, Cli.run("transcribe", CLIP, "--model", output).status());
    assertEquals(List.of("out"), Cli.names(folder));
  }

  @ParameterizedTest
  @CsvSource({"float16", "bfloat16", "float32"})
  void withoutDtypeTheTypeStays(String dtype) throws IOException {
    requireSuccess(convert(Cli.PLAIN, folder.resolve("first"), "--dtype", dtype));
    requireSuccess(convert(folder.resolve("first"), folder.resolve("second")));

    assertEquals(List.of(dtype), List.copyOf(WeightFiles.of(folder.resolve("second")).types()));
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("first/model.safetensors")),
        Files.readAllBytes(folder.resolve("second/model.safetensors")));
  }

  private static long floatBytes(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    return bytes.length - 8 - ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  @Test
  void shardsAreNoLargerThanAsked() throws IOException {
    Path output = folder.resolve("out");

    requireSuccess(convert(Cli.PLAIN, output, "--shard-size", "30KB"));

    WeightFiles weights = WeightFiles.of(output);
    assertTrue(weights.files().size() > 2, weights.toString());
    for (String file : weights.files()) {
      assertTrue(file.matches("model-\\d{5}-of-\\d{5}\\.safetensors"), file);
      assertTrue(floatBytes(output.resolve(file)) <= 30_000, file);
    }
    requireClose(Cli.PLAIN, output, 0);
  }

  @Test
  void anotherClassLeavesTheHeadOut() throws IOException {
    Path output = folder.resolve("out");

    Cli.Result result = convert(Cli.PLAIN, output, "--class", "wav2vec2bertmodel");

    requireSuccess(result);
    assertTrue(result.out().startsWith("class   Wav2Vec2BertModel\n"), result.out());
    try (var encoder = Wav2Vec2BertModel.fromPretrained(output)) {
      assertEquals(List.of("Wav2Vec2BertModel"), encoder.config().architectures());
      assertEquals(List.of(), encoder.loadReport().unexpected());
    }
  }

  @Test
  void modelsWithoutKnownClassNeedAChoice() throws IOException {
    Path model = folder.resolve("model");
    requireSuccess(convert(Cli.PLAIN, model));
    for (List<String> names : List.of(List.<String>of(), List.of("Wav2Vec2ForCTC"))) {
      var config = Models.readConfig(model);
      var architectures = config.putArray("architectures");
      names.forEach(architectures::add);
      Models.writeConfig(model, config);

      Cli.Result result = convert(model, folder.resolve("out"));

      assertEquals(
          "w2vbert: "
              + model.resolve("config.json")
              + " has the architectures "
              + names
              + "; expected one of Wav2Vec2BertModel, Wav2Vec2BertForCTC,"
              + " Wav2Vec2BertForSequenceClassification, Wav2Vec2BertForAudioFrameClassification,"
              + " Wav2Vec2BertForXVector; choose one with --class\n",
          result.err());
      assertEquals(1, result.status());
      assertFalse(Files.exists(folder.resolve("out")));
    }
    requireSuccess(convert(model, folder.resolve("out"), "--class", "Wav2Vec2BertForCTC"));
  }

  @Test
  void itsOwnFolderIsRefused() throws IOException {
    Path model = folder.resolve("model");
    requireSuccess(convert(Cli.PLAIN, model));
    Path link = Files.createSymbolicLink(folder.resolve("link"), model);
    byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));

    for (Path same : List.of(model, model.resolve("../model"), link)) {
      Cli.Result result = convert(model, same, "--force", "--dtype", "float16");
      assertEquals(
          "w2vbert: " + same + " is the folder of the model itself; expected another one\n",
          result.err());
      assertEquals(1, result.status());
    }
    assertArrayEquals(weights, Files.readAllBytes(model.resolve("model.safetensors")));
  }

  @Test
  void aFolderWithFilesIsRefusedUnlessForced() throws IOException {
    Path output = folder.resolve("out");
    Path classifier = Models.sequenceClassifier(folder.resolve("classifier"));
    requireSuccess(convert(Cli.PLAIN, output, "--shard-size", "30KB"));
    Files.writeString(output.resolve("README.md"), "mine");
    List<String> names = Cli.names(output);

    Cli.Result refused = convert(classifier, output);
    assertEquals(
        "w2vbert: " + output + " is not empty; replace the model in it with --force\n",
        refused.err());
    assertEquals(1, refused.status());
    assertEquals(names, Cli.names(output));

    requireSuccess(convert(classifier, output, "--force"));
    assertEquals( // nothing of the first model
        List.of("README.md", "config.json", "model.safetensors", "preprocessor_config.json"),
        Cli.names(output));
    assertEquals(0, Cli.run("classify", CLIP, "--model", output).status());
  }

  @Test
  void anEmptyFolderIsFilledWhereItIs() throws IOException {
    Path output = Files.createDirectory(folder.resolve("out"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), output);
    requireSuccess(convert(Cli.PLAIN, link));
    requireClose(Cli.PLAIN, output, 0);
    assertTrue(Files.isSymbolicLink(link));
  }

  @Test
  void failuresLeaveNothing() throws IOException {
    Path output = folder.resolve("out");

    Cli.Result noHead = convert(Cli.PLAIN, output, "--class", "Wav2Vec2BertForXVector");
    assertEquals(1, noHead.status());
    assertEquals(1, noHead.err().lines().count(), noHead.err());
    assertEquals(1, convert(folder.resolve("none"), output).status());
    Path lost = folder.resolve("none/out");
    assertEquals(
        "w2vbert: " + lost.getParent() + ": no such file or folder\n",
        convert(Cli.PLAIN, lost).err());
    Cli.Result name = convert(Cli.PLAIN, folder.resolve("x".repeat(256)));
    assertEquals(1, name.status(), "longer than a name may be");
    assertEquals(List.of(), Cli.names(folder));

    Path file = Files.writeString(folder.resolve("file"), "text");
    assertEquals(
        "w2vbert: " + file + ": is a file; expected a folder\n",
        convert(Cli.PLAIN, file, "--force").err());
    assertEquals("text", Files.readString(file));
  }
}
