// The safetensors file format: named tensors and a map of texts, without LibTorch.
//
//   8 bytes   length n of the header, little-endian
//   n bytes   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
//             "__metadata__": {"key": "text"}}, padded with spaces
//   the rest  the tensors in C order, little-endian, back to back: neither overlap nor hole
//
// https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "w2vbert/io/mapped_file.h"
#include "w2vbert/io/replacement_file.h"

namespace w2vbert {

enum class SafetensorsDType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,   // one byte; a file may hold other values than 0 and 1, so never read it as C++ bool
  kOther,  // a type that this project does not compute with; only its name is known
};

// "F64", ..., "BOOL". Not for kOther.
const char* safetensors_dtype_name(SafetensorsDType dtype);

// The type of a name; kOther for any that is not known.
SafetensorsDType safetensors_dtype(const std::string& name);

// Bytes per element. Not for kOther.
size_t safetensors_dtype_size(SafetensorsDType dtype);

struct TensorEntry {
  std::string name;
  SafetensorsDType dtype;
  std::string dtype_name;  // as the file spells it
  std::vector<int64_t> shape;
  uint64_t begin;  // bytes from the start of the data, as data_offsets in the header
  uint64_t end;
  const std::byte* data;                   // lives as long as `file`
  std::shared_ptr<const MappedFile> file;  // whoever keeps `data` keeps this

  uint64_t byte_size() const { return end - begin; }

  // The product of the shape.
  int64_t element_count() const;

  // Whether `data` may be read as an array of the element type: most writers align, the format does
  // not ask for it.
  bool aligned() const;
};

// One file, checked completely when it is opened. Immutable, so any number of threads may use it.
class SafetensorsFile {
 public:
  // `path` is UTF-8. Throws std::invalid_argument if it is not a safetensors file that keeps every
  // rule of the format, naming the tensor, its value and the rule; std::runtime_error if it cannot
  // be read.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return file_->path(); }

  // In the order of the data.
  const std::vector<TensorEntry>& entries() const { return entries_; }

  // nullptr if there is no such tensor.
  const TensorEntry* find(const std::string& name) const;

  // Throws std::invalid_argument if there is no such tensor or its dtype is kOther.
  const TensorEntry& tensor(const std::string& name) const;

  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorEntry> entries_;
  std::unordered_map<std::string, size_t> index_;  // name -> position in entries_
  std::map<std::string, std::string> metadata_;
};

// What write_safetensors is given: `data` holds the elements in C order and needs no alignment; or
// `floats` does, or `read` writes `count` of them from `begin` on. Those two are converted to
// `dtype` (kF32, kF16 or kBF16) piece by piece.
struct TensorToWrite {
  std::string name;
  SafetensorsDType dtype;
  std::vector<int64_t> shape;
  const void* data;
  const float* floats = nullptr;
  std::function<void(size_t begin, size_t count, float* to)> read = nullptr;
};

// Writes a file that appears under `path` complete or not at all: under another name in the same
// folder first, flushed to the disk, then renamed over what was there. Equal input gives equal
// bytes: wider types first, names in order within a type, the data at a multiple of 64 bytes; so
// every tensor is aligned. Throws std::invalid_argument on a name, shape, dtype or metadata that no
// file can hold, and std::runtime_error, leaving nothing behind, if the system cannot write.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

// The same into a file that the caller moves into place.
void write_safetensors(ReplacementFile& file, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace w2vbert
