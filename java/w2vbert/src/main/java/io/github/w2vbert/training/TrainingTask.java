package io.github.w2vbert.training;

import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;

/** What a model learns. */
public enum TrainingTask {
  /** To write what is said: utterances have texts. Judged by the word error rate. */
  CTC(Wav2Vec2BertForCTC.class, "WER"),
  /** One label for an utterance, such as a command. Judged by the part of wrong ones. */
  CLASSIFICATION(Wav2Vec2BertForSequenceClassification.class, "error"),
  /**
   * One label for every frame. Utterances have labels of their parts, or one for the whole; a frame
   * in no part has the first of all labels. Judged by the part of wrong frames.
   */
  FRAMES(Wav2Vec2BertForAudioFrameClassification.class, "frame error"),
  /** To tell speakers apart: utterances have speakers. Judged by the equal error rate. */
  XVECTOR(Wav2Vec2BertForXVector.class, "EER");

  private final Class<? extends Wav2Vec2BertPreTrainedModel> model;
  private final String metric;

  TrainingTask(Class<? extends Wav2Vec2BertPreTrainedModel> model, String metric) {
    this.model = model;
    this.metric = metric;
  }

  /** The class of models for it. */
  public Class<? extends Wav2Vec2BertPreTrainedModel> model() {
    return model;
  }

  /** What {@link Evaluation#error} is called. */
  public String metric() {
    return metric;
  }
}
