#include "w2vbert/models/for_xvector.h"

#include <stdexcept>

#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

// Divided by its Euclidean norm over `axis`, or by 1e-12 where that is smaller.
Tensor normalized(const Tensor& x, int64_t axis) {
  const Tensor squares = aten::sum(aten::mul(x, x), axis, true);
  const Tensor norm = aten::unary("aten::sqrt", aten::maximum(squares, Tensor::scalar(1e-24)));
  return aten::div(x, norm);
}

// `value` at the label of every row, 0 elsewhere and in rows without label.
Tensor at_labels(const Tensor& labels, const Shape& shape, float value) {
  Tensor tensor = Tensor::zeros(shape, DType::kFloat32);
  const int64_t* label = labels.data<int64_t>();
  for (int64_t row = 0; row < shape[0]; ++row) {
    if (label[row] >= 0) tensor.data<float>()[row * shape[1] + label[row]] = value;
  }
  return tensor;
}

}  // namespace

Wav2Vec2BertForXVector::Wav2Vec2BertForXVector(const Scope& scope, const Config& config)
    : encoder_(scope, config),
      projector_(scope / "projector", encoder_.output_size(), config.tdnn_dim.front(),
                 Init::normal(config.initializer_range)),
      tdnn_(scope, config),
      feature_extractor_(scope / "feature_extractor", 2 * config.tdnn_dim.back(),
                         config.xvector_output_dim, Init::normal(config.initializer_range)),
      classifier_(scope / "classifier", config.xvector_output_dim, config.xvector_output_dim,
                  Init::normal(config.initializer_range)),
      objective_weight_(
          (scope / "objective")
              .get("weight", {config.xvector_output_dim, label_count(config)}, Init::normal(1))) {}

HeadOutput Wav2Vec2BertForXVector::forward(const ModelInput& input,
                                           const Encoder::Request& request) const {
  const Config& config = base().config();
  HeadOutput output{encoder_.forward(input, request), Tensor(), false, Tensor()};
  const Tdnn::Output rows = tdnn_(projector_(output.base.last_hidden_state), output.base.layout);
  std::vector<int64_t> counts;  // empty without padding: all frames count
  if (output.base.input_layout.valid.defined()) {
    counts = counted_frames(output.base, config);
    for (int64_t& count : counts) {
      for (const int64_t kernel : config.tdnn_kernel) count -= kernel - 1;
    }
  }
  for (int64_t u = 0; u < rows.layout.utterances(); ++u) {
    const auto i = static_cast<size_t>(u);
    const int64_t frames = counts.empty() ? rows.layout.length(u) : counts[i];
    if (frames < (input.padded ? 1 : 2)) {
      throw std::invalid_argument("utterance " + std::to_string(u) + " has " +
                                  std::to_string(output.base.input_layout.valid_lengths()[i]) +
                                  " frames, of which the TDNN leaves " + std::to_string(frames) +
                                  "; expected at least " +
                                  (input.padded ? "1" : "2, to have a standard deviation"));
    }
  }
  output.embeddings = feature_extractor_(pool_over_time(rows.hidden, rows.layout, counts, true));
  output.logits = classifier_(output.embeddings);
  return output;
}

Tensor Wav2Vec2BertForXVector::loss(const HeadOutput& output, const Tensor& labels,
                                    const LossOptions& options) const {
  const int64_t classes = objective_weight_.size(1);
  const int64_t batch = output.logits.size(0);
  const Tensor targets = class_labels(labels, batch, classes);
  const Tensor weight =
      aten::to(objective_weight_.to(output.logits.device()), output.logits.dtype());
  const Tensor cosine = aten::matmul(normalized(output.logits, 1), normalized(weight, 0));
  const Tensor margin =
      at_labels(targets, {batch, classes}, static_cast<float>(options.am_softmax_margin));
  const Tensor scaled = aten::mul(aten::add(cosine, margin.to(cosine.device()), -1),
                                  Tensor::scalar(options.am_softmax_scale));
  return aten::cross_entropy(scaled, targets.to(scaled.device()));
}

}  // namespace w2vbert
