package io.github.w2vbert.benchmarks.peers;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A checkpoint of {@code Wav2Vec2BertForCTC} whose parameters come from a formula, so that every
 * engine computes with the same and nobody needs a download: the recipe of the recorded case {@code
 * big}, where parameter number n has {@code (float) (offset + scale * u)} with u in [-1, 1) from
 * hashes of its elements' numbers.
 */
public final class FormulaCheckpoint {
  static final String WEIGHTS = "model.safetensors";

  private static final int VOCABULARY = 64; // of the recorded ONNX graph
  private static final long STREAM = 1; // of the recorded case
  private static final String BASE = "wav2vec2_bert.";

  private FormulaCheckpoint() {}

  /**
   * One parameter.
   *
   * @param index its place in the list
   */
  record Recipe(long index, String name, long[] shape, double offset, double scale) {
    long elements() {
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    float value(long element) {
      long z = (element + ((STREAM << 48) ^ (index << 32))) * 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z ^= z >>> 31;
      double u = (z >>> 40) * 0x1p-23 - 1;
      return (float) (offset + scale * u);
    }
  }

  /** The list in the making. */
  private static final class Recipes {
    private final List<Recipe> list = new ArrayList<>();

    private void add(String name, double offset, double scale, long... shape) {
      list.add(new Recipe(list.size(), name, shape, offset, scale));
    }

    private void norm(String name, long width) {
      add(name + ".weight", 1, 0.1, width);
      bias(name, width);
    }

    private void bias(String name, long width) {
      add(name + ".bias", 0, 0.1, width);
    }

    /** A matrix or a kernel; each output sums {@code fanIn} products. */
    private void weight(String name, long fanIn, long... shape) {
      add(name + ".weight", 0, Math.sqrt(3.0 / fanIn), shape);
    }

    private void linear(String name, long in, long out) {
      weight(name, in, out, in);
      bias(name, out);
    }

    private void feedForward(String name, long hidden, long intermediate) {
      norm(name + "_layer_norm", hidden);
      linear(name + ".intermediate_dense", hidden, intermediate);
      linear(name + ".output_dense", intermediate, hidden);
    }
  }

  /** All parameters of a model with Shaw positions and without adapter. */
  static List<Recipe> recipes(Wav2Vec2BertConfig config) {
    long hidden = config.hiddenSize();
    long kernel = config.convDepthwiseKernelSize();
    long distances = config.leftMaxPositionEmbeddings() + config.rightMaxPositionEmbeddings() + 1L;
    Recipes all = new Recipes();
    all.add(BASE + "masked_spec_embed", 0.5, 0.5, hidden);
    all.norm(BASE + "feature_projection.layer_norm", config.featureProjectionInputDim());
    all.linear(BASE + "feature_projection.projection", config.featureProjectionInputDim(), hidden);
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      String layer = BASE + "encoder.layers." + i + ".";
      all.feedForward(layer + "ffn1", hidden, config.intermediateSize());
      all.norm(layer + "self_attn_layer_norm", hidden);
      for (String projection : new String[] {"linear_q", "linear_k", "linear_v", "linear_out"}) {
        all.linear(layer + "self_attn." + projection, hidden, hidden);
      }
      all.add(
          layer + "self_attn.distance_embedding.weight",
          0,
          0.5,
          distances,
          hidden / config.numAttentionHeads());
      String convolution = layer + "conv_module.";
      all.norm(convolution + "layer_norm", hidden);
      all.weight(convolution + "pointwise_conv1", hidden, 2 * hidden, hidden, 1);
      all.weight(convolution + "depthwise_conv", kernel, hidden, 1, kernel);
      all.norm(convolution + "depthwise_layer_norm", hidden);
      all.weight(convolution + "pointwise_conv2", hidden, hidden, hidden, 1);
      all.feedForward(layer + "ffn2", hidden, config.intermediateSize());
      all.norm(layer + "final_layer_norm", hidden);
    }
    all.linear("lm_head", hidden, config.vocabSize());
    return all.list;
  }

  /** The shape of facebook/w2v-bert-2.0 with a head. */
  public static Wav2Vec2BertConfig realShape() {
    return Wav2Vec2BertConfig.builder().vocabSize(VOCABULARY).build();
  }

  /** Writes {@code config.json} and the weights into the folder, unless they are there. */
  public static void write(Path folder, Wav2Vec2BertConfig config) throws IOException {
    List<Recipe> recipes = recipes(config);
    byte[] header = header(recipes);
    long size =
        Long.BYTES
            + header.length
            + recipes.stream().mapToLong(Recipe::elements).sum() * Float.BYTES;
    Files.createDirectories(folder);
    config.savePretrained(folder);
    writeOnce(folder.resolve(WEIGHTS), size, out -> write(recipes, header, out));
  }

  private static void write(List<Recipe> recipes, byte[] header, OutputStream out)
      throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    out.write(chunk.putLong(header.length).array(), 0, Long.BYTES);
    out.write(header);
    chunk.clear();
    for (Recipe recipe : recipes) {
      for (long i = 0; i < recipe.elements(); i++) {
        chunk.putFloat(recipe.value(i));
        if (!chunk.hasRemaining()) {
          out.write(chunk.array());
          chunk.clear();
        }
      }
    }
    out.write(chunk.array(), 0, chunk.position());
  }

  private static byte[] header(List<Recipe> recipes) {
    ObjectNode header = new ObjectMapper().createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    long begin = 0;
    for (Recipe recipe : recipes) {
      ObjectNode field = header.putObject(recipe.name).put("dtype", "F32");
      Arrays.stream(recipe.shape).forEach(field.putArray("shape")::add);
      long end = begin + recipe.elements() * Float.BYTES;
      field.putArray("data_offsets").add(begin).add(end);
      begin = end;
    }
    byte[] text = header.toString().getBytes(UTF_8);
    byte[] aligned = Arrays.copyOf(text, (text.length + 63) / 64 * 64 + 64 - Long.BYTES);
    Arrays.fill(aligned, text.length, aligned.length, (byte) ' ');
    return aligned;
  }

  /** What writes a file. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /** Writes under another name first, so that a file of the right size is a complete one. */
  static void writeOnce(Path file, long size, Content content) throws IOException {
    if (Files.exists(file) && Files.size(file) == size) {
      return;
    }
    long free = file.getParent().toFile().getUsableSpace();
    if (free < size) {
      throw new IOException(file + " needs " + size + " bytes, but only " + free + " are free");
    }
    System.err.println("writing " + file + ", " + size / 1_000_000 + " MB");
    Path draft = Files.createTempFile(file.getParent(), "draft", ".tmp");
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(draft), 1 << 20)) {
        content.writeTo(out);
      }
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(draft);
    }
    if (Files.size(file) != size) {
      throw new IOException(file + " has " + Files.size(file) + " bytes; expected " + size);
    }
  }
}
