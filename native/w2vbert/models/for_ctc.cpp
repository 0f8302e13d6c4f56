#include "w2vbert/models/for_ctc.h"

#include <stdexcept>

#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

int64_t vocabulary(const Config& config) {
  if (!config.vocab_size) {
    throw std::invalid_argument(
        "vocab_size is null; a model for CTC needs the number of tokens in its configuration");
  }
  return *config.vocab_size;
}

struct Targets {
  std::vector<int64_t> tokens;   // of all rows, one after the other
  std::vector<int64_t> lengths;  // [batch]
};

Targets read_labels(const Tensor& labels, int64_t batch, int64_t tokens) {
  if (labels.dtype() != DType::kInt64 || labels.dim() != 2 || labels.size(0) != batch) {
    throw std::invalid_argument("labels is " + labels.describe() + "; expected int64 [" +
                                std::to_string(batch) + ", labels]");
  }
  const Tensor dense = aten::contiguous(labels);
  const int64_t* label = dense.data<int64_t>();
  Targets targets;
  for (int64_t row = 0; row < batch; ++row) {
    const size_t before = targets.tokens.size();
    for (int64_t i = 0; i < dense.size(1); ++i, ++label) {
      const int64_t token = *label;
      if (token < 0) continue;
      if (token >= tokens) {
        throw std::invalid_argument("labels[" + std::to_string(row) + ", " + std::to_string(i) +
                                    "] is " + std::to_string(token) +
                                    "; expected less than vocab_size, " + std::to_string(tokens));
      }
      targets.tokens.push_back(token);
    }
    targets.lengths.push_back(static_cast<int64_t>(targets.tokens.size() - before));
  }
  return targets;
}

}  // namespace

Wav2Vec2BertForCTC::Wav2Vec2BertForCTC(const Scope& scope, const Config& config)
    : model_(scope / "wav2vec2_bert", config),
      lm_head_(scope / "lm_head", model_.output_size(), vocabulary(config),
               Init::normal(config.initializer_range)) {}

HeadOutput Wav2Vec2BertForCTC::forward(const ModelInput& input,
                                       const Encoder::Request& request) const {
  HeadOutput output{model_.forward(input, request), Tensor(), true, Tensor()};
  output.logits = lm_head_(
      dropout(input.training, output.base.last_hidden_state, model_.config().final_dropout));
  return output;
}

Tensor Wav2Vec2BertForCTC::loss(const HeadOutput& output, const Tensor& labels,
                                const LossOptions&) const {
  const Config& config = model_.config();
  const Layout& layout = output.base.layout;
  const int64_t batch = layout.utterances();
  const int64_t time = layout.length(0);
  const int64_t tokens = output.logits.size(-1);
  if (!config.pad_token_id || *config.pad_token_id < 0 || *config.pad_token_id >= tokens) {
    throw std::invalid_argument(
        "pad_token_id is " +
        (config.pad_token_id ? std::to_string(*config.pad_token_id) : std::string("null")) +
        "; the loss needs a token from 0 to " + std::to_string(tokens - 1) + " for the blank");
  }
  const Targets targets = read_labels(labels, batch, tokens);
  std::vector<int64_t> input_lengths;
  for (const int64_t length : output.base.input_layout.valid_lengths()) {
    const int64_t frames = config.adapter_output_length(length);
    if (frames > time) {
      throw std::invalid_argument(
          "utterance " + std::to_string(input_lengths.size()) + " has " + std::to_string(frames) +
          " output frames by the reference's formula, but the adapter made " +
          std::to_string(time) + "; the loss is not defined for adapter_kernel_size " +
          std::to_string(config.adapter_kernel_size) + " and adapter_stride " +
          std::to_string(config.adapter_stride) + " at this length");
    }
    input_lengths.push_back(frames);
  }
  const Tensor log_probabilities = aten::transpose(
      aten::log_softmax(aten::reshape(output.logits, {batch, time, tokens}), -1), 0, 1);
  // LibTorch's numbers of the reductions.
  const int64_t reduction = config.ctc_loss_reduction == CtcLossReduction::kSum    ? 2
                            : config.ctc_loss_reduction == CtcLossReduction::kMean ? 1
                                                                                   : 0;
  return aten::call("aten::ctc_loss", "Tensor",
                    {{log_probabilities},
                     {Tensor::of(targets.tokens)},
                     {Tensor::of(input_lengths)},
                     {Tensor::of(targets.lengths)},
                     {*config.pad_token_id},
                     {reduction},
                     {config.ctc_zero_infinity}});
}

}  // namespace w2vbert
