// A whole file as read-only memory, without LibTorch.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace w2vbert {

// The pages come from the file when they are touched and stay shared with other processes. The file
// must not be shortened or overwritten while it is mapped; replacing it by rename, as
// write_safetensors does, is harmless.
class MappedFile {
 public:
  // `path` is UTF-8. Throws std::invalid_argument if it does not name a regular file and
  // std::runtime_error if the system refuses to open or map it.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::byte* data() const { return data_; }  // nullptr if the file is empty
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // Asks the system to start reading these bytes of the mapping now.
  static void prefetch(const std::byte* begin, size_t size);

  // Gives back the memory of these bytes, which come from the file again if they are read.
  static void release(const std::byte* begin, size_t size);

 private:
  explicit MappedFile(const std::string& path) : path_(path) {}

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace w2vbert
