#include "w2vbert/io/checkpoint.h"

#include <cstring>
#include <stdexcept>

#include "w2vbert/io/half.h"

namespace w2vbert {
namespace {

const std::string kBasePrefix = "wav2vec2_bert.";

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

Tensor to_float32(const TensorEntry& entry, bool copy) {
  if (entry.dtype == SafetensorsDType::kF32 && entry.aligned() && !copy) {
    // The mapping is read-only; nothing writes through a parameter of a loaded model.
    return Tensor::from_blob(const_cast<std::byte*>(entry.data), entry.shape, DType::kFloat32,
                             entry.file);
  }
  Tensor tensor = Tensor::empty(entry.shape, DType::kFloat32);
  const auto count = static_cast<size_t>(tensor.numel());
  float* out = tensor.data<float>();
  switch (entry.dtype) {
    case SafetensorsDType::kF32:
      std::memcpy(out, entry.data, count * sizeof(float));
      break;
    case SafetensorsDType::kF64:
      for (size_t i = 0; i < count; ++i) {
        double value;
        std::memcpy(&value, entry.data + i * sizeof(double), sizeof(double));
        out[i] = static_cast<float>(value);
      }
      break;
    case SafetensorsDType::kF16:
      half_to_float(entry.data, out, count);
      break;
    case SafetensorsDType::kBF16:
      bfloat16_to_float(entry.data, out, count);
      break;
    default:
      throw std::invalid_argument(entry.file->path() + ": tensor '" + entry.name + "' has dtype " +
                                  entry.dtype_name + "; expected F32, F16, BF16 or F64");
  }
  return tensor;
}

// "a, b, c and 5 more"
std::string join(const std::vector<std::string>& names, const char* separator) {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) {
    if (i > 0) text += separator;
    text += names[i];
  }
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace

const TensorEntry* CheckpointParameters::find(const std::string& name) const {
  if (const TensorEntry* entry = files_->find(name)) return entry;
  return starts_with(name, kBasePrefix) ? files_->find(name.substr(kBasePrefix.size()))
                                        : files_->find(kBasePrefix + name);
}

Tensor CheckpointParameters::get(const std::string& name, const Shape& shape, const Init& init) {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) {
    report_.missing.push_back(name);
    return options_.initialize_missing ? random_.get(name, shape, init) : Tensor();
  }
  used_.insert(entry->name);
  // Only what the model uses: one that was opened for its first layers does not read the others.
  MappedFile::prefetch(entry->data, entry->byte_size());
  if (entry->shape != shape) {
    report_.mismatched.push_back(name + ": " + shape_string(entry->shape) + " in the checkpoint, " +
                                 shape_string(shape) + " in the model");
    return options_.ignore_mismatched_sizes ? random_.get(name, shape, init) : Tensor();
  }
  return to_float32(*entry, options_.copy);
}

LoadReport CheckpointParameters::finish(const std::string& model_class) const {
  std::string problems;
  if (!report_.missing.empty() && !options_.initialize_missing) {
    problems += "; missing: " + join(report_.missing, ", ");
  }
  if (!report_.mismatched.empty() && !options_.ignore_mismatched_sizes) {
    problems += "; of another shape: " + join(report_.mismatched, "; ");
  }
  if (!problems.empty()) {
    throw std::invalid_argument(files_->folder() + " does not fit " + model_class +
                                " with this configuration" + problems);
  }
  LoadReport report = report_;
  for (const TensorEntry* entry : files_->entries()) {
    if (used_.count(entry->name) == 0) report.unexpected.push_back(entry->name);
  }
  return report;
}

}  // namespace w2vbert
