#include "w2vbert/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "w2vbert/io/half.h"
#include "w2vbert/io/json.h"

namespace w2vbert {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "tensors are used as they lie in the file");

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxDimensions = 64;  // LibTorch's limit
constexpr size_t kAlignment = 64;  // of the data in files we write: a cache line, the widest vector
constexpr int kHeaderDepth = 3;    // header, tensor, shape
constexpr char kMetadataKey[] = "__metadata__";

struct DTypeRow {
  const char* name;
  size_t bytes;
};

// In the order of SafetensorsDType.
constexpr DTypeRow kDTypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};

const DTypeRow& dtype_row(SafetensorsDType dtype) {
  const auto i = static_cast<size_t>(dtype);
  if (i >= std::size(kDTypes)) {
    throw std::invalid_argument("this dtype has no known size; expected F64 ... BOOL");
  }
  return kDTypes[i];
}

[[noreturn]] void refuse(const std::string& source, const std::string& what) {
  throw std::invalid_argument(source + ": " + what);
}

// The product of a shape without negative sizes, times `factor`; false if it does not fit into 63
// bits. A 0 does not hide an overflow among the others, since strides would still overflow.
bool checked_product(const std::vector<int64_t>& shape, int64_t factor, int64_t* product) {
  bool empty = false;
  int64_t result = factor;
  for (const int64_t size : shape) {
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(result, size, &result)) {
      return false;
    }
  }
  *product = empty ? 0 : result;
  return true;
}

const Json& field(const Json& tensor, const char* key, const std::string& source) {
  const auto found = tensor.find(key);
  if (found == tensor.end()) {
    refuse(source, "has no \"" + std::string(key) + "\"; expected dtype, shape and data_offsets");
  }
  return *found;
}

// `source` names the file and the tensor.
TensorEntry parse_entry(const std::string& name, const Json& value, uint64_t data_bytes,
                        const std::string& source) {
  if (!value.is_object()) {
    refuse(source,
           "is " + printable(value) + "; expected an object with dtype, shape, data_offsets");
  }
  TensorEntry entry{};
  entry.name = name;

  const Json& dtype = field(value, "dtype", source);
  if (!dtype.is_string()) {
    refuse(source, "dtype is " + printable(dtype) + "; expected a name such as \"F32\"");
  }
  entry.dtype_name = dtype.get_ref<const std::string&>();
  entry.dtype = safetensors_dtype(entry.dtype_name);

  const Json& shape = field(value, "shape", source);
  if (!shape.is_array() || shape.size() > kMaxDimensions) {
    refuse(source, "shape is " + printable(shape) + "; expected a list of at most " +
                       std::to_string(kMaxDimensions) + " sizes");
  }
  for (const Json& size : shape) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > uint64_t{INT64_MAX}) {
      refuse(source, "shape " + printable(shape) + " holds " + printable(size) +
                         "; expected integers from 0 to 2^63 - 1");
    }
    entry.shape.push_back(size.get<int64_t>());
  }

  const Json& offsets = field(value, "data_offsets", source);
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    refuse(source, "data_offsets is " + printable(offsets) + "; expected [begin, end] in bytes");
  }
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes) {
    refuse(source, "data_offsets is " + printable(offsets) + "; expected begin <= end <= " +
                       std::to_string(data_bytes) + ", the bytes of data in this file");
  }

  const bool known = entry.dtype != SafetensorsDType::kOther;
  const size_t element_bytes = known ? safetensors_dtype_size(entry.dtype) : 1;
  int64_t bytes = 0;
  if (!checked_product(entry.shape, static_cast<int64_t>(element_bytes), &bytes)) {
    refuse(source, "shape " + printable(shape) + " of " + printable(entry.dtype_name) +
                       " overflows; expected less than 2^63 bytes");
  }
  if (known && static_cast<uint64_t>(bytes) != entry.byte_size()) {
    refuse(source, "shape " + printable(shape) + " of " + entry.dtype_name + " needs " +
                       std::to_string(bytes) + " bytes, but data_offsets " + printable(offsets) +
                       " hold " + std::to_string(entry.byte_size()));
  }
  return entry;
}

