package io.github.w2vbert;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The shape of the released model, 580 million parameters. The recorded recipe makes the weights:
 * the 2.3 GB file is written once, into the build folder, and kept there.
 */
@Tag("big")
class BigModelTest {
  private static final Path RECORDED = Golden.cases("big").get(0);
  private static final Path FOLDER =
      Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolve("target/big");
  private static final Path WEIGHTS = FOLDER.resolve("model.safetensors");

  /** That 30 s of audio may take beside the weights; 112 to 122 were seen. */
  private static final int MOST_MEGABYTES = 140;

  private static final int CHUNK = 1 << 20; // elements that one work item computes
  private static final JsonNode CASE = Golden.json(RECORDED.resolve("case.json"));

  /** One parameter: {@code (float) (offset + scale * u)}, where u comes from the counter's hash. */
  private record Recipe(
      long index,
      String name,
      long[] shape,
      double offset,
      double scale,
      long begin,
      JsonNode json) {
    private static final Pattern RULE =
        Pattern.compile("(?:([0-9.]+) \\+ )?(?:([0-9.]+)|sqrt\\(([0-9]+) / ([0-9]+)\\)) u");

    static Recipe of(JsonNode json, long begin) {
      Matcher rule = RULE.matcher(json.get("rule").textValue());
      assertTrue(rule.matches(), json.get("rule").textValue());
      long[] shape = new long[json.get("shape").size()];
      Arrays.setAll(shape, i -> json.get("shape").get(i).longValue());
      return new Recipe(
          json.get("index").longValue(),
          json.get("name").textValue(),
          shape,
          rule.group(1) == null ? 0 : Double.parseDouble(rule.group(1)),
          rule.group(2) != null
              ? Double.parseDouble(rule.group(2))
              : Math.sqrt(Double.parseDouble(rule.group(3)) / Double.parseDouble(rule.group(4))),
          begin,
          json);
    }

    long elements() {
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    long end() {
      return begin + elements() * Float.BYTES;
    }

    /** Writes the elements from {@code first} on until the buffer is full. */
    void draw(long first, FloatBuffer out) {
      long stream = CASE.get("stream").longValue();
      long base = (stream << 48) ^ (index << 32);
      for (long i = first; out.hasRemaining(); i++) {
        long z = (i + base) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        double u = (z >>> 40) * 0x1p-23 - 1;
        out.put((float) (offset + scale * u));
      }
    }
  }

  /** Elements of one parameter. */
  private record Chunk(Recipe recipe, long first, int count) {
    long position() {
      return recipe.begin + first * Float.BYTES;
    }
  }

  private static List<Chunk> chunks(List<Recipe> recipes) {
    List<Chunk> chunks = new ArrayList<>();
    for (Recipe recipe : recipes) {
      for (long first = 0; first < recipe.elements(); first += CHUNK) {
        int count = (int) Math.min(CHUNK, recipe.elements() - first);
        chunks.add(new Chunk(recipe, first, count));
      }
    }
    return chunks;
  }

  @BeforeAll
  static void writeCheckpoint() throws IOException {
    long start = System.nanoTime();
    List<Recipe> recipes = new ArrayList<>();
    long at = 0;
    for (JsonNode json : CASE.get("recipe")) {
      recipes.add(Recipe.of(json, at));
      at = recipes.get(recipes.size() - 1).end();
    }
    byte[] header = header(recipes);
    long size = Long.BYTES + header.length + at;
    boolean present = Files.exists(WEIGHTS) && Files.size(WEIGHTS) == size;
    if (!present) {
      write(recipes, header, size);
    }
    try (FileChannel file = FileChannel.open(WEIGHTS, StandardOpenOption.READ)) {
      check(recipes, file, Long.BYTES + header.length);
    }
    Files.copy(
        RECORDED.resolve("config.json"),
        FOLDER.resolve("config.json"),
        StandardCopyOption.REPLACE_EXISTING);
    print(start, present ? "checked the weights" : "wrote the weights");
  }

  private static byte[] header(List<Recipe> recipes) {
    ObjectNode header = new ObjectMapper().createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    for (Recipe recipe : recipes) {
      ObjectNode field = header.putObject(recipe.name).put("dtype", "F32");
      Arrays.stream(recipe.shape).forEach(field.putArray("shape")::add);
      field.putArray("data_offsets").add(recipe.begin).add(recipe.end());
    }
    byte[] text = header.toString().getBytes(UTF_8);
    byte[] aligned = Arrays.copyOf(text, (text.length + 63) / 64 * 64 - Long.BYTES + 64);
    Arrays.fill(aligned, text.length, aligned.length, (byte) ' ');
    return aligned;
  }

  /** Writes under another name first, so that a file of the right size is a complete one. */
  private static void write(List<Recipe> recipes, byte[] header, long size) throws IOException {
    Files.createDirectories(FOLDER);
    Files.deleteIfExists(WEIGHTS);
    long free = FOLDER.toFile().getUsableSpace();
    if (free < size) {
      fail("the weights need " + size + " bytes in " + FOLDER + ", but only " + free + " are free");
    }
    Path draft = Files.createTempFile(FOLDER, "model", ".tmp");
    try {
      try (FileChannel file = FileChannel.open(draft, StandardOpenOption.WRITE)) {
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        writeFully(file, length.putLong(header.length).flip(), 0);
        writeFully(file, ByteBuffer.wrap(header), Long.BYTES);
        long data = Long.BYTES + header.length;
        chunks(recipes).parallelStream()
            .forEach(
                chunk -> {
                  ByteBuffer bytes =
                      ByteBuffer.allocate(chunk.count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                  chunk.recipe.draw(chunk.first, bytes.asFloatBuffer());
                  writeFully(file, bytes, data + chunk.position());
                });
      }
      Files.move(draft, WEIGHTS, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | UncheckedIOException e) {
      fail("the weights of " + size + " bytes cannot be written into " + FOLDER + ": " + e, e);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  private static void writeFully(FileChannel file, ByteBuffer bytes, long position) {
    try {
      long at = position;
      while (bytes.hasRemaining()) {
        at += file.write(bytes, at);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Compares what lies in the file with the recorded first, last and summed values. */
  private static void check(List<Recipe> recipes, FileChannel file, long data) {
    DoubleAdder[] sums = new DoubleAdder[recipes.size()];
    DoubleAdder[] magnitudes = new DoubleAdder[recipes.size()];
    Arrays.setAll(sums, i -> new DoubleAdder());
    Arrays.setAll(magnitudes, i -> new DoubleAdder());
    chunks(recipes).parallelStream()
        .forEach(
            chunk -> {
              FloatBuffer values = read(file, data + chunk.position(), chunk.count);
              JsonNode expected = chunk.recipe.json;
              for (int i = 0; chunk.first == 0 && i < 3; i++) {
                assertEquals(
                    expected.get("first").get(i).doubleValue(), values.get(i), chunk.recipe.name);
              }
              if (chunk.first + chunk.count == chunk.recipe.elements()) {
                assertEquals(
                    expected.get("last").doubleValue(),
                    values.get(chunk.count - 1),
                    chunk.recipe.name);
              }
              double sum = 0;
              double magnitude = 0;
              while (values.hasRemaining()) {
                float value = values.get();
                sum += value;
                magnitude += Math.abs(value);
              }
              sums[(int) chunk.recipe.index].add(sum);
              magnitudes[(int) chunk.recipe.index].add(magnitude);
            });
    for (Recipe recipe : recipes) {
      assertEquals(
          recipe.json.get("sum_f64").doubleValue(),
          sums[(int) recipe.index].sum(),
          1e-12 * magnitudes[(int) recipe.index].sum(), // float64, in another order
          recipe.name);
    }
  }

  private static FloatBuffer read(FileChannel file, long position, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try {
      long at = position;
      while (bytes.hasRemaining()) {
        int got = file.read(bytes, at);
        if (got < 0) {
          throw new IOException("the file ends early");
        }
        at += got;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.flip().asFloatBuffer();
  }

  @Test
  void theRealShapeGivesTheRecordedResults() throws IOException {
    long start = System.nanoTime();
    var inputs = SafetensorsReader.read(RECORDED.resolve("inputs.safetensors"));
    var outputs = SafetensorsReader.read(RECORDED.resolve("outputs.safetensors"));
    int frames = CASE.get("frames").intValue();
    int valid = CASE.get("valid_frames_in_mask").intValue();
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(FOLDER)) {
      assertEquals(new LoadReport(List.of(), List.of(), List.of()), model.loadReport());
      assertEquals(
          580_493_120L, model.parameters().stream().mapToLong(ParameterInfo::elements).sum());
      assertTrue(model.parameters().stream().allMatch(ParameterInfo::mapped));
      print(start, "loaded the model");
      float[] plain;
      try (Features features = new Features(inputs.get("input_features").tensor(), null);
          BaseModelOutput output = model.forward(features, null, new OutputOptions(true, false))) {
        print(start, "ran it without mask");
        plain = output.lastHiddenState().toFloatArray();
        assertArrayEquals(new long[] {1, frames, 1024}, output.lastHiddenState().shape());
        assertRows(outputs.get("last_hidden_state"), plain, 0, "last_hidden_state");
        assertRows(outputs.get("last_hidden_state_f64_head"), plain, 0, "last_hidden_state");
        assertLayers("nomask", output, valid);
      }
      float[] masked;
      try (Features features =
              new Features(
                  inputs.get("input_features").tensor(), inputs.get("attention_mask").tensor());
          BaseModelOutput output = model.forward(features, null, new OutputOptions(true, false))) {
        print(start, "ran it with mask");
        masked = output.lastHiddenState().toFloatArray();
        assertEquals(List.of((long) valid), output.lengths());
        String name = "last_hidden_state_mask";
        assertRows(outputs.get(name), masked, 0, name);
        assertRows(outputs.get(name + "_f64_tail"), masked, valid - 8, name);
        assertLayers("mask", output, valid);
      }
      assertRagged(model, inputs.get("input_features").floats(), frames, valid, outputs);
      print(start, "ran both without padding");
    }
  }

  /** In a process of its own, so that nothing else takes or frees memory meanwhile. */
  @ParameterizedTest
  @EnumSource(
      value = WeightType.class,
      names = {"FLOAT32", "INT8"})
  void halfAMinuteTakesLittleMemoryBesideTheWeights(WeightType weights) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms64m", // all of the heap counts from the beginning
                "-Xmx64m",
                "-XX:+AlwaysPreTouch",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dbasedir=" + System.getProperty("basedir", ""),
                "-Dw2vbert.golden=" + Golden.dir(),
                BigModelTest.class.getName(),
                weights.name())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    assertTrue(process.waitFor(1, TimeUnit.MINUTES));
    System.out.println("big: " + weights + ", 30 s of audio: " + output);
    Matcher megabytes = Pattern.compile("at most ([0-9]+) MB more").matcher(output);
    assertTrue(megabytes.find(), output);
    assertTrue(Integer.parseInt(megabytes.group(1)) <= MOST_MEGABYTES, output);
  }

  /** Every layer takes the memory of the one before it, so a few of them show what all take. */
  public static void main(String[] arguments) throws Exception {
    LoadOptions options =
        LoadOptions.DEFAULT.withWeights(WeightType.valueOf(arguments[0])).withLayer(3);
    float[] frames = new float[1500 * 160];
    for (int i = 0; i < frames.length; i++) {
      frames[i] = (float) Math.sin(i * 0.37);
    }
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(FOLDER, options)) {
      try (RaggedFeatures second =
          new RaggedFeatures(
              Tensor.of(Arrays.copyOf(frames, 50 * 160), 50, 160), new long[] {50})) {
        model.encode(second).close();
      }
      try (RaggedFeatures features =
          new RaggedFeatures(Tensor.of(frames, 1500, 160), new long[] {1500})) {
        long before = anonymousBytes();
        AtomicLong peak = new AtomicLong();
        Thread watch =
            new Thread(
                () -> {
                  while (!Thread.currentThread().isInterrupted()) {
                    peak.accumulateAndGet(anonymousBytes(), Math::max);
                  }
                });
        watch.start();
        model.encode(features).close();
        watch.interrupt();
        watch.join();
        System.out.printf("at most %d MB more%n", (peak.get() - before) >> 20);
      }
    }
  }

  private static long anonymousBytes() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      String line = lines.filter(each -> each.startsWith("RssAnon:")).findFirst().orElseThrow();
      return Long.parseLong(line.replaceAll("\\D", "")) << 10;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertRagged(
      Wav2Vec2BertModel model,
      float[] input,
      int frames,
      int valid,
      Map<String, SafetensorsReader.Entry> outputs) {
    int width = input.length / frames;
    float[] both = Arrays.copyOf(input, (frames + valid) * width);
    System.arraycopy(input, 0, both, frames * width, valid * width);
    try (RaggedFeatures features =
        new RaggedFeatures(Tensor.of(both, frames + valid, width), new long[] {frames, valid})) {
      List<BaseModelOutput> results = model.encode(features);
      try (BaseModelOutput first = results.get(0);
          BaseModelOutput second = results.get(1)) {
        assertRows(
            outputs.get("last_hidden_state"),
            first.lastHiddenState().toFloatArray(),
            0,
            "last_hidden_state");
        assertRows(
            outputs.get("last_hidden_state_mask"),
            second.lastHiddenState().toFloatArray(),
            0,
            "last_hidden_state_mask");
      }
    }
  }

  private static void assertRows(
      SafetensorsReader.Entry expected, float[] actual, int firstRow, String name) {
    int width = (int) expected.shape()[2];
    int from = firstRow * width;
    double largest =
        Compare.assertClose(
            name,
            expected.doubles(),
            Arrays.copyOfRange(actual, from, from + expected.elements()),
            CASE.get("suggested_atol").get(name).doubleValue());
    System.out.printf("big: %s, %s: off by at most %.2g%n", name, expected.dtype(), largest);
  }

  /**
   * Statistics over all frames, padding included; {@code last_valid} is as in the call with mask.
   */
  private static void assertLayers(String call, BaseModelOutput output, int validFrames) {
    JsonNode layers = CASE.get("layer_statistics").get(call + "_f64");
    assertEquals(layers.size(), output.hiddenStates().size());
    for (JsonNode expected : layers) {
      int layer = expected.get("layer").intValue();
      String name = call + ", layer " + layer;
      float[] values = output.hiddenStates().get(layer).toFloatArray();
      double n = values.length;
      double sum = IntStream.range(0, values.length).mapToDouble(i -> values[i]).sum();
      double squares =
          IntStream.range(0, values.length).mapToDouble(i -> (double) values[i] * values[i]).sum();
      assertEquals(expected.get("mean").doubleValue(), sum / n, 1e-6, name);
      assertEquals(
          expected.get("std").doubleValue(),
          Math.sqrt((squares - sum * sum / n) / (n - 1)),
          1e-6,
          name);
      assertEquals(expected.get("l2").doubleValue(), Math.sqrt(squares), 2e-4, name);
      int last = (validFrames - 1) * 1024;
      for (int i = 0; i < expected.get("first").size(); i++) {
        assertEquals(expected.get("first").get(i).doubleValue(), values[i], 7e-5, name);
        assertEquals(expected.get("last_valid").get(i).doubleValue(), values[last + i], 7e-5, name);
      }
    }
  }

  private static void print(long start, String what) throws IOException {
    String peak =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmHWM:"))
            .findFirst()
            .orElse("VmHWM unknown");
    System.out.printf(
        "big: %s after %.1f s, peak resident %s (mapped weights included)%n",
        what, (System.nanoTime() - start) / 1e9, peak.replaceAll("\\s+", " "));
  }
}
