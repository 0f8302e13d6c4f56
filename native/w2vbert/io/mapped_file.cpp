#include "w2vbert/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>

namespace w2vbert {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* what, int error) {
  const std::string message = path + ": " + what + ": " + std::generic_category().message(error);
  if (error == ENOENT || error == ENOTDIR) {
    throw std::invalid_argument(message);
  }
  throw std::runtime_error(message);
}

class Descriptor {
 public:
  // O_NONBLOCK: opening a pipe must not wait for a writer before it can be refused.
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) {
      refuse(path, "cannot be opened", errno);
    }
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }

 private:
  int number_;
};

// For all pages that hold some of the bytes. A hint: may fail.
void advise(const std::byte* begin, size_t size, int advice) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = address / page * page;
  ::madvise(reinterpret_cast<void*>(first), address - first + size, advice);
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    throw std::invalid_argument(path.substr(0, path.find('\0')) +
                                "...: the path holds a null character; expected a file name");
  }
  const Descriptor file(path);
  struct stat status;
  if (::fstat(file.number(), &status) != 0) {
    refuse(path, "cannot be examined", errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw std::invalid_argument(path + ": is " +
                                (S_ISDIR(status.st_mode) ? "a directory" : "not a regular file") +
                                "; expected a file");
  }
  std::shared_ptr<MappedFile> mapped(new MappedFile(path));
  if (status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
    if (data == MAP_FAILED) {
      refuse(path, "cannot be mapped into memory", errno);
    }
    mapped->data_ = static_cast<const std::byte*>(data);
    mapped->size_ = size;
  }
  return mapped;
}

MappedFile::~MappedFile() {
  if (size_ > 0) {
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
}

void MappedFile::prefetch(const std::byte* begin, size_t size) {
  advise(begin, size, MADV_WILLNEED);
}

void MappedFile::release(const std::byte* begin, size_t size) {
  advise(begin, size, MADV_DONTNEED);
}

}  // namespace w2vbert
