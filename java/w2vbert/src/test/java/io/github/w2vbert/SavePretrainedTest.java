package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing models: what is read back, and what the files are. */
class SavePretrainedTest {
  private static Map<String, float[]> values(Wav2Vec2BertPreTrainedModel model) {
    Map<String, float[]> values = new TreeMap<>();
    for (ParameterInfo parameter : model.parameters()) {
      try (Tensor tensor = model.parameter(parameter.name())) {
        values.put(parameter.name(), tensor.toFloatArray());
      }
    }
    return values;
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, numbers) -> assertArrayEquals(numbers, actual.get(name), name));
  }

  /** The nearest numbers of the type, by an independent rule. */
  private static float rounded(float value, DType dtype) {
    return switch (dtype) {
      case FLOAT16 -> {
        // Halves have 11 significant bits, and from 2^-14 down steps of 2^-24.
        double step = Math.max(Math.scalb(1.0, Math.getExponent(value) - 10), 0x1p-24);
        yield (float) (Math.rint(value / step) * step);
      }
      case BFLOAT16 -> {
        double step = Math.scalb(1.0, Math.max(Math.getExponent(value), -126) - 7);
        yield (float) (Math.rint(value / step) * step);
      }
      default -> value;
    };
  }

  @Property(tries = 20)
  void whatIsSavedIsLoaded(
      @ForAll @IntRange(max = 2) int type,
      @ForAll @LongRange(max = 200_000) long shardBytes,
      @ForAll @IntRange(max = 4) int modelClass,
      @ForAll long seed)
      throws IOException {
    DType dtype = List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16).get(type);
    String name = AnyModel.CLASSES.get(modelClass);
    Wav2Vec2BertConfig config =
        Checkpoints.smallConfig()
            .numHiddenLayers(1)
            .tdnnDim(List.of(8, 8))
            .tdnnKernel(List.of(2, 1))
            .tdnnDilation(List.of(1, 1))
            .useWeightedLayerSum(true)
            .build();
    Path folder = Files.createTempDirectory("saved");
    SaveOptions options = SaveOptions.DEFAULT.withDtype(dtype).withMaxShardBytes(shardBytes);
    try (AnyModel model = AnyModel.initialize(name, config, seed)) {
      model.get().savePretrained(folder, options);
      Map<String, float[]> expected = values(model.get());
      expected
          .values()
          .forEach(
              numbers -> {
                for (int i = 0; i < numbers.length; i++) {
                  numbers[i] = rounded(numbers[i], dtype);
                }
              });
      try (AnyModel loaded = AnyModel.load(name, folder, LoadOptions.DEFAULT)) {
        assertSame(expected, values(loaded.get()));
        assertEquals(List.of(name), loaded.get().config().architectures());
        // A second time onto itself, while its files are mapped: nothing changes.
        loaded.get().savePretrained(folder, options);
        assertSame(expected, values(loaded.get()));
      }
      try (AnyModel again = AnyModel.load(name, folder, LoadOptions.DEFAULT)) {
        assertSame(expected, values(again.get()));
      }
      assertShards(folder, shardBytes, expected.keySet().size());
    } finally {
      for (String file : files(folder)) {
        Files.delete(folder.resolve(file));
      }
      Files.delete(folder);
    }
  }

  private static void assertShards(Path folder, long shardBytes, int tensors) throws IOException {
    List<String> files = files(folder);
    if (files.contains("model.safetensors")) {
      assertEquals(List.of("config.json", "model.safetensors"), files);
      return;
    }
    int shards = files.size() - 2;
    assertTrue(shards > 1, files.toString());
    JsonNode index = Golden.json(folder.resolve("model.safetensors.index.json"));
    assertEquals(tensors, index.get("weight_map").size());
    TreeSet<String> named = new TreeSet<>();
    index.get("weight_map").forEach(file -> named.add(file.textValue()));
    long total = 0;
    for (int i = 1; i <= shards; i++) {
      String shard = String.format("model-%05d-of-%05d.safetensors", i, shards);
      assertTrue(named.remove(shard), shard);
      long bytes = 0;
      Map<String, SafetensorsReader.Entry> entries = SafetensorsReader.read(folder.resolve(shard));
      for (SafetensorsReader.Entry entry : entries.values()) {
        bytes += entry.data().remaining();
      }
      assertTrue(bytes <= shardBytes || entries.size() == 1, shard + " has " + bytes);
      total += bytes;
    }
    assertEquals(new TreeSet<String>(), named);
    assertEquals(total, index.get("metadata").get("total_size").longValue());
  }

  @Test
  void anEarlierModelOfAnotherShardingIsReplaced(@TempDir Path folder) throws IOException {
    Path saved = folder.resolve("new").resolve("model"); // made by the call
    try (Wav2Vec2BertModel model =
            Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1);
        Wav2Vec2BertModel other =
            Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 2)) {
      model.savePretrained(saved, SaveOptions.DEFAULT.withMaxShardBytes(20_000));
      int shards = files(saved).size() - 2;
      assertTrue(shards > 2);
      Files.writeString(saved.resolve("vocab.json"), "{}");
      other.savePretrained(saved, SaveOptions.DEFAULT.withMaxShardBytes(40_000));
      assertTrue(files(saved).size() - 3 < shards, files(saved).toString());
      try (Wav2Vec2BertModel loaded = Wav2Vec2BertModel.fromPretrained(saved)) {
        assertSame(values(other), values(loaded));
      }
      model.savePretrained(saved);
      assertEquals(List.of("config.json", "model.safetensors", "vocab.json"), files(saved));
      model.savePretrained(saved, SaveOptions.DEFAULT.withMaxShardBytes(40_000));
      assertTrue(!files(saved).contains("model.safetensors"));
      try (Wav2Vec2BertModel loaded = Wav2Vec2BertModel.fromPretrained(saved)) {
        assertSame(values(model), values(loaded));
      }
    }
  }

  @Test
  void aFolderThatCannotBeWrittenIsLeftAsItWas(@TempDir Path folder) throws IOException {
    try (Wav2Vec2BertModel model =
        Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1)) {
      Path file = Files.writeString(folder.resolve("file"), "not a folder");
      assertThrows(W2vBertException.class, () -> model.savePretrained(file));
      // Folders stand where the second shard, or the configuration, is to be.
      Path saved = folder.resolve("saved");
      model.savePretrained(saved, SaveOptions.DEFAULT.withMaxShardBytes(20_000));
      Map<String, float[]> before = values(model);
      try (Wav2Vec2BertModel other =
          Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 2)) {
        Path measured = folder.resolve("measured");
        other.savePretrained(measured, SaveOptions.DEFAULT.withMaxShardBytes(40_000));
        String second =
            files(measured).stream().filter(f -> f.startsWith("model-00002")).toList().get(0);
        for (String blocked : List.of(second, "config.json")) {
          if (blocked.equals("config.json")) {
            Files.move(saved.resolve(blocked), folder.resolve("kept.json"));
          }
          Files.createDirectories(saved.resolve(blocked));
          List<String> all = files(saved);
          W2vBertException error =
              assertThrows(
                  W2vBertException.class,
                  () -> other.savePretrained(saved, SaveOptions.DEFAULT.withMaxShardBytes(40_000)));
          assertTrue(error.getMessage().contains(blocked), error.getMessage());
          assertEquals(all, files(saved));
          Files.delete(saved.resolve(blocked));
          if (blocked.equals("config.json")) {
            Files.move(folder.resolve("kept.json"), saved.resolve(blocked));
          }
          try (Wav2Vec2BertModel still = Wav2Vec2BertModel.fromPretrained(saved)) {
            assertSame(before, values(still));
          }
        }
      }
    }
  }

  @Test
  void severalThreadsMaySaveIntoOneFolder(@TempDir Path folder) throws Exception {
    try (Wav2Vec2BertModel first =
            Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1);
        Wav2Vec2BertModel second =
            Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 2)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        Wav2Vec2BertModel model = i % 2 == 0 ? first : second;
        SaveOptions options = SaveOptions.DEFAULT.withMaxShardBytes(20_000L * (1 + i % 2));
        Thread thread = new Thread(() -> model.savePretrained(folder, options));
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      try (Wav2Vec2BertModel loaded = Wav2Vec2BertModel.fromPretrained(folder)) {
        float[] norm = values(loaded).get("feature_projection.projection.weight");
        assertTrue(
            Arrays.equals(norm, values(first).get("feature_projection.projection.weight"))
                || Arrays.equals(norm, values(second).get("feature_projection.projection.weight")));
      }
    }
  }

  @Test
  void doublesAreRoundedWhenTheyAreLoaded(@TempDir Path folder) throws IOException {
    try (Wav2Vec2BertModel model =
        Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1)) {
      Map<String, Tensor> wide = new TreeMap<>();
      for (ParameterInfo parameter : model.parameters()) {
        try (Tensor tensor = model.parameter(parameter.name())) {
          float[] values = tensor.toFloatArray();
          wide.put(
              parameter.name(),
              Tensor.allocate(
                  bytes -> {
                    for (float value : values) {
                      bytes.putDouble(value * (1 + 0x1p-26)); // rounds to the value
                    }
                  },
                  DType.FLOAT64,
                  tensor.shape()));
        }
      }
      Checkpoints.save(wide, folder);
      Closing.all(wide.values().toArray(Tensor[]::new));
      model.config().savePretrained(folder);
      try (Wav2Vec2BertModel loaded = Wav2Vec2BertModel.fromPretrained(folder)) {
        assertSame(values(model), values(loaded));
      }
    }
  }

  @Test
  void copiedWeightsOutliveTheirFile(@TempDir Path folder) throws IOException {
    try (Wav2Vec2BertModel model =
        Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1)) {
      model.savePretrained(folder);
      try (Wav2Vec2BertModel copy =
          Wav2Vec2BertModel.fromPretrained(folder, LoadOptions.DEFAULT.withCopiedWeights())) {
        Files.write(folder.resolve("model.safetensors"), new byte[0]); // ends who has it mapped
        assertSame(values(model), values(copy));
        assertTrue(copy.parameters().stream().noneMatch(ParameterInfo::mapped));
      }
    }
  }

  @Test
  void theConfigurationSaysWhatWasSaved(@TempDir Path folder) {
    try (Wav2Vec2BertForCTC model =
        Wav2Vec2BertForCTC.initialize(Checkpoints.smallConfig().build(), 1)) {
      model.savePretrained(folder, SaveOptions.DEFAULT.withDtype(DType.BFLOAT16));
      JsonNode saved = Golden.json(folder.resolve("config.json"));
      assertEquals("bfloat16", saved.get("torch_dtype").textValue());
      assertEquals("[\"Wav2Vec2BertForCTC\"]", saved.get("architectures").toString());
    }
    Wav2Vec2BertConfig both =
        Wav2Vec2BertConfig.parse(
            "{\"model_type\": \"wav2vec2-bert\", \"dtype\": \"float32\","
                + " \"torch_dtype\": \"float32\"}");
    String rewritten = both.savedAs("X", DType.FLOAT16).toJson();
    assertTrue(!rewritten.contains("float32") && rewritten.contains("torch_dtype"), rewritten);
    assertThrows(IllegalArgumentException.class, () -> SaveOptions.DEFAULT.withDtype(DType.INT32));
    assertThrows(IllegalArgumentException.class, () -> SaveOptions.DEFAULT.withMaxShardBytes(-1));
  }
}
