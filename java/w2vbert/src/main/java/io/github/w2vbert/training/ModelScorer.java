package io.github.w2vbert.training;

import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.FrameClassifierOutput;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.SequenceClassifierOutput;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import io.github.w2vbert.XVectorOutput;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** A model of the library, which it closes. */
final class ModelScorer implements Scorer {
  private final Wav2Vec2BertPreTrainedModel model;
  private final Function<RaggedFeatures, List<Scores>> score;

  private ModelScorer(
      Wav2Vec2BertPreTrainedModel model, Function<RaggedFeatures, List<Scores>> score) {
    this.model = model;
    this.score = score;
  }

  static ModelScorer fromPretrained(TrainingTask task, Path folder, LoadOptions options) {
    return of(
        switch (task) {
          case CTC -> Wav2Vec2BertForCTC.fromPretrained(folder, options);
          case CLASSIFICATION ->
              Wav2Vec2BertForSequenceClassification.fromPretrained(folder, options);
          case FRAMES -> Wav2Vec2BertForAudioFrameClassification.fromPretrained(folder, options);
          case XVECTOR -> Wav2Vec2BertForXVector.fromPretrained(folder, options);
        });
  }

  static ModelScorer of(Wav2Vec2BertPreTrainedModel model) {
    if (model instanceof Wav2Vec2BertForCTC ctc) {
      return new ModelScorer(model, features -> all(ctc.encode(features), CtcOutput::logits));
    }
    if (model instanceof Wav2Vec2BertForSequenceClassification classifier) {
      return new ModelScorer(
          model, features -> all(classifier.encode(features), SequenceClassifierOutput::logits));
    }
    if (model instanceof Wav2Vec2BertForAudioFrameClassification classifier) {
      return new ModelScorer(
          model, features -> all(classifier.encode(features), FrameClassifierOutput::logits));
    }
    if (model instanceof Wav2Vec2BertForXVector embedder) {
      return new ModelScorer(
          model, features -> all(embedder.encode(features), XVectorOutput::embeddings));
    }
    throw new IllegalArgumentException(
        "a " + model.getClass().getSimpleName() + " has no head; expected a model of a task");
  }

  private static <O extends AutoCloseable> List<Scores> all(
      OutputList<O> outputs, Function<O, Tensor> result) {
    try (outputs) {
      return outputs.stream().map(output -> Scores.of(result.apply(output))).toList();
    }
  }

  @Override
  public List<Scores> score(RaggedFeatures features) {
    return score.apply(features);
  }

  @Override
  public void close() {
    model.close();
  }
}
