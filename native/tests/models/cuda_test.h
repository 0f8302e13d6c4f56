// What tests of whole models on a CUDA device share: the recorded cases through the surface that
// Java sees, on the device that the program has, emulated or real.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "audio/golden_audio.h"
#include "golden_files.h"
#include "temporary_folder.h"
#include "w2vbert/io/json.h"
#include "w2vbert/io/safetensors.h"
#include "w2vbert/jni/bindings.h"
#include "w2vbert/models/config.h"
#include "w2vbert/modules/parameters.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert::testing {

using jni::NativeFeatureExtractor;
using jni::NativeModel;
using jni::NativeModelOutput;
using jni::NativeTensor;
using TensorPointer = std::shared_ptr<NativeTensor>;
using OutputPointer = std::shared_ptr<NativeModelOutput>;

// Why these tests have no device to compute on, in one sentence; empty once they have. Each program
// has its own. Throws std::runtime_error where a device is there, but something else is missing.
std::string device_problem();

// Whether a row of a product is the same to the last bit whatever other rows there are.
bool rows_are_independent();

class CudaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = device_problem();
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

// The device that the tests compute on.
const Device kDevice{true, 0};

// A device as Java asks for it, by default without graphs.
inline std::string device_json(const std::string& name,
                               const std::vector<int64_t>& graph_frames = {}, int64_t sessions = 2,
                               int64_t memory_limit = 0, bool warm_up = false, int64_t stream = 0) {
  return Json{{"device", name},       {"stream", stream},
              {"sessions", sessions}, {"graph_frames", graph_frames},
              {"warm_up", warm_up},   {"memory_limit", memory_limit}}
      .dump();
}

// Of what needs products of float8.
class CudaFloat8Test : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
    const GradMode mode(false);
    const int64_t capability =
        ops::cuda_operators::compute_capability(Tensor::zeros({1}, DType::kFloat32, kDevice));
    if (capability < 90 || capability >= 110) {  // as LibTorch 2.10 has it
      GTEST_SKIP() << "the device has no product of float8: compute capability "
                   << static_cast<double>(capability) / 10;
    }
  }
};

inline DType dtype_of(SafetensorsDType dtype) {
  switch (dtype) {
    case SafetensorsDType::kF32:
      return DType::kFloat32;
    case SafetensorsDType::kI64:
      return DType::kInt64;
    case SafetensorsDType::kBool:
      return DType::kBool;
    default:
      throw std::runtime_error("the recorded cases have no other type");
  }
}

inline TensorPointer native(const std::vector<int64_t>& shape, DType dtype, const void* data) {
  const auto tensor =
      NativeTensor::create(shape.data(), static_cast<int>(shape.size()), static_cast<int>(dtype));
  std::memcpy(tensor->data(), data, static_cast<size_t>(tensor->byte_size()));
  return tensor;
}

inline std::vector<int64_t> shape_of(const NativeTensor& tensor) {
  std::vector<int64_t> shape(static_cast<size_t>(tensor.dimensions()));
  tensor.shape(shape.data());
  return shape;
}

inline std::vector<double> numbers(const NativeTensor& tensor) {
  EXPECT_EQ(static_cast<int>(DType::kFloat32), tensor.dtype());
  const auto* first = static_cast<const float*>(tensor.data());
  return {first, first + tensor.byte_size() / static_cast<int64_t>(sizeof(float))};
}

inline std::vector<double> numbers(const TensorEntry& entry) {
  if (entry.dtype == SafetensorsDType::kF64) return testing::values<double>(entry);
  const std::vector<float> values = testing::values<float>(entry);
  return {values.begin(), values.end()};
}

class RecordedCase {
 public:
  explicit RecordedCase(const std::filesystem::path& folder)
      : folder_(folder),
        json_(parse_json(read_bytes(folder / "case.json"), folder.string())),
        inputs_((folder / "inputs.safetensors").string()),
        outputs_((folder / "outputs.safetensors").string()) {}

  const std::filesystem::path& folder() const { return folder_; }
  const Json& json() const { return json_; }
  const SafetensorsFile& inputs() const { return inputs_; }
  const SafetensorsFile& outputs() const { return outputs_; }
  std::string config() const { return read_bytes(folder_ / "config.json"); }

  // The result in float64 where it was recorded, else in float32.
  const TensorEntry& output(const std::string& name) const {
    const TensorEntry* precise = outputs_.find(name + "_f64");
    return precise != nullptr ? *precise : outputs_.tensor(name);
  }

  TensorPointer input(const std::string& argument) const {
    const auto name = json_["call"].find(argument);
    if (name == json_["call"].end()) return nullptr;
    const TensorEntry& entry = inputs_.tensor(name->get<std::string>());
    return native(entry.shape, dtype_of(entry.dtype), entry.data);
  }

  std::shared_ptr<NativeModel> load(const std::string& device, DType dtype) const {
    return NativeModel::from_pretrained(json_["class"], folder_.string(), config(), false, false, 0,
                                        false, static_cast<int>(dtype),
                                        device.front() == '{' ? device : device_json(device));
  }

