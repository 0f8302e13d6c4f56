#include "w2vbert/io/replacement_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "w2vbert/io/json.h"

namespace w2vbert {

ReplacementFile::ReplacementFile(const std::string& path) : path_(path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    throw std::invalid_argument(printable(path) + ": expected a file name");
  }
  static std::atomic<unsigned> counter{0};
  temporary_ =
      path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail("cannot be created", errno);
  }
}

ReplacementFile::~ReplacementFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (!moved_) {
    ::unlink(temporary_.c_str());
  }
}

void ReplacementFile::write(const void* data, size_t count) {
  constexpr size_t kLargestWrite = size_t{1} << 30;  // Linux writes less than 2^31 at once
  const char* bytes = static_cast<const char*>(data);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, bytes, std::min(count, kLargestWrite));
    if (written > 0) {
      bytes += written;
      count -= static_cast<size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      fail("cannot be written", written == 0 ? EIO : errno);
    }
  }
}

void ReplacementFile::finish() {
  if (descriptor_ < 0) return;
  if (::fsync(descriptor_) != 0) {
    fail("cannot be flushed to the disk", errno);
  }
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    fail("cannot be closed", errno);
  }
}

void ReplacementFile::move_into_place() {
  finish();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail("cannot be renamed into place", errno);
  }
  moved_ = true;
  sync_folder();
}

void ReplacementFile::fail(const char* what, int error) const {
  throw std::runtime_error(path_ + ": " + what + ": " + std::generic_category().message(error));
}

// Makes the new name last. The data is safe by now, and some file systems cannot do it.
void ReplacementFile::sync_folder() const {
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace w2vbert
