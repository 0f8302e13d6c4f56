// Wav2Vec2BertForSequenceClassification: one score per class for a whole utterance.
#pragma once

#include "w2vbert/models/classification.h"
#include "w2vbert/models/pretrained_model.h"

namespace w2vbert {

class Wav2Vec2BertForSequenceClassification : public PretrainedModel {
 public:
  Wav2Vec2BertForSequenceClassification(const Scope& scope, const Config& config);

  const Wav2Vec2BertModel& base() const override { return encoder_.model(); }

  // The mean over the counted frames of every utterance, projected and classified. The reference
  // projects every frame before the mean; both are linear. As there, a padded row without any valid
  // frame is averaged over all of its frames.
  HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const override;

  // Cross entropy; labels: int64 [batch], -100 to ignore an utterance.
  Tensor loss(const HeadOutput& output, const Tensor& labels,
              const LossOptions& options) const override;

 private:
  ClassificationEncoder encoder_;
  Linear projector_;
  Linear classifier_;
};

}  // namespace w2vbert
