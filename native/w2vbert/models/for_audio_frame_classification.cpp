#include "w2vbert/models/for_audio_frame_classification.h"

#include <algorithm>
#include <stdexcept>

#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

// 0 and 1 as uint8, which argmax takes; a caller may have written other bytes.
Tensor truth_values(const Tensor& labels) {
  const Tensor dense = aten::contiguous(labels);
  Tensor values = Tensor::empty(dense.shape(), DType::kUInt8);
  const auto* in = static_cast<const uint8_t*>(dense.raw_data());
  std::transform(in, in + dense.numel(), values.data<uint8_t>(),
                 [](uint8_t byte) { return static_cast<uint8_t>(byte != 0); });
  return values;
}

}  // namespace

Wav2Vec2BertForAudioFrameClassification::Wav2Vec2BertForAudioFrameClassification(
    const Scope& scope, const Config& config)
    : encoder_(scope, config),
      classifier_(scope / "classifier", encoder_.output_size(), label_count(config),
                  Init::normal(config.initializer_range)) {}

HeadOutput Wav2Vec2BertForAudioFrameClassification::forward(const ModelInput& input,
                                                            const Encoder::Request& request) const {
  refuse_padded_adapter("Wav2Vec2BertForAudioFrameClassification", input, base().config());
  HeadOutput output{encoder_.forward(input, request), Tensor(), true, Tensor()};
  output.logits = classifier_(output.base.last_hidden_state);
  return output;
}

Tensor Wav2Vec2BertForAudioFrameClassification::loss(const HeadOutput& output, const Tensor& labels,
                                                     const LossOptions&) const {
  const Layout& layout = output.base.layout;
  const int64_t batch = layout.utterances();
  const int64_t time = layout.length(0);
  const int64_t classes = output.logits.size(1);
  const Shape one_hot{batch, time, classes};
  const Shape numbers{batch, time};
  Tensor targets;
  if (labels.shape() == one_hot) {
    const Tensor given = labels.dtype() == DType::kBool ? truth_values(labels) : labels;
    const Tensor rows = aten::reshape(aten::contiguous(given), {batch * time, classes});
    targets = aten::call("aten::argmax", "", {{rows}, {int64_t{1}, true}, {false}});
  } else if (labels.shape() == numbers && labels.dtype() == DType::kInt64) {
    targets = class_labels(aten::reshape(labels, {batch * time}), batch * time, classes, time);
  } else {
    throw std::invalid_argument("labels is " + labels.describe() + "; expected " +
                                shape_string(one_hot) + ", or int64 " + shape_string(numbers));
  }
  return aten::cross_entropy(output.logits, targets.to(output.logits.device()));
}

}  // namespace w2vbert
