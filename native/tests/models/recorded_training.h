// What tests of trainings share: the recorded ones, through the surface that Java sees.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/cuda_test.h"

namespace w2vbert::testing {

using jni::NativeTraining;
using TrainingPointer = std::shared_ptr<NativeTraining>;

class RecordedTraining : public RecordedCase {
 public:
  using RecordedCase::RecordedCase;

  // With every dropout, layerdrop and SpecAugment if `random`.
  TrainingPointer open(const std::string& device, const Json& options, bool random = false) const {
    Json config = parse_json(RecordedCase::config(), "config.json");
    if (random) {
      for (const char* name :
           {"hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout",
            "final_dropout", "conformer_conv_dropout", "layerdrop"}) {
        config[name] = 0.2;
      }
      config["apply_spec_augment"] = true;
      config["mask_time_prob"] = 0.3;
      config["mask_time_length"] = 3;
      config["mask_feature_prob"] = 0.3;
      config["mask_feature_length"] = 4;
    }
    const auto model = NativeModel::from_pretrained(
        json()["class"], folder().string(), config.dump(), true, false, 1, true,
        static_cast<int>(DType::kFloat32), device_json(device));
    return NativeTraining::create(*model, options.dump());
  }

  double accumulate(NativeTraining& training, double weight = 1) const {
    return training.accumulate(batch("input_features").get(), batch("attention_mask").get(),
                               batch("labels").get(), weight);
  }

  // Names behind a prefix of the outputs.
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const TensorEntry& entry : outputs().entries()) {
      if (entry.name.rfind(prefix, 0) == 0) names.push_back(entry.name.substr(prefix.size()));
    }
    return names;
  }

 private:
  TensorPointer batch(const std::string& name) const {
    const TensorEntry* entry = inputs().find(name);
    if (entry == nullptr) return nullptr;
    return native(entry->shape, dtype_of(entry->dtype), entry->data);
  }
};

inline std::vector<std::filesystem::path> training_cases() {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(golden_group("training"))) {
    const Json json = parse_json(read_bytes(entry.path() / "case.json"), "case.json");
    if (json["kind"] == "training") folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

inline std::vector<double> parameter(const NativeTraining& training, const std::string& name) {
  return numbers(*training.model()->parameter(name));
}

inline std::vector<std::string> parameter_names(const NativeTraining& training) {
  std::vector<std::string> names;
  for (const Json& row : parse_json(training.model()->parameters_json(), "parameters")) {
    names.push_back(row["name"]);
  }
  return names;
}

// The root of the mean square.
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace w2vbert::testing
