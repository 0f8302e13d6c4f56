// Wav2Vec2BertForAudioFrameClassification: one score per class and frame, as for diarization.
#pragma once

#include "w2vbert/models/classification.h"
#include "w2vbert/models/pretrained_model.h"

namespace w2vbert {

class Wav2Vec2BertForAudioFrameClassification : public PretrainedModel {
 public:
  Wav2Vec2BertForAudioFrameClassification(const Scope& scope, const Config& config);

  const Wav2Vec2BertModel& base() const override { return encoder_.model(); }

  HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const override;

  // Cross entropy over all frames. labels: [batch, time, num_labels] of any number type, of which
  // the reference takes the class of the largest value, frames of padding included; or, beyond the
  // reference, class numbers int64 [batch, time], with -100 for frames that do not count.
  Tensor loss(const HeadOutput& output, const Tensor& labels,
              const LossOptions& options) const override;

 private:
  ClassificationEncoder encoder_;
  Linear classifier_;
};

}  // namespace w2vbert
