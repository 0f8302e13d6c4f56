#include "w2vbert/io/checkpoint.h"

#include <cstring>
#include <optional>
#include <stdexcept>

#include "w2vbert/io/half.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

const std::string kBasePrefix = "wav2vec2_bert.";

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// The type of the files that can be used in place, or nullopt.
std::optional<DType> dtype_of(SafetensorsDType dtype) {
  switch (dtype) {
    case SafetensorsDType::kF32:
      return DType::kFloat32;
    case SafetensorsDType::kF16:
      return DType::kFloat16;
    case SafetensorsDType::kBF16:
      return DType::kBFloat16;
    default:
      return std::nullopt;
  }
}

// `count` elements from `first` on.
void read_floats(const TensorEntry& entry, int64_t first, int64_t count, float* to) {
  const std::byte* from =
      entry.data + static_cast<size_t>(first) * safetensors_dtype_size(entry.dtype);
  const auto elements = static_cast<size_t>(count);
  switch (entry.dtype) {
    case SafetensorsDType::kF32:
      std::memcpy(to, from, elements * sizeof(float));
      break;
    case SafetensorsDType::kF16:
      half_to_float(from, to, elements);
      break;
    case SafetensorsDType::kBF16:
      bfloat16_to_float(from, to, elements);
      break;
    default:  // F64
      for (size_t i = 0; i < elements; ++i) {
        double value;
        std::memcpy(&value, from + i * sizeof(double), sizeof(double));
        to[i] = static_cast<float>(value);
      }
  }
}

Matrix load(const TensorEntry& entry, DType dtype, bool copy) {
  if (entry.dtype != SafetensorsDType::kF64 && !dtype_of(entry.dtype)) {
    throw std::invalid_argument(entry.file->path() + ": tensor '" + entry.name + "' has dtype " +
                                entry.dtype_name + "; expected F32, F16, BF16 or F64");
  }
  // Only what the model uses: one that was opened for its first layers does not read the others.
  MappedFile::prefetch(entry.data, entry.byte_size());
  if (dtype_of(entry.dtype) == dtype && entry.aligned() && !copy) {
    // The mapping is read-only; nothing writes through a parameter of a loaded model.
    return {Tensor::from_blob(const_cast<std::byte*>(entry.data), entry.shape, dtype, entry.file)};
  }
  const bool rows = !entry.shape.empty() && entry.shape[0] > 0;
  const int64_t columns = entry.element_count() / (rows ? entry.shape[0] : 1);
  Matrix matrix = store_matrix(entry.shape, dtype, [&](int64_t row, float* to) {
    read_floats(entry, row * columns, columns, to);
  });
  MappedFile::release(entry.data, entry.byte_size());
  return matrix;
}

// float32 on a CUDA device
Matrix round_to_float8(const Tensor& values) {
  const int64_t rows = values.size(0);
  const auto rounded = ops::cuda_operators::quantize_rows(aten::reshape(values, {rows, -1}));
  return {aten::reshape(rounded.values, values.shape()), aten::reshape(rounded.scales, {rows})};
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

const TensorEntry* CheckpointParameters::matching(const std::string& name, const Shape& shape) {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) {
    report_.missing.push_back(name);
    return nullptr;
  }
  used_.insert(entry->name);
  if (entry->shape == shape) return entry;
  report_.mismatched.push_back(name + ": " + shape_string(entry->shape) + " in the checkpoint, " +
                               shape_string(shape) + " in the model");
  return nullptr;
}

Tensor CheckpointParameters::substitute(const std::string& name, const Shape& shape,
                                        const Init& init) {
  const bool allowed =
      find(name) == nullptr ? options_.initialize_missing : options_.ignore_mismatched_sizes;
  return allowed ? random_.get(name, shape, init) : Tensor();
}

Tensor CheckpointParameters::get(const std::string& name, const Shape& shape, const Init& init) {
  if (options_.device.cuda) {
    const bool float8 = options_.matrices == DType::kFloat8;
    return get_as(name, shape, init, float8 ? DType::kBFloat16 : options_.matrices).values;
  }
  const TensorEntry* entry = matching(name, shape);
  if (entry == nullptr) return substitute(name, shape, init);
  // Small parameters that are all that is used of a file keep the pages around them in memory, too.
  const bool copy = options_.copy || options_.matrices == DType::kInt8;
  return load(*entry, DType::kFloat32, copy).values;
}

Matrix CheckpointParameters::get_matrix(const std::string& name, const Shape& shape,
                                        const Init& init, bool sensitive) {
  if (sensitive && options_.matrices == DType::kInt8) {
    return get_as(name, shape, init, DType::kInt16);
  }
  if (options_.matrices == DType::kFloat8 && (sensitive || !ops::fits_float8(shape))) {
    return get_as(name, shape, init, DType::kBFloat16);
  }
  return get_as(name, shape, init, options_.matrices);
}

Matrix CheckpointParameters::get_as(const std::string& name, const Shape& shape, const Init& init,
                                    DType dtype) {
  const TensorEntry* entry = matching(name, shape);
  if (entry != nullptr && !options_.device.cuda) return load(*entry, dtype, options_.copy);
  // The device rounds to float8 itself.
  const DType on_host = dtype == DType::kFloat8 ? DType::kFloat32 : dtype;
  Matrix matrix;
  if (entry != nullptr) {
    matrix.values = load(*entry, on_host, false).values.to(options_.device);
    MappedFile::release(entry->data, entry->byte_size());
  } else {
    const Tensor drawn = substitute(name, shape, init);
    if (!drawn.defined()) return {};
    matrix = store_matrix(drawn, on_host);
    matrix.values = matrix.values.to(options_.device);
  }
  return dtype == DType::kFloat8 ? round_to_float8(matrix.values) : matrix;
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
