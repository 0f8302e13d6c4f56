#include "w2vbert/models/pretrained_model.h"

#include <stdexcept>

#include "w2vbert/models/for_audio_frame_classification.h"
#include "w2vbert/models/for_ctc.h"
#include "w2vbert/models/for_sequence_classification.h"
#include "w2vbert/models/for_xvector.h"

namespace w2vbert {
namespace {

// The encoder without a head.
class BareModel : public PretrainedModel {
 public:
  BareModel(const Scope& scope, const Config& config) : model_(scope, config) {}

  const Wav2Vec2BertModel& base() const override { return model_; }
  HeadOutput forward(const ModelInput& input, const Encoder::Request& request) const override {
    return {model_.forward(input, request), Tensor(), true, Tensor()};
  }
  Tensor loss(const HeadOutput&, const Tensor&, const LossOptions&) const override {
    throw std::invalid_argument("labels are given, but Wav2Vec2BertModel has no loss");
  }

 private:
  Wav2Vec2BertModel model_;
};

}  // namespace

std::unique_ptr<PretrainedModel> make_model(const std::string& model_class, const Scope& scope,
                                            const Config& config) {
  if (model_class == "Wav2Vec2BertModel") return std::make_unique<BareModel>(scope, config);
  if (model_class == "Wav2Vec2BertForCTC") {
    return std::make_unique<Wav2Vec2BertForCTC>(scope, config);
  }
  if (model_class == "Wav2Vec2BertForSequenceClassification") {
    return std::make_unique<Wav2Vec2BertForSequenceClassification>(scope, config);
  }
  if (model_class == "Wav2Vec2BertForAudioFrameClassification") {
    return std::make_unique<Wav2Vec2BertForAudioFrameClassification>(scope, config);
  }
  if (model_class == "Wav2Vec2BertForXVector") {
    return std::make_unique<Wav2Vec2BertForXVector>(scope, config);
  }
  throw std::invalid_argument(
      "model class is '" + model_class +
      "'; expected Wav2Vec2BertModel, Wav2Vec2BertForCTC, Wav2Vec2BertForSequenceClassification, "
      "Wav2Vec2BertForAudioFrameClassification or Wav2Vec2BertForXVector");
}

}  // namespace w2vbert
