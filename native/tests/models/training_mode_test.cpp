// Where training drops what: a model that drops everything at one place is one without the part
// behind it.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert {
namespace {

using NamePredicate = std::function<bool(const std::string&)>;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// No parameter is zero, but those that are chosen.
class TestParameters : public ParameterSource {
 public:
  explicit TestParameters(NamePredicate zero) : zero_(std::move(zero)) {}
  Tensor get(const std::string& name, const Shape& shape, const Init&) override {
    if (zero_(name)) return Tensor::zeros(shape, DType::kFloat32);
    const bool norm = contains(name, "layer_norm.weight");
    return random_.get(name, shape, norm ? Init::uniform(0.5, 1.5) : Init::normal(0.3));
  }

 private:
  RandomParameters random_{1};
  NamePredicate zero_;
};

Config small_config() {
  Config config;
  config.hidden_size = 16;
  config.output_hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 24;
  config.feature_projection_input_dim = 8;
  config.conv_depthwise_kernel_size = 5;
  config.left_max_position_embeddings = 4;
  config.right_max_position_embeddings = 2;
  config.vocab_size = 7;
  config.add_adapter = true;
  config.use_intermediate_ffn_before_adapter = true;
  config.apply_spec_augment = false;
  for (double* option :
       {&config.hidden_dropout, &config.activation_dropout, &config.attention_dropout,
        &config.feat_proj_dropout, &config.final_dropout, &config.conformer_conv_dropout,
        &config.layerdrop}) {
    *option = 0;
  }
  config.check();
  return config;
}

ModelInput make_input(const Config& config) {
  const Tensor features = RandomParameters(4).get("features", {2, 20, 8}, Init::normal(1));
  const Tensor mask = Tensor::empty({2, 20}, DType::kInt64);
  for (int64_t i = 0; i < 40; ++i) mask.data<int64_t>()[i] = i < 34;
  return padded_input(features, mask, Tensor(), config);
}

HeadOutput run(const Config& config, const NamePredicate& zero, bool training) {
  const GradMode mode(false);
  TestParameters source(zero);
  const auto model = make_model("Wav2Vec2BertForCTC", Scope(source, ""), config);
  RandomStream random(3);
  TrainingPass pass(random, {});
  ModelInput input = make_input(config);
  if (training) input.training = &pass;
  return model->forward(input, {});
}

void expect_equal(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  const Tensor x = aten::contiguous(a);
  const Tensor y = aten::contiguous(b);
  for (int64_t i = 0; i < x.numel(); ++i) {
    ASSERT_NEAR(x.data<float>()[i], y.data<float>()[i], 1e-5f) << "element " << i;
  }
}

bool nothing(const std::string&) { return false; }

// Training with an option at 1 equals inference with `zero` parameters.
void expect_dropped(double Config::*option, const NamePredicate& zero) {
  Config config = small_config();
  const Tensor all = run(config, nothing, true).logits;
  expect_equal(all, run(config, nothing, false).logits);
  config.*option = 1;
  const Tensor dropped = run(config, nothing, true).logits;
  expect_equal(dropped, run(config, zero, false).logits);
  double change = 0;
  for (int64_t i = 0; i < all.numel(); ++i) {
    change += std::abs(static_cast<double>(all.data<float>()[i] - dropped.data<float>()[i]));
  }
  EXPECT_GT(change, 1e-2);
}

TEST(TrainingModeTest, FeatProjDropoutIsBehindTheProjection) {
  expect_dropped(&Config::feat_proj_dropout, [](const std::string& name) {
    return contains(name, "feature_projection.projection.");
  });
}

TEST(TrainingModeTest, HiddenDropoutIsBeforeTheLayersAndBehindFeedForwards) {
  expect_dropped(&Config::hidden_dropout, [](const std::string& name) {
    return contains(name, "feature_projection.projection.") || contains(name, "output_dense.");
  });
}

TEST(TrainingModeTest, ActivationDropoutIsInsideFeedForwards) {
  expect_dropped(&Config::activation_dropout,
                 [](const std::string& name) { return ends_with(name, "output_dense.weight"); });
}

TEST(TrainingModeTest, AttentionDropoutIsOnWeightsAndInTheEncoderOnTheOutput) {
  expect_dropped(&Config::attention_dropout, [](const std::string& name) {
    return contains(name, "encoder.") ? contains(name, "self_attn.linear_out.")
                                      : ends_with(name, "self_attn.linear_out.weight");
  });
}

TEST(TrainingModeTest, ConformerConvDropoutIsBehindConvolutionsAndTheAdaptersAttention) {
  expect_dropped(&Config::conformer_conv_dropout, [](const std::string& name) {
    return contains(name, "pointwise_conv2.") ||
           contains(name, "adapter.layers.0.self_attn.linear_out.");
  });
}

TEST(TrainingModeTest, FinalDropoutIsBeforeTheHead) {
  expect_dropped(&Config::final_dropout,
                 [](const std::string& name) { return name == "lm_head.weight"; });
}

TEST(TrainingModeTest, LayerdropLeavesOutLayersOfEncoderAndAdapter) {
  Config config = small_config();
  config.use_intermediate_ffn_before_adapter = false;
  config.layerdrop = 1;
  const HeadOutput dropped = run(config, nothing, true);
  const GradMode mode(false);
  TestParameters source(nothing);
  const auto model = make_model("Wav2Vec2BertForCTC", Scope(source, ""), config);
  Encoder::Request request;
  request.hidden_states = true;
  const HeadOutput full = model->forward(make_input(config), request);
  expect_equal(dropped.base.last_hidden_state, full.base.hidden_states.at(0));
  EXPECT_EQ(dropped.logits.size(0), 40);
  EXPECT_EQ(full.logits.size(0), 20);
}

TEST(TrainingModeTest, EveryLayerIsLeftOutWithItsProbability) {
  RandomStream random(9);
  TrainingPass pass(random, {});
  int dropped = 0;
  for (int i = 0; i < 10000; ++i) dropped += pass.drops_layer(0.1);
  EXPECT_NEAR(dropped, 1000, 100);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(pass.drops_layer(0));
}

}  // namespace
}  // namespace w2vbert
