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
  std::vector<int64_t> counts;  // empty without padding: all frames count
  if (output.base.input_layout.valid.defined()) {
    counts = counted_frames(output.base, config);
    for (size_t u = 0; u < counts.size(); ++u) {
      if (counts[u] == 0) counts[u] = layout.length(static_cast<int64_t>(u));
    }
  }
  const Tensor pooled = pool_over_time(output.base.last_hidden_state, layout, counts, false);
  output.logits = classifier_(projector_(pooled));
  return output;
}

Tensor Wav2Vec2BertForSequenceClassification::loss(const HeadOutput& output, const Tensor& labels,
                                                   const LossOptions&) const {
  const Tensor targets = class_labels(labels, output.logits.size(0), output.logits.size(1));
  return aten::cross_entropy(output.logits, targets.to(output.logits.device()));
}

}  // namespace w2vbert
