// Writing a file so that it appears complete or not at all.
#pragma once

#include <cstddef>
#include <string>

namespace w2vbert {

// A new file beside `path` that is removed again unless it is moved to `path`. All functions throw
// std::runtime_error if the system refuses.
class ReplacementFile {
 public:
  // `path` is UTF-8. Throws std::invalid_argument if it cannot be a file's name.
  explicit ReplacementFile(const std::string& path);
  ~ReplacementFile();
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;

  const std::string& path() const { return path_; }

  void write(const void* data, size_t count);
  // Makes sure that what was written is on the disk; nothing can be written after it.
  void finish();
  // Finishes unless that is done, and takes the place of what was at `path`.
  void move_into_place();

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  void sync_folder() const;

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool moved_ = false;
};

}  // namespace w2vbert
