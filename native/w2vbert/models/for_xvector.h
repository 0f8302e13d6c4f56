// Wav2Vec2BertForXVector: an embedding of the speaker of an utterance (Snyder et al. 2018).
#pragma once

#include "w2vbert/models/classification.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/modules/tdnn.h"

namespace w2vbert {

class Wav2Vec2BertForXVector : public PretrainedModel {
 public:
  Wav2Vec2BertForXVector(const Scope& scope, const Config& config);

  const Wav2Vec2BertModel& base() const override { return encoder_.model(); }

  // Mean and unbiased standard deviation over time of what the TDNN gives, mapped to embeddings and
  // those to logits. Of padded input with a mask the reference takes as many frames as if the
  // kernels had no dilation, so that some may come from padding; it is followed there. Ragged input
  // has no padding: its statistics are those of the utterance alone. Throws std::invalid_argument
  // if an utterance is too short (ragged input needs two frames behind the TDNN, since one has no
  // deviation; padded input one, with which the reference gives NaN).
  HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const override;

  int64_t least_rows() const override { return tdnn_.context() + 2; }

  // Additive margin softmax (Wang et al. 2018) of the logits; labels: int64 [batch], -100 to ignore
  // an utterance.
  Tensor loss(const HeadOutput& output, const Tensor& labels,
              const LossOptions& options) const override;

 private:
  ClassificationEncoder encoder_;
  Linear projector_;
  Tdnn tdnn_;
  Linear feature_extractor_;
  Linear classifier_;
  Tensor objective_weight_;  // [xvector_output_dim, num_labels]
};

}  // namespace w2vbert