// Sorts by position and refuses overlaps and holes: data that no tensor owns could hide anything,
// and the format forbids both.
void order_entries(std::vector<TensorEntry>& entries, uint64_t data_bytes,
                   const std::string& path) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t position = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != position) {
      refuse(path, "tensor " + printable(entry.name) + ": begins at byte " +
                       std::to_string(entry.begin) + " of the data, " +
                       (entry.begin < position ? "inside another tensor" : "after a hole") +
                       "; expected " + std::to_string(position) + ", where the one before it ends");
    }
    position = entry.end;
  }
  if (position != data_bytes) {
    refuse(path, "the tensors end at byte " + std::to_string(position) + " of the data; expected " +
                     std::to_string(data_bytes) + ", the end of the file");
  }
}

void require_utf8(const std::string& text, const std::string& path, const char* what) {
  try {
    Json(text).dump();
  } catch (const Json::type_error&) {
    refuse(path, std::string(what) + " " + printable(text) + " is not UTF-8");
  }
}

// Converts and writes in pieces, so that a model needs no second copy in memory.
void write_converted(ReplacementFile& file, const TensorToWrite& tensor, size_t count) {
  constexpr size_t kPiece = size_t{1} << 18;
  std::vector<float> read(tensor.floats == nullptr ? std::min(count, kPiece) : 0);
  std::vector<uint16_t> halves(std::min(count, kPiece));
  for (size_t begin = 0; begin < count; begin += kPiece) {
    const size_t size = std::min(kPiece, count - begin);
    if (tensor.floats == nullptr) tensor.read(begin, size, read.data());
    const float* floats = tensor.floats == nullptr ? read.data() : tensor.floats + begin;
    if (tensor.dtype == SafetensorsDType::kF32) {
      file.write(floats, size * sizeof(float));
      continue;
    }
    if (tensor.dtype == SafetensorsDType::kF16) {
      float_to_half(floats, halves.data(), size);
    } else {
      float_to_bfloat16(floats, halves.data(), size);
    }
    file.write(halves.data(), size * sizeof(uint16_t));
  }
}

}  // namespace

const char* safetensors_dtype_name(SafetensorsDType dtype) { return dtype_row(dtype).name; }

SafetensorsDType safetensors_dtype(const std::string& name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (name == kDTypes[i].name) return static_cast<SafetensorsDType>(i);
  }
  return SafetensorsDType::kOther;
}

size_t safetensors_dtype_size(SafetensorsDType dtype) { return dtype_row(dtype).bytes; }

int64_t TensorEntry::element_count() const {
  int64_t count = 0;
  checked_product(shape, 1, &count);  // cannot overflow: the file was checked
  return count;
}

bool TensorEntry::aligned() const {
  return dtype != SafetensorsDType::kOther &&
         reinterpret_cast<uintptr_t>(data) % safetensors_dtype_size(dtype) == 0;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(MappedFile::open(path)) {
  if (file_->size() < kLengthBytes) {
    refuse(path, "has " + std::to_string(file_->size()) +
                     " bytes; expected a safetensors file, which begins with 8 bytes of length");
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file_->data(), kLengthBytes);
  const uint64_t available = file_->size() - kLengthBytes;
  if (header_bytes > kMaxHeaderBytes) {
    refuse(path, "header length is " + std::to_string(header_bytes) + "; expected at most " +
                     std::to_string(kMaxHeaderBytes) + " (is this a safetensors file?)");
  }
  if (header_bytes > available) {
    refuse(path, "header length is " + std::to_string(header_bytes) + ", but only " +
                     std::to_string(available) + " bytes follow; the file is cut off");
  }
  const std::string_view text = file_->text().substr(kLengthBytes, header_bytes);
  if (text.empty() || text.front() != '{') {
    refuse(path, "the header does not begin with '{'; expected a JSON object");
  }
  const Json header = parse_json(text, path + ": header", kHeaderDepth);

  const uint64_t data_bytes = available - header_bytes;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataKey) {
      if (!value.is_object()) {
        refuse(path, "__metadata__ is " + printable(value) + "; expected an object of texts");
      }
      for (const auto& [key, text_value] : value.items()) {
        if (!text_value.is_string()) {
          refuse(path, "__metadata__ " + printable(key) + " is " + printable(text_value) +
                           "; expected a text");
        }
        metadata_.emplace(key, text_value.get<std::string>());
      }
    } else {
      entries_.push_back(
          parse_entry(name, value, data_bytes, path + ": tensor " + printable(name)));
    }
  }
  order_entries(entries_, data_bytes, path);

  const std::byte* data = file_->data() + kLengthBytes + header_bytes;
  index_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].data = data + entries_[i].begin;
    entries_[i].file = file_;
    index_.emplace(entries_[i].name, i);
  }
}