  OutputPointer forward(const NativeModel& model, bool labels) const {
    const Json& call = json_["call"];
    return model.forward(input("input_features").get(), input("attention_mask").get(),
                         input("mask_time_indices").get(), labels ? input("labels").get() : nullptr,
                         call["output_hidden_states"].get<bool>(),
                         call["output_attentions"].get<bool>(), 30.0, 0.4);
  }

 private:
  std::filesystem::path folder_;
  Json json_;
  SafetensorsFile inputs_;
  SafetensorsFile outputs_;
};

// The root of the mean square of the differences, over that of what is expected.
inline double relative_error(const std::vector<double>& expected,
                             const std::vector<double>& actual) {
  double error = 0;
  double power = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    power += expected[i] * expected[i];
  }
  return std::sqrt(error / power);
}

inline std::filesystem::path case_folder(const std::string& group, const std::string& name) {
  return golden_dir() / group / name;
}

// A few of them: every kind of positions, every head, every adapter's part.
inline std::vector<std::filesystem::path> chosen_cases() {
  std::vector<std::filesystem::path> folders;
  for (const char* name :
       {"model_none_mask", "model_relative_key_mask", "model_relative_exceeds_max",
        "model_rotary_mask", "adapter_ffn_proj_x2", "ctc_sum", "seqcls_weighted_mask",
        "frame_weighted", "xvector_weighted"}) {
    folders.push_back(case_folder("models", name));
  }
  return folders;
}

// Features of utterances of the given lengths, one after the other.
inline Tensor random_features(const std::vector<int64_t>& lengths, int64_t width) {
  int64_t total = 0;
  for (const int64_t length : lengths) total += length;
  return RandomParameters(7).get("features", {total, width}, Init::normal(1));
}

inline OutputPointer encode(const NativeModel& model, const Tensor& features,
                            const std::vector<int64_t>& lengths, bool all_states = true) {
  const auto input = native(features.shape(), DType::kFloat32, features.raw_data());
  return model.encode(input.get(), lengths.data(), static_cast<int>(lengths.size()), -1, all_states,
                      all_states);
}

// The components of the Java record TrainingOptions.
inline Json training_options() {
  return {{"beta1", 0.9},
          {"beta2", 0.999},
          {"epsilon", 1e-8},
          {"weightDecay", 0.01},
          {"decayBiasesAndNorms", true},
          {"maxGradNorm", 0.0},
          {"averageDecay", 0.0},
          {"gradientCheckpointing", false},
          {"autocast", "FLOAT32"},
          {"freezeBase", false},
          {"freezeFeatureProjection", false},
          {"amSoftmax", {{"scale", 30.0}, {"margin", 0.4}}},
          {"seed", 5}};
}

inline Json device_state(const NativeModel& model) {
  return parse_json(model.device_state_json(), "the state of the device");
}

// A recording, and what a model of the recorded cases hears in it.
class RecordedSpeech {
 public:
  RecordedSpeech()
      : json_(parse_json(read_bytes(folder_ / "case.json"), "case.json")),
        extractor_(
            NativeFeatureExtractor::create(read_bytes(folder_ / "preprocessor_config.json"))),
        samples_(read_golden_wav(folder_ / "audio_0.wav")) {}

  std::vector<int32_t> expected() const { return json_["predicted_ids"][0]; }

  std::shared_ptr<NativeModel> load(DType dtype,
                                    const std::string& device = device_json("cuda:0")) const {
    return NativeModel::from_pretrained(json_["class"], folder_.string(),
                                        read_bytes(folder_ / "config.json"), false, false, 0, false,
                                        static_cast<int>(dtype), device);
  }

  int64_t frames() const { return static_cast<int64_t>(expected().size()); }

  std::vector<int32_t> best_path(const NativeModel& model) const {
    return best_path(model, static_cast<int64_t>(samples_.size()), frames());
  }

  // Of the first samples, as many as `counts` says, in one pass.
  std::vector<int32_t> best_paths(const NativeModel& model, const std::vector<int64_t>& counts,
                                  int64_t frames) const {
    std::vector<float> samples;
    std::vector<int64_t> offsets{0};
    for (const int64_t count : counts) {
      samples.insert(samples.end(), samples_.begin(), samples_.begin() + count);
      offsets.push_back(static_cast<int64_t>(samples.size()));
    }
    std::vector<int32_t> paths(static_cast<size_t>(frames));
    jni::best_paths(*extractor_, model,
                    native({offsets.back()}, DType::kFloat32, samples.data()).get(), offsets.data(),
                    static_cast<int>(counts.size()), paths.data(), frames);
    return paths;
  }

  // Of the first `count` samples.
  std::vector<int32_t> best_path(const NativeModel& model, int64_t count, int64_t frames) const {
    std::vector<int32_t> path(static_cast<size_t>(frames));
    jni::best_path(*extractor_, model, samples_.data(), count, path.data(), frames);
    return path;
  }

 private:
  std::filesystem::path folder_ = case_folder("e2e", "ctc_plain");
  Json json_;
  std::shared_ptr<NativeFeatureExtractor> extractor_;
  std::vector<float> samples_;
};

}  // namespace w2vbert::testing
