package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A model of any class, whose results are copied and named as the recorded ones. */
final class AnyModel implements AutoCloseable {
  /** The reference's names of the classes. */
  static final List<String> CLASSES =
      List.of(
          "Wav2Vec2BertModel",
          "Wav2Vec2BertForCTC",
          "Wav2Vec2BertForSequenceClassification",
          "Wav2Vec2BertForAudioFrameClassification",
          "Wav2Vec2BertForXVector");

  /** A copied tensor. */
  record Values(long[] shape, float[] numbers) {
    static Values of(Tensor tensor) {
      return new Values(tensor.shape(), tensor.toFloatArray());
    }
  }

  /** What a call returned, closed. */
  record Result(Map<String, Values> values, List<Long> lengths) {}

  private final Wav2Vec2BertPreTrainedModel model;

  AnyModel(Wav2Vec2BertPreTrainedModel model) {
    this.model = model;
  }

  static AnyModel load(String className, Path folder, LoadOptions options) {
    return new AnyModel(
        switch (className) {
          case "Wav2Vec2BertModel" -> Wav2Vec2BertModel.fromPretrained(folder, options);
          case "Wav2Vec2BertForCTC" -> Wav2Vec2BertForCTC.fromPretrained(folder, options);
          case "Wav2Vec2BertForSequenceClassification" ->
              Wav2Vec2BertForSequenceClassification.fromPretrained(folder, options);
          case "Wav2Vec2BertForAudioFrameClassification" ->
              Wav2Vec2BertForAudioFrameClassification.fromPretrained(folder, options);
          case "Wav2Vec2BertForXVector" -> Wav2Vec2BertForXVector.fromPretrained(folder, options);
          default -> throw new IllegalArgumentException(className);
        });
  }

  static AnyModel initialize(String className, Wav2Vec2BertConfig config, long seed) {
    return new AnyModel(
        switch (className) {
          case "Wav2Vec2BertModel" -> Wav2Vec2BertModel.initialize(config, seed);
          case "Wav2Vec2BertForCTC" -> Wav2Vec2BertForCTC.initialize(config, seed);
          case "Wav2Vec2BertForSequenceClassification" ->
              Wav2Vec2BertForSequenceClassification.initialize(config, seed);
          case "Wav2Vec2BertForAudioFrameClassification" ->
              Wav2Vec2BertForAudioFrameClassification.initialize(config, seed);
          case "Wav2Vec2BertForXVector" -> Wav2Vec2BertForXVector.initialize(config, seed);
          default -> throw new IllegalArgumentException(className);
        });
  }

  Wav2Vec2BertPreTrainedModel get() {
    return model;
  }

  Result forward(Features features, Tensor maskTime, Tensor labels, OutputOptions options) {
    if (model instanceof Wav2Vec2BertModel encoder) {
      assertNull(labels, "the encoder alone takes no labels");
      return closed(encoder.forward(features, maskTime, options));
    }
    assertNull(maskTime, "a model with a head takes no mask_time_indices, as in the reference");
    if (model instanceof Wav2Vec2BertForCTC head) {
      return closed(head.forward(features, labels, options));
    } else if (model instanceof Wav2Vec2BertForSequenceClassification head) {
      return closed(head.forward(features, labels, options));
    } else if (model instanceof Wav2Vec2BertForAudioFrameClassification head) {
      return closed(head.forward(features, labels, options));
    }
    return closed(((Wav2Vec2BertForXVector) model).forward(features, labels, options));
  }

  List<Result> encode(RaggedFeatures features, OutputOptions options) {
    List<Result> results = new ArrayList<>();
    for (AutoCloseable output : outputs(features, options)) {
      results.add(closed(output));
    }
    assertEquals(features.utterances(), results.size());
    return results;
  }

  private OutputList<? extends AutoCloseable> outputs(
      RaggedFeatures features, OutputOptions options) {
    if (model instanceof Wav2Vec2BertModel encoder) {
      return encoder.encode(features, options);
    } else if (model instanceof Wav2Vec2BertForCTC head) {
      return head.encode(features, options);
    } else if (model instanceof Wav2Vec2BertForSequenceClassification head) {
      return head.encode(features, options);
    } else if (model instanceof Wav2Vec2BertForAudioFrameClassification head) {
      return head.encode(features, options);
    }
    return ((Wav2Vec2BertForXVector) model).encode(features, options);
  }

  private static Result closed(AutoCloseable output) {
    try (output) {
      if (output instanceof CtcOutput ctc) {
        return result(ctc.base(), ctc.logits(), ctc.loss(), null);
      } else if (output instanceof SequenceClassifierOutput sequence) {
        return result(sequence.base(), sequence.logits(), sequence.loss(), null);
      } else if (output instanceof FrameClassifierOutput frames) {
        return result(frames.base(), frames.logits(), frames.loss(), null);
      } else if (output instanceof XVectorOutput speaker) {
        return result(speaker.base(), speaker.logits(), speaker.loss(), speaker.embeddings());
      }
      return result((BaseModelOutput) output, null, null, null);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static Result result(
      BaseModelOutput base, Tensor logits, Tensor loss, Tensor embeddings) {
    Map<String, Values> values = new TreeMap<>();
    values.put("last_hidden_state", Values.of(base.lastHiddenState()));
    values.put("extract_features", Values.of(base.extractFeatures()));
    for (int i = 0; i < base.hiddenStates().size(); i++) {
      values.put("hidden_states." + i, Values.of(base.hiddenStates().get(i)));
    }
    for (int i = 0; i < base.attentions().size(); i++) {
      values.put("attentions." + i, Values.of(base.attentions().get(i)));
    }
    put(values, "logits", logits);
    put(values, "loss", loss);
    put(values, "embeddings", embeddings);
    return new Result(values, base.lengths());
  }

  private static void put(Map<String, Values> values, String name, Tensor tensor) {
    if (tensor != null) {
      values.put(name, Values.of(tensor));
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
