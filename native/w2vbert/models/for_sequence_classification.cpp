#include "w2vbert/models/for_sequence_classification.h"

#include "w2vbert/torch/aten.h"

namespace w2vbert {

Wav2Vec2BertForSequenceClassification::Wav2Vec2BertForSequenceClassification(const Scope& scope,
                                                                             const Config& config)
    : encoder_(scope, config),
      projector_(scope / "projector", encoder_.output_size(), config.classifier_proj_size,
                 Init::normal(config.initializer_range)),
      classifier_(scope / "classifier", config.classifier_proj_size, label_count(config),
                  Init::normal(config.initializer_range)) {}

HeadOutput Wav2Vec2BertForSequenceClassification::forward(const ModelInput& input,
                                                          const Encoder::Request& request) const {
  const Config& config = base().config();
  refuse_padded_adapter("Wav2Vec2BertForSequenceClassification", input, config);
  HeadOutput output{encoder_.forward(input, request), Tensor(), false, Tensor()};
  const Layout& layout = output.base.layout;
  const std::vector<int64_t> frames = counted_frames(output.base, config);
  aten::TensorList pooled;
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    const auto i = static_cast<size_t>(u);
    const int64_t count = frames[i] == 0 ? layout.length(u) : frames[i];
    const Tensor rows = aten::narrow(output.base.last_hidden_state, 0, layout.offsets[i], count);
    pooled.push_back(aten::reshape(aten::mean(rows, 0), {1, -1}));
  }
  output.logits = classifier_(projector_(aten::cat(pooled, 0)));
  return output;
}

Tensor Wav2Vec2BertForSequenceClassification::loss(const HeadOutput& output, const Tensor& labels,
                                                   const LossOptions&) const {
  return aten::cross_entropy(output.logits,
                             class_labels(labels, output.logits.size(0), output.logits.size(1)));
}

}  // namespace w2vbert
