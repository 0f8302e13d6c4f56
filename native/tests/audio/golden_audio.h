// What the recorded cases of the feature extractor are made of.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "golden_files.h"
#include "w2vbert/io/safetensors.h"

namespace w2vbert::testing {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename T>
std::vector<T> values(const TensorEntry& tensor) {
  std::vector<T> result(static_cast<size_t>(tensor.element_count()));
  if (tensor.byte_size() != result.size() * sizeof(T)) {
    throw std::runtime_error(tensor.name + " is of type " + tensor.dtype_name);
  }
  if (!result.empty()) std::memcpy(result.data(), tensor.data, result.size() * sizeof(T));
  return result;
}

// The samples of a recorded 16-bit file with a header of 44 bytes, at a scale of +-1.
inline std::vector<float> read_golden_wav(const std::filesystem::path& path) {
  const std::string file = read_text(path);
  if (file.substr(36, 4) != "data") throw std::runtime_error("another header in " + path.string());
  std::vector<float> samples;
  for (size_t i = 44; i + 1 < file.size(); i += 2) {
    int16_t value = 0;
    std::memcpy(&value, file.data() + i, sizeof value);
    samples.push_back(static_cast<float>(value) / 32768.0f);
  }
  return samples;
}

// The clips of a case: the first channel, as float32.
inline std::vector<std::vector<float>> read_clips(const std::filesystem::path& folder) {
  std::vector<std::vector<float>> clips;
  const auto recorded = nlohmann::json::parse(read_text(folder / "case.json"));
  if (!recorded.at("wav_files").is_null()) {
    for (const std::string name : recorded.at("wav_files")) {
      clips.push_back(read_golden_wav(folder / name));
    }
    return clips;
  }
  const SafetensorsFile inputs((folder / "inputs.safetensors").string());
  for (size_t i = 0; i < inputs.entries().size(); ++i) {
    const TensorEntry& waveform = inputs.tensor("waveform_" + std::to_string(i));
    std::vector<float> samples;
    if (waveform.dtype == SafetensorsDType::kF64) {
      for (const double value : values<double>(waveform)) {
        samples.push_back(static_cast<float>(value));
      }
    } else {
      samples = values<float>(waveform);
    }
    samples.resize(static_cast<size_t>(waveform.shape.back()));
    clips.push_back(samples);
  }
  return clips;
}

// The folders of all cases that record features of clips.
inline std::vector<std::filesystem::path> feature_cases() {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(golden_group("features"))) {
    if (std::filesystem::exists(entry.path() / "preprocessor_config.json")) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace w2vbert::testing
