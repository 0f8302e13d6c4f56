// Wav2Vec2BertForCTC: a linear layer over the hidden states gives a score for every token and
// frame.
#pragma once

#include "w2vbert/models/pretrained_model.h"

namespace w2vbert {

class Wav2Vec2BertForCTC : public PretrainedModel {
 public:
  // The base model's parameters have the prefix `wav2vec2_bert.` in `scope`. Throws
  // std::invalid_argument if the configuration has no vocab_size.
  Wav2Vec2BertForCTC(const Scope& scope, const Config& config);

  const Wav2Vec2BertModel& base() const override { return model_; }

  // logits: [base.layout.total(), vocabulary]
  HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const override;
  bool has_tokens() const override { return true; }

  // Connectionist temporal classification (Graves et al. 2006) with blank pad_token_id, reduced by
  // config.ctc_loss_reduction. labels: int64 [batch, labels], negative entries are padding.
  // As in the reference, the input length of a row is the subsampled sum of its mask. Throws
  // std::invalid_argument if labels or lengths do not fit.
  Tensor loss(const HeadOutput& output, const Tensor& labels,
              const LossOptions& options) const override;

 private:
  Wav2Vec2BertModel model_;
  Linear lm_head_;
};

}  // namespace w2vbert