const TensorEntry* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

const TensorEntry& SafetensorsFile::tensor(const std::string& name) const {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) {
    refuse(path(), "has no tensor " + printable(name));
  }
  if (entry->dtype == SafetensorsDType::kOther) {
    refuse(path(), "tensor " + printable(name) + ": dtype is " + printable(entry->dtype_name) +
                       "; expected one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL");
  }
  return *entry;
}

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  ReplacementFile file(path);
  write_safetensors(file, tensors, metadata);
  file.move_into_place();
}

void write_safetensors(ReplacementFile& file, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string& path = file.path();
  struct Item {
    const TensorToWrite* tensor;
    size_t bytes;
  };
  std::vector<Item> items;
  std::unordered_set<std::string> names;
  for (const TensorToWrite& tensor : tensors) {
    const std::string source = path + ": tensor " + printable(tensor.name);
    require_utf8(tensor.name, path, "tensor name");
    if (tensor.name == kMetadataKey || !names.insert(tensor.name).second) {
      refuse(source, tensor.name == kMetadataKey ? "this name is reserved" : "given twice");
    }
    if (tensor.dtype == SafetensorsDType::kOther) {
      refuse(source, "dtype is kOther; expected a type of known size");
    }
    int64_t bytes = 0;
    if (tensor.shape.size() > kMaxDimensions ||
        std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t n) { return n < 0; }) ||
        !checked_product(tensor.shape, static_cast<int64_t>(safetensors_dtype_size(tensor.dtype)),
                         &bytes)) {
      refuse(source, "shape is " + printable(Json(tensor.shape)) + "; expected at most " +
                         std::to_string(kMaxDimensions) +
                         " sizes, none negative, and less than 2^63 bytes");
    }
    const bool converts = tensor.floats != nullptr || tensor.read;
    if (converts && tensor.dtype != SafetensorsDType::kF32 &&
        tensor.dtype != SafetensorsDType::kF16 && tensor.dtype != SafetensorsDType::kBF16) {
      refuse(source, std::string("dtype is ") + safetensors_dtype_name(tensor.dtype) +
                         "; expected F32, F16 or BF16 for floats");
    }
    if (bytes > 0 && !converts && tensor.data == nullptr) {
      refuse(source, "data is null; expected " + std::to_string(bytes) + " bytes");
    }
    items.push_back({&tensor, static_cast<size_t>(bytes)});
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    const size_t a_bytes = safetensors_dtype_size(a.tensor->dtype);
    const size_t b_bytes = safetensors_dtype_size(b.tensor->dtype);
    return std::tie(b_bytes, a.tensor->name) < std::tie(a_bytes, b.tensor->name);
  });

  std::string header = "{";
  if (!metadata.empty()) {
    for (const auto& [key, value] : metadata) {
      require_utf8(key, path, "metadata key");
      require_utf8(value, path, "metadata value");
    }
    header += Json(kMetadataKey).dump() + ":" + Json(metadata).dump();
  }
  uint64_t position = 0;
  for (const Item& item : items) {
    uint64_t end = 0;
    if (__builtin_add_overflow(position, item.bytes, &end)) {
      refuse(path, "the tensors together have more than 2^64 bytes");
    }
    header += header.size() > 1 ? "," : "";
    header += Json(item.tensor->name).dump() + ":{\"dtype\":\"" +
              safetensors_dtype_name(item.tensor->dtype) +
              "\",\"shape\":" + Json(item.tensor->shape).dump() + ",\"data_offsets\":[" +
              std::to_string(position) + "," + std::to_string(end) + "]}";
    position = end;
  }
  header += "}";
  while ((kLengthBytes + header.size()) % kAlignment != 0) {
    header += ' ';
  }
  if (header.size() > kMaxHeaderBytes) {
    refuse(path, "the header has " + std::to_string(header.size()) + " bytes; expected at most " +
                     std::to_string(kMaxHeaderBytes));
  }

  const uint64_t header_bytes = header.size();
  file.write(&header_bytes, kLengthBytes);
  file.write(header.data(), header.size());
  for (const Item& item : items) {
    if (item.tensor->floats == nullptr && !item.tensor->read) {
      file.write(item.tensor->data, item.bytes);
    } else {
      write_converted(file, *item.tensor, item.bytes / safetensors_dtype_size(item.tensor->dtype));
    }
  }
}

}  // namespace w2vbert
