// One interface for the five classes of the family, which are called by name.
#pragma once

#include <memory>
#include <string>

#include "w2vbert/models/wav2vec2_bert.h"

namespace w2vbert {

struct HeadOutput {
  ModelOutput base;
  // Per frame [base.layout.total(), n], or per utterance [utterances, n]; undefined without a head.
  Tensor logits;
  bool logits_per_frame = true;
  Tensor embeddings;  // [utterances, xvector_output_dim] of an x-vector; otherwise undefined
};

struct LossOptions {
  double am_softmax_scale = 30.0;
  double am_softmax_margin = 0.4;
};

class PretrainedModel {
 public:
  virtual ~PretrainedModel() = default;

  virtual const Wav2Vec2BertModel& base() const = 0;
  // Throws std::invalid_argument if the input does not fit.
  virtual HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const = 0;
  // The rows that an utterance must have behind the adapter.
  virtual int64_t least_rows() const { return 1; }
  // Whether the logits are those of tokens, for every row.
  virtual bool has_tokens() const { return false; }
  // Of the output of padded input. Throws std::invalid_argument if the labels do not fit.
  virtual Tensor loss(const HeadOutput& output, const Tensor& labels,
                      const LossOptions& options) const = 0;
};

// `model_class` is the reference's name of the class. Throws std::invalid_argument if there is none
// of this name, or the configuration lacks what the class needs.
std::unique_ptr<PretrainedModel> make_model(const std::string& model_class, const Scope& scope,
                                            const Config& config);

}  // namespace w2vbert
