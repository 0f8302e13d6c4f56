#include "w2vbert/ops/scratch.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace w2vbert::ops {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kMostKept = int64_t{48} << 20;  // bytes, for all threads together

struct Block {
  float* data;
  int64_t bytes;
};

struct Kept {
  std::mutex mutex;
  std::vector<Block> blocks;  // in the order in which they were given back
  int64_t bytes = 0;
};

// Never destroyed: a thread may still compute while the process ends.
Kept& kept() {
  static Kept* const instance = new Kept;
  return *instance;
}

Block take(int64_t bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kLine;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  Kept& all = kept();
  {
    const std::lock_guard<std::mutex> lock(all.mutex);
    size_t best = all.blocks.size();
    for (size_t i = 0; i < all.blocks.size(); ++i) {
      const int64_t size = all.blocks[i].bytes;
      if (size >= bytes && (best == all.blocks.size() || size < all.blocks[best].bytes)) best = i;
    }
    // A small need does not take a large block from those who need it.
    if (best < all.blocks.size() && all.blocks[best].bytes <= 2 * bytes) {
      const Block block = all.blocks[best];
      all.blocks.erase(all.blocks.begin() + static_cast<std::ptrdiff_t>(best));
      all.bytes -= block.bytes;
      return block;
    }
  }
  void* data = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(bytes));
  if (data == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return {static_cast<float*>(data), bytes};
}

}  // namespace

Scratch::Scratch(int64_t floats) {
  const Block block = take((floats < 1 ? 1 : floats) * static_cast<int64_t>(sizeof(float)));
  data_ = block.data;
  bytes_ = block.bytes;
}

Scratch::~Scratch() {
  Kept& all = kept();
  if (bytes_ <= kMostKept) {
    const std::lock_guard<std::mutex> lock(all.mutex);
    // Sizes that are no longer asked for make room for those that are.
    auto first = all.blocks.begin();
    for (; all.bytes + bytes_ > kMostKept; ++first) {
      std::free(first->data);
      all.bytes -= first->bytes;
    }
    all.blocks.erase(all.blocks.begin(), first);
    try {
      all.blocks.push_back({data_, bytes_});
      all.bytes += bytes_;
      return;
    } catch (const std::bad_alloc&) {
      // it is freed instead
    }
  }
  std::free(data_);
}

}  // namespace w2vbert::ops
