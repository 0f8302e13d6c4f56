#include "w2vbert/models/classification.h"

#include <algorithm>
#include <stdexcept>

#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {

ClassificationEncoder::ClassificationEncoder(const Scope& scope, const Config& config)
    : model_(scope / "wav2vec2_bert", config) {
  if (config.use_weighted_layer_sum) {
    const int64_t states = config.num_hidden_layers + 1;
    layer_weights_ =
        scope.get("layer_weights", {states}, Init::constant(1.0 / static_cast<double>(states)));
  }
}

ModelOutput ClassificationEncoder::forward(const ModelInput& input,
                                           Encoder::Request request) const {
  if (layer_weights_.defined()) request.layer_weights = aten::softmax(layer_weights_, 0);
  return model_.forward(input, request);
}

int64_t ClassificationEncoder::output_size() const {
  return model_.config().use_weighted_layer_sum ? model_.config().hidden_size
                                                : model_.output_size();
}

int64_t label_count(const Config& config) {
  if (config.num_labels() == 0) {
    throw std::invalid_argument("id2label is empty; a classification model needs a label");
  }
  return config.num_labels();
}

void refuse_padded_adapter(const char* model_class, const ModelInput& input, const Config& config) {
  if (input.padded && config.add_adapter) {
    throw std::invalid_argument(
        std::string("add_adapter is true; ") + model_class +
        " takes a padded batch only without adapter, as in the reference, since an adapter reads "
        "the padding; call it with utterances without padding (encode)");
  }
}

std::vector<int64_t> counted_frames(const ModelOutput& output, const Config& config) {
  std::vector<int64_t> frames;
  if (output.input_layout.valid.defined()) {
    for (const int64_t length : output.input_layout.valid_lengths()) {
      frames.push_back(config.adapter_output_length(length));
    }
  } else {
    for (int64_t u = 0; u < output.layout.utterances(); ++u) {
      frames.push_back(output.layout.length(u));
    }
  }
  return frames;
}

Tensor pool_over_time(const Tensor& x, const Layout& layout, const std::vector<int64_t>& counts,
                      bool deviations) {
  if (ops::has_cuda_operators(x)) {
    return ops::cuda_operators::pool_rows(
        x, layout.offsets_tensor, counts.empty() ? Tensor() : Tensor::of(counts).to(x.device()),
        deviations);
  }
  aten::TensorList pooled;
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    const auto i = static_cast<size_t>(u);
    const int64_t length = layout.length(u);
    const Tensor rows =
        aten::to(aten::narrow(x, 0, layout.offsets[i],
                              counts.empty() ? length : std::min(counts[i], length)),
                 DType::kFloat32);
    const Tensor mean = aten::mean(rows, 0);
    pooled.push_back(aten::reshape(
        deviations ? aten::cat({mean, aten::unbiased_std(rows, 0)}, 0) : mean, {1, -1}));
  }
  return aten::cat(pooled, 0);
}

Tensor class_labels(const Tensor& labels, int64_t rows, int64_t num_labels, int64_t columns) {
  if (labels.dtype() != DType::kInt64 || labels.dim() != 1 || labels.size(0) != rows) {
    throw std::invalid_argument("labels is " + labels.describe() + "; expected int64 [" +
                                std::to_string(rows) + "]");
  }
  const Tensor dense = aten::clone(labels);  // what is checked must not change any more
  const int64_t* label = dense.data<int64_t>();
  for (int64_t i = 0; i < rows; ++i) {
    if (label[i] != -100 && (label[i] < 0 || label[i] >= num_labels)) {
      const std::string place =
          columns == 0 ? std::to_string(i)
                       : std::to_string(i / columns) + ", " + std::to_string(i % columns);
      throw std::invalid_argument("labels[" + place + "] is " + std::to_string(label[i]) +
                                  "; expected 0 to " + std::to_string(num_labels - 1) +
                                  ", or -100 to ignore it");
    }
  }
  return dense;
}

}  // namespace w2vbert
