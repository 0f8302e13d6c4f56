package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** A model of either class, whose results are copied and named as the recorded ones. */
final class AnyModel implements AutoCloseable {
  static final Set<String> CLASSES = Set.of("Wav2Vec2BertModel", "Wav2Vec2BertForCTC");

  /** A copied tensor. */
  record Values(long[] shape, float[] numbers) {
    static Values of(Tensor tensor) {
      return new Values(tensor.shape(), tensor.toFloatArray());
    }
  }

  /** What a call returned, closed. */
  record Result(Map<String, Values> values, List<Long> lengths) {}

  private final Wav2Vec2BertModel model; // or null
  private final Wav2Vec2BertForCTC ctc; // or null

  private AnyModel(Wav2Vec2BertModel model, Wav2Vec2BertForCTC ctc) {
    this.model = model;
    this.ctc = ctc;
  }

  static AnyModel load(String className, Path folder, LoadOptions options) {
    return switch (className) {
      case "Wav2Vec2BertModel" ->
          new AnyModel(Wav2Vec2BertModel.fromPretrained(folder, options), null);
      case "Wav2Vec2BertForCTC" ->
          new AnyModel(null, Wav2Vec2BertForCTC.fromPretrained(folder, options));
      default -> throw new IllegalArgumentException(className);
    };
  }

  Wav2Vec2BertPreTrainedModel get() {
    return model != null ? model : ctc;
  }

  Result forward(Features features, Tensor maskTime, Tensor labels, OutputOptions options) {
    if (ctc != null) {
      assertNull(maskTime, "a model for CTC takes no mask_time_indices, as in the reference");
      try (CtcOutput output = ctc.forward(features, labels, options)) {
        return result(output);
      }
    }
    assertNull(labels, "the encoder alone takes no labels");
    try (BaseModelOutput output = model.forward(features, maskTime, options)) {
      return result(output);
    }
  }

  List<Result> encode(RaggedFeatures features, OutputOptions options) {
    List<Result> results = new ArrayList<>();
    if (ctc != null) {
      for (CtcOutput output : ctc.encode(features, options)) {
        try (output) {
          results.add(result(output));
        }
      }
    } else {
      for (BaseModelOutput output : model.encode(features, options)) {
        try (output) {
          results.add(result(output));
        }
      }
    }
    assertEquals(features.utterances(), results.size());
    return results;
  }

  private static Result result(CtcOutput output) {
    Result result = result(output.base());
    result.values.put("logits", Values.of(output.logits()));
    if (output.loss() != null) {
      result.values.put("loss", Values.of(output.loss()));
    }
    return result;
  }

  private static Result result(BaseModelOutput output) {
    Map<String, Values> values = new TreeMap<>();
    values.put("last_hidden_state", Values.of(output.lastHiddenState()));
    values.put("extract_features", Values.of(output.extractFeatures()));
    for (int i = 0; i < output.hiddenStates().size(); i++) {
      values.put("hidden_states." + i, Values.of(output.hiddenStates().get(i)));
    }
    for (int i = 0; i < output.attentions().size(); i++) {
      values.put("attentions." + i, Values.of(output.attentions().get(i)));
    }
    return new Result(values, output.lengths());
  }

  @Override
  public void close() {
    get().close();
  }
}
