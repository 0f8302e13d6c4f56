#include "w2vbert/models/spec_augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "golden_files.h"
#include "temporary_folder.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/io/json.h"
#include "w2vbert/io/safetensors.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

// The draws that the reference made.
class RecordedDraws : public SpanDraws {
 public:
  explicit RecordedDraws(const Json& row) : row_(&row) {}

  double rounding() override { return row_->at("epsilon").at(0); }
  std::vector<int64_t> choose(int64_t population, int64_t count) override {
    const Json& choice = row_->at("choices").at(next_++);
    EXPECT_EQ(choice.at("population").get<int64_t>(), population);
    EXPECT_EQ(choice.at("size").get<int64_t>(), count);
    return choice.at("result").get<std::vector<int64_t>>();
  }
  size_t used() const { return next_; }

 private:
  const Json* row_;
  size_t next_ = 0;
};

std::string text(const std::vector<uint8_t>& row) {
  std::string bits;
  for (const uint8_t bit : row) bits += bit != 0 ? '1' : '0';
  return bits;
}

TEST(SpecAugmentTest, SpansAreTheRecordedOnes) {
  const std::filesystem::path path = golden_group("training") / "spec_augment/case.json";
  const Json json = parse_json(read_bytes(path), path.string());
  ASSERT_FALSE(json.at("rows").empty());
  for (const Json& row : json.at("rows")) {
    const auto batch = row.at("shape").at(0).get<size_t>();
    const auto columns = row.at("shape").at(1).get<int64_t>();
    std::vector<int64_t> lengths(batch, columns);
    if (!row.at("lengths").is_null()) lengths = row.at("lengths").get<std::vector<int64_t>>();
    RecordedDraws draws(row);
    const auto mask = draw_spans(
        lengths, columns,
        {"mask_time", row.at("mask_prob"), row.at("mask_length"), row.at("min_masks")}, draws);
    std::vector<std::string> rows;
    for (const auto& bits : mask) rows.push_back(text(bits));
    EXPECT_EQ(row.at("mask_rows").get<std::vector<std::string>>(), rows) << row.dump();
    EXPECT_EQ(row.at("choices").size(), draws.used());
  }
}

TEST(SpecAugmentTest, ChoicesAreDifferentAndReachEveryPosition) {
  RandomStream random(2);
  RandomSpanDraws draws(random);
  std::set<int64_t> first;
  for (int i = 0; i < 500; ++i) {
    const std::vector<int64_t> chosen = draws.choose(9, 4);
    EXPECT_EQ(std::set<int64_t>(chosen.begin(), chosen.end()).size(), 4u);
    EXPECT_GE(*std::min_element(chosen.begin(), chosen.end()), 0);
    EXPECT_LT(*std::max_element(chosen.begin(), chosen.end()), 9);
    first.insert(chosen[0]);
  }
  EXPECT_EQ(first.size(), 9u);
  EXPECT_TRUE(draws.choose(0, 0).empty());
}

TEST(SpecAugmentTest, RefusesSpansLongerThanARow) {
  RandomStream random(0);
  RandomSpanDraws draws(random);
  try {
    draw_spans({7}, 7, {"mask_time", 0.05, 10, 2}, draws);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "mask_time_length is 10; expected 1 to 7, what the batch has");
  }
}

Tensor tensor(const SafetensorsFile& file, const std::string& name, DType dtype) {
  const TensorEntry& entry = file.tensor(name);
  const Tensor result = Tensor::empty(entry.shape, dtype);
  EXPECT_EQ(entry.byte_size(), static_cast<uint64_t>(result.numel() * dtype_size(dtype)));
  std::copy_n(entry.data, entry.byte_size(), static_cast<std::byte*>(result.raw_data()));
  return result;
}

TEST(SpecAugmentTest, GivenMasksHideWhatTheReferenceHides) {
  const std::filesystem::path folder = golden_group("training") / "spec_augment_train_forward";
  const Config config = parse_config(read_bytes(folder / "config.json"));
  const CheckpointFiles files(folder.string());
  CheckpointParameters source(files, {});
  const auto model = make_model("Wav2Vec2BertModel", Scope(source, ""), config);
  source.finish("Wav2Vec2BertModel");
  const SafetensorsFile inputs((folder / "inputs.safetensors").string());
  const SafetensorsFile outputs((folder / "outputs.safetensors").string());
  const Tensor mask = inputs.find("attention_mask") == nullptr
                          ? Tensor()
                          : tensor(inputs, "attention_mask", DType::kInt64);
  const Tensor features = tensor(inputs, "input_features", DType::kFloat32);
  const Tensor expected = tensor(outputs, "last_hidden_state_f64", DType::kFloat64);
  for (const bool gradients : {false, true}) {
    const GradMode mode(gradients);
    RandomStream random(0);
    TrainingPass training(random, {});
    ModelInput input = padded_input(
        features, mask, tensor(inputs, "drawn_mask_time_indices", DType::kBool), config);
    input.masked_features = tensor(inputs, "drawn_mask_feature_indices", DType::kBool);
    input.training = &training;
    const Tensor hidden = aten::contiguous(model->forward(input, {}).base.last_hidden_state);
    ASSERT_EQ(hidden.numel(), expected.numel());
    for (int64_t i = 0; i < hidden.numel(); ++i) {
      ASSERT_NEAR(static_cast<double>(hidden.data<float>()[i]), expected.data<double>()[i], 1e-4);
    }
  }
}

}  // namespace
}  // namespace w2vbert
