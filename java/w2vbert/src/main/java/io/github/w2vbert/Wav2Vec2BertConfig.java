package io.github.w2vbert;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.hub.HubClient;
import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.TextFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * The options of a model: {@code config.json} as the reference writes it, completed with its
 * defaults. Immutable. Every instance has passed the checks of the native library, which knows the
 * options and their defaults; this class is a view of the text that crosses the border.
 *
 * <pre>{@code
 * Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(directory);
 * Wav2Vec2BertConfig small = Wav2Vec2BertConfig.builder().hiddenSize(144).numHiddenLayers(2).build();
 * }</pre>
 *
 * <p>Keys of a file that are no options (legacy keys of other models, say) are tolerated and kept
 * for {@link #toJson}.
 */
public final class Wav2Vec2BertConfig {
  private final ObjectNode node;

  private Wav2Vec2BertConfig(ObjectNode node) {
    this.node = node;
  }

  /**
   * Reads {@code config.json} in a checkpoint folder.
   *
   * @throws IllegalArgumentException if it is missing, malformed, of another model type, or refused
   * @throws W2vBertException if it cannot be read
   */
  public static Wav2Vec2BertConfig fromPretrained(Path directory) {
    Path file = directory.resolve("config.json");
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          directory + " is not a model folder: it has no config.json");
    }
    String text;
    try {
      text = Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new W2vBertException(file + " cannot be read as UTF-8 text: " + e.getMessage(), e);
    }
    return parse(text, file.toString());
  }

  /**
   * The same in a checkpoint folder given as text, or in a checkpoint of the Hugging Face hub,
   * whose small files are downloaded unless they are in the hub's cache (see {@link
   * io.github.w2vbert.hub}).
   *
   * @param folderOrRepository an existing folder, or a repository of the hub as {@code org/name} or
   *     {@code org/name@revision}
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}, or if there is neither such
   *     a folder nor such a repository
   * @throws W2vBertException also if it cannot be downloaded
   */
  public static Wav2Vec2BertConfig fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolveWithoutWeights(folderOrRepository));
  }

  /**
   * Reads the text of a {@code config.json}; options that are absent have their defaults.
   *
   * @throws IllegalArgumentException if it is malformed, of another model type, or refused, with
   *     the option, its value and what was expected
   */
  public static Wav2Vec2BertConfig parse(String json) {
    Objects.requireNonNull(json, "json");
    return parse(json, "config.json");
  }

  private static Wav2Vec2BertConfig parse(String json, String source) {
    return ofComplete(NativeHandle.create(() -> Native.complete_config(json, source)));
  }

  /** Reads text that the native library has completed. */
  static Wav2Vec2BertConfig ofComplete(String json) {
    return new Wav2Vec2BertConfig(Json.readObject(json));
  }

  /** The default configuration: the shape of facebook/w2v-bert-2.0. */
  public static Wav2Vec2BertConfig defaults() {
    return parse("{\"model_type\": \"wav2vec2-bert\"}");
  }

  /**
   * A builder that begins with the defaults; the width of an adapter is that of the encoder unless
   * it is set.
   */
  public static Builder builder() {
    ObjectNode start = defaults().node;
    start.remove("output_hidden_size");
    return new Builder(start);
  }

  /** A builder that begins with these options. */
  public Builder toBuilder() {
    return new Builder(node.deepCopy());
  }

  /** The text of {@code config.json}: every option, and the other keys of the file. */
  public String toJson() {
    return node.toPrettyString();
  }

  /**
   * Writes {@code config.json} into a folder.
   *
   * @throws W2vBertException if it cannot be written; nothing is left half-written
   */
  public void savePretrained(Path directory) {
    TextFile.write(directory.resolve("config.json"), toJson() + "\n");
  }

  /** These options as they stand beside the weights of a model that was saved. */
  Wav2Vec2BertConfig savedAs(String modelClass, DType dtype) {
    ObjectNode saved = node.deepCopy();
    saved.putArray("architectures").add(modelClass);
    if (saved.has("dtype")) { // newer files; some have both
      saved.put("dtype", dtype.toString());
    }
    if (!saved.has("dtype") || saved.has("torch_dtype")) {
      saved.put("torch_dtype", dtype.toString());
    }
    return new Wav2Vec2BertConfig(saved);
  }

  /** Class names of the checkpoint's model, such as {@code Wav2Vec2BertForCTC}; may be empty. */
  public List<String> architectures() {
    JsonNode names = node.path("architectures");
    return StreamSupport.stream(names.spliterator(), false).map(JsonNode::asText).toList();
  }

  /**
   * Frames of the result for an utterance of so many input frames: fewer with an adapter. 0 if the
   * utterance is too short for the adapter.
   *
   * @throws IllegalArgumentException if the number is negative
   */
  public long outputLength(long inputFrames) {
    if (inputFrames < 0) {
      throw new IllegalArgumentException("inputFrames is " + inputFrames + "; expected at least 0");
    }
    long frames = inputFrames;
    for (int layer = 0; addAdapter() && layer < numAdapterLayers(); layer++) {
      long room = frames + 2L * (adapterStride() / 2) - adapterKernelSize();
      frames = frames == 0 || room < 0 ? 0 : room / adapterStride() + 1;
    }
    return frames;
  }

  /**
   * Input frames from one frame of the result to the next: 1 without adapter. At most {@link
   * Integer#MAX_VALUE}, beyond which no utterance has a second frame.
   */
  public long outputStride() {
    long stride = 1;
    for (int layer = 0; addAdapter() && layer < numAdapterLayers(); layer++) {
      stride = Math.min(stride * adapterStride(), Integer.MAX_VALUE);
    }
    return stride;
  }

  /** Classes of a classification head: as many as {@code id2label} has, 2 without it. */
  public int numLabels() {
    return node.hasNonNull("id2label") ? node.get("id2label").size() : 2;
  }

  /** Names of the classes of a classification head, by number; empty if the file gives none. */
  public Map<Integer, String> id2label() {
    Map<Integer, String> labels = new TreeMap<>();
    node.path("id2label")
        .forEachEntry((number, label) -> labels.put(Integer.valueOf(number), label.asText()));
    return labels;
  }

  /** Tokens that a head for CTC scores; null if there is no such head. */
  public Integer vocabSize() {
    return integer("vocab_size");
  }

  /** Width of the encoder. */
  public int hiddenSize() {
    return node.get("hidden_size").intValue();
  }

  /** Layers of the encoder. */
  public int numHiddenLayers() {
    return node.get("num_hidden_layers").intValue();
  }

  /** Heads of every attention; divides the width. */
  public int numAttentionHeads() {
    return node.get("num_attention_heads").intValue();
  }

  /** Width inside feed-forward blocks. */
  public int intermediateSize() {
    return node.get("intermediate_size").intValue();
  }

  /** Width of the input features: mel bins times stride. */
  public int featureProjectionInputDim() {
    return node.get("feature_projection_input_dim").intValue();
  }

  /** Activation of feed-forward and convolution blocks, as the reference names it. */
  public String hiddenAct() {
    return node.get("hidden_act").textValue();
  }

  /** Training only: dropout in feed-forward blocks. */
  public double hiddenDropout() {
    return node.get("hidden_dropout").doubleValue();
  }

  /** Training only: dropout after activations. */
  public double activationDropout() {
    return node.get("activation_dropout").doubleValue();
  }

  /** Training only: dropout of attention weights. */
  public double attentionDropout() {
    return node.get("attention_dropout").doubleValue();
  }

  /** Training only: dropout after the feature projection. */
  public double featProjDropout() {
    return node.get("feat_proj_dropout").doubleValue();
  }

  /** Training only: dropout before the head for CTC. */
  public double finalDropout() {
    return node.get("final_dropout").doubleValue();
  }

  /** Training only: probability of skipping a layer. */
  public double layerdrop() {
    return node.get("layerdrop").doubleValue();
  }

  /** Standard deviation of fresh weights. */
  public double initializerRange() {
    return node.get("initializer_range").doubleValue();
  }

  /** What layer norms add to variances. */
  public double layerNormEps() {
    return node.get("layer_norm_eps").doubleValue();
  }

  /** Whether frames may be masked, by given indices included. */
  public boolean applySpecAugment() {
    return node.get("apply_spec_augment").booleanValue();
  }

  /** Training only: share of frames that are masked. */
  public double maskTimeProb() {
    return node.get("mask_time_prob").doubleValue();
  }

  /** Training only: frames of one masked span. */
  public int maskTimeLength() {
    return node.get("mask_time_length").intValue();
  }

  /** Training only: masked spans of frames, at least. */
  public int maskTimeMinMasks() {
    return node.get("mask_time_min_masks").intValue();
  }

  /** Training only: share of channels that are masked. */
  public double maskFeatureProb() {
    return node.get("mask_feature_prob").doubleValue();
  }

  /** Training only: channels of one masked span. */
  public int maskFeatureLength() {
    return node.get("mask_feature_length").intValue();
  }

  /** Training only: masked spans of channels, at least. */
  public int maskFeatureMinMasks() {
    return node.get("mask_feature_min_masks").intValue();
  }

  /** {@code sum}, {@code mean} or {@code none}. */
  public String ctcLossReduction() {
    return node.get("ctc_loss_reduction").textValue();
  }

  /** Whether infinite losses count as 0. */
  public boolean ctcZeroInfinity() {
    return node.get("ctc_zero_infinity").booleanValue();
  }

  /** Whether classification heads average over layers. */
  public boolean useWeightedLayerSum() {
    return node.get("use_weighted_layer_sum").booleanValue();
  }

  /** Width before pooling of classification heads. */
  public int classifierProjSize() {
    return node.get("classifier_proj_size").intValue();
  }

  /** Channels of the x-vector's convolutions. */
  public List<Integer> tdnnDim() {
    return integers("tdnn_dim");
  }

  /** Kernels of the x-vector's convolutions. */
  public List<Integer> tdnnKernel() {
    return integers("tdnn_kernel");
  }

  /** Dilations of the x-vector's convolutions. */
  public List<Integer> tdnnDilation() {
    return integers("tdnn_dilation");
  }

  /** Width of speaker embeddings. */
  public int xvectorOutputDim() {
    return node.get("xvector_output_dim").intValue();
  }

  /** The blank of CTC; null if there is none. */
  public Integer padTokenId() {
    return integer("pad_token_id");
  }

  /** Carried along, not used; may be null. */
  public Integer bosTokenId() {
    return integer("bos_token_id");
  }

  /** Carried along, not used; may be null. */
  public Integer eosTokenId() {
    return integer("eos_token_id");
  }

  /** Whether an adapter shortens the output. */
  public boolean addAdapter() {
    return node.get("add_adapter").booleanValue();
  }

  /** Kernel of the adapter's convolutions. */
  public int adapterKernelSize() {
    return node.get("adapter_kernel_size").intValue();
  }

  /** Stride of the adapter's convolutions. */
  public int adapterStride() {
    return node.get("adapter_stride").intValue();
  }

  /** Layers of the adapter. */
  public int numAdapterLayers() {
    return node.get("num_adapter_layers").intValue();
  }

  /** Activation of the adapter's feed-forward blocks. */
  public String adapterAct() {
    return node.get("adapter_act").textValue();
  }

  /** Whether a feed-forward block comes before the adapter. */
  public boolean useIntermediateFfnBeforeAdapter() {
    return node.get("use_intermediate_ffn_before_adapter").booleanValue();
  }

  /** Width of the adapter. */
  public int outputHiddenSize() {
    return node.get("output_hidden_size").intValue();
  }

  /** {@code relative_key}, {@code relative}, {@code rotary} or null. */
  public String positionEmbeddingsType() {
    return node.get("position_embeddings_type").textValue();
  }

  /** Base of the angles of {@code rotary}. */
  public int rotaryEmbeddingBase() {
    return node.get("rotary_embedding_base").intValue();
  }

  /** Carried along: position tables grow as needed. */
  public int maxSourcePositions() {
    return node.get("max_source_positions").intValue();
  }

  /** {@code relative_key}: the farthest distance to the left. */
  public int leftMaxPositionEmbeddings() {
    return node.get("left_max_position_embeddings").intValue();
  }

  /** {@code relative_key}: the farthest distance to the right. */
  public int rightMaxPositionEmbeddings() {
    return node.get("right_max_position_embeddings").intValue();
  }

  /** Kernel of the causal depthwise convolution; odd. */
  public int convDepthwiseKernelSize() {
    return node.get("conv_depthwise_kernel_size").intValue();
  }

  /** Training only: dropout in convolution blocks. */
  public double conformerConvDropout() {
    return node.get("conformer_conv_dropout").doubleValue();
  }

  private Integer integer(String option) {
    return node.get(option).isNull() ? null : Integer.valueOf(node.get(option).intValue());
  }

  private List<Integer> integers(String option) {
    return StreamSupport.stream(node.get(option).spliterator(), false)
        .map(JsonNode::intValue)
        .toList();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Wav2Vec2BertConfig that && node.equals(that.node);
  }

  @Override
  public int hashCode() {
    return node.hashCode();
  }

  /** The same as {@link #toJson}. */
  @Override
  public String toString() {
    return toJson();
  }

  /** Collects options. Not for several threads at once. */
  public static final class Builder {
    private final ObjectNode changed;

    private Builder(ObjectNode start) {
      changed = start;
    }

    private Builder set(String option, Object value) {
      changed.set(option, Json.MAPPER.valueToTree(value));
      return this;
    }

    /**
     * The options as a configuration.
     *
     * @throws IllegalArgumentException if an option is out of range or contradicts another, by name
     */
    public Wav2Vec2BertConfig build() {
      return parse(changed.toString());
    }

    /** Names of the classes of a classification head, in order ({@code id2label}). */
    public Builder labels(List<String> names) {
      if (names.isEmpty()) {
        throw new IllegalArgumentException("names is empty; expected at least one label");
      }
      Map<String, String> id2label = new LinkedHashMap<>();
      Map<String, Integer> label2id = new LinkedHashMap<>();
      for (String name : names) {
        label2id.put(name, id2label.size());
        id2label.put(String.valueOf(id2label.size()), name);
      }
      set("label2id", label2id);
      return set("id2label", id2label);
    }

    /** So many classes, named {@code LABEL_0} and so on; 2 by default. */
    public Builder numLabels(int count) {
      if (count < 1) {
        throw new IllegalArgumentException("num_labels is " + count + "; expected at least 1");
      }
      return labels(IntStream.range(0, count).mapToObj(number -> "LABEL_" + number).toList());
    }

    /** Tokens that a head for CTC scores; null if there is no such head. */
    public Builder vocabSize(Integer value) {
      return set("vocab_size", value);
    }

    /** Width of the encoder. */
    public Builder hiddenSize(int value) {
      return set("hidden_size", value);
    }

    /** Layers of the encoder. */
    public Builder numHiddenLayers(int value) {
      return set("num_hidden_layers", value);
    }

    /** Heads of every attention; divides the width. */
    public Builder numAttentionHeads(int value) {
      return set("num_attention_heads", value);
    }

    /** Width inside feed-forward blocks. */
    public Builder intermediateSize(int value) {
      return set("intermediate_size", value);
    }

    /** Width of the input features: mel bins times stride. */
    public Builder featureProjectionInputDim(int value) {
      return set("feature_projection_input_dim", value);
    }

    /** Activation of feed-forward and convolution blocks, as the reference names it. */
    public Builder hiddenAct(String value) {
      return set("hidden_act", value);
    }

    /** Training only: dropout in feed-forward blocks. */
    public Builder hiddenDropout(double value) {
      return set("hidden_dropout", value);
    }

    /** Training only: dropout after activations. */
    public Builder activationDropout(double value) {
      return set("activation_dropout", value);
    }

    /** Training only: dropout of attention weights. */
    public Builder attentionDropout(double value) {
      return set("attention_dropout", value);
    }

    /** Training only: dropout after the feature projection. */
    public Builder featProjDropout(double value) {
      return set("feat_proj_dropout", value);
    }

    /** Training only: dropout before the head for CTC. */
    public Builder finalDropout(double value) {
      return set("final_dropout", value);
    }

    /** Training only: probability of skipping a layer. */
    public Builder layerdrop(double value) {
      return set("layerdrop", value);
    }

    /** Standard deviation of fresh weights. */
    public Builder initializerRange(double value) {
      return set("initializer_range", value);
    }

    /** What layer norms add to variances. */
    public Builder layerNormEps(double value) {
      return set("layer_norm_eps", value);
    }

    /** Whether frames may be masked, by given indices included. */
    public Builder applySpecAugment(boolean value) {
      return set("apply_spec_augment", value);
    }

    /** Training only: share of frames that are masked. */
    public Builder maskTimeProb(double value) {
      return set("mask_time_prob", value);
    }

    /** Training only: frames of one masked span. */
    public Builder maskTimeLength(int value) {
      return set("mask_time_length", value);
    }

    /** Training only: masked spans of frames, at least. */
    public Builder maskTimeMinMasks(int value) {
      return set("mask_time_min_masks", value);
    }

    /** Training only: share of channels that are masked. */
    public Builder maskFeatureProb(double value) {
      return set("mask_feature_prob", value);
    }

    /** Training only: channels of one masked span. */
    public Builder maskFeatureLength(int value) {
      return set("mask_feature_length", value);
    }

    /** Training only: masked spans of channels, at least. */
    public Builder maskFeatureMinMasks(int value) {
      return set("mask_feature_min_masks", value);
    }

    /** {@code sum}, {@code mean} or {@code none}. */
    public Builder ctcLossReduction(String value) {
      return set("ctc_loss_reduction", value);
    }

    /** Whether infinite losses count as 0. */
    public Builder ctcZeroInfinity(boolean value) {
      return set("ctc_zero_infinity", value);
    }

    /** Whether classification heads average over layers. */
    public Builder useWeightedLayerSum(boolean value) {
      return set("use_weighted_layer_sum", value);
    }

    /** Width before pooling of classification heads. */
    public Builder classifierProjSize(int value) {
      return set("classifier_proj_size", value);
    }

    /** Channels of the x-vector's convolutions. */
    public Builder tdnnDim(List<Integer> value) {
      return set("tdnn_dim", value);
    }

    /** Kernels of the x-vector's convolutions. */
    public Builder tdnnKernel(List<Integer> value) {
      return set("tdnn_kernel", value);
    }

    /** Dilations of the x-vector's convolutions. */
    public Builder tdnnDilation(List<Integer> value) {
      return set("tdnn_dilation", value);
    }

    /** Width of speaker embeddings. */
    public Builder xvectorOutputDim(int value) {
      return set("xvector_output_dim", value);
    }

    /** The blank of CTC; null if there is none. */
    public Builder padTokenId(Integer value) {
      return set("pad_token_id", value);
    }

    /** Carried along, not used; may be null. */
    public Builder bosTokenId(Integer value) {
      return set("bos_token_id", value);
    }

    /** Carried along, not used; may be null. */
    public Builder eosTokenId(Integer value) {
      return set("eos_token_id", value);
    }

    /** Whether an adapter shortens the output. */
    public Builder addAdapter(boolean value) {
      return set("add_adapter", value);
    }

    /** Kernel of the adapter's convolutions. */
    public Builder adapterKernelSize(int value) {
      return set("adapter_kernel_size", value);
    }

    /** Stride of the adapter's convolutions. */
    public Builder adapterStride(int value) {
      return set("adapter_stride", value);
    }

    /** Layers of the adapter. */
    public Builder numAdapterLayers(int value) {
      return set("num_adapter_layers", value);
    }

    /** Activation of the adapter's feed-forward blocks. */
    public Builder adapterAct(String value) {
      return set("adapter_act", value);
    }

    /** Whether a feed-forward block comes before the adapter. */
    public Builder useIntermediateFfnBeforeAdapter(boolean value) {
      return set("use_intermediate_ffn_before_adapter", value);
    }

    /** Width of the adapter. */
    public Builder outputHiddenSize(int value) {
      return set("output_hidden_size", value);
    }

    /** {@code relative_key}, {@code relative}, {@code rotary} or null. */
    public Builder positionEmbeddingsType(String value) {
      return set("position_embeddings_type", value);
    }

    /** Base of the angles of {@code rotary}. */
    public Builder rotaryEmbeddingBase(int value) {
      return set("rotary_embedding_base", value);
    }

    /** Carried along: position tables grow as needed. */
    public Builder maxSourcePositions(int value) {
      return set("max_source_positions", value);
    }

    /** {@code relative_key}: the farthest distance to the left. */
    public Builder leftMaxPositionEmbeddings(int value) {
      return set("left_max_position_embeddings", value);
    }

    /** {@code relative_key}: the farthest distance to the right. */
    public Builder rightMaxPositionEmbeddings(int value) {
      return set("right_max_position_embeddings", value);
    }

    /** Kernel of the causal depthwise convolution; odd. */
    public Builder convDepthwiseKernelSize(int value) {
      return set("conv_depthwise_kernel_size", value);
    }

    /** Training only: dropout in convolution blocks. */
    public Builder conformerConvDropout(double value) {
      return set("conformer_conv_dropout", value);
    }
  }
}
