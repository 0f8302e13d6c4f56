#include "w2vbert/ops/scratch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace w2vbert::ops {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 18;  // floats

// True if a block that is given back is the next one of its size. New memory of more than 32 MiB
// comes from the system, which gives zeros.
bool is_kept(int64_t floats) {
  {
    const Scratch first(floats);
    first.data()[floats - 1] = 42.0f;
  }
  const Scratch second(floats);
  return second.data()[floats - 1] == 42.0f;
}

TEST(ScratchTest, KeepsWhatIsInUseInsteadOfSizesThatNoLongerAre) {
  for (const int64_t size : {4, 9, 19}) const Scratch other(size * kMebibyte);
  EXPECT_TRUE(is_kept(40 * kMebibyte));
}

TEST(ScratchTest, KeepsNoMoreThanItsBound) { EXPECT_FALSE(is_kept(100 * kMebibyte)); }

TEST(ScratchTest, BlocksInUseAreAlignedAndDoNotOverlap) {
  std::atomic<int> wrong{0};
  const auto use = [&](int seed) {
    for (int i = 0; i < 300; ++i) {
      const int64_t floats = (seed * 7919 + i * 104729) % 5000;
      const Scratch a(floats);
      const Scratch b(2 * floats);
      std::fill_n(a.data(), floats, static_cast<float>(seed));
      std::fill_n(b.data(), 2 * floats, static_cast<float>(-seed));
      wrong += reinterpret_cast<uintptr_t>(a.data()) % 64 != 0;
      wrong += std::count(a.data(), a.data() + floats, static_cast<float>(seed)) != floats;
      wrong += std::count(b.data(), b.data() + 2 * floats, static_cast<float>(-seed)) != 2 * floats;
    }
  };
  std::vector<std::thread> threads;
  for (int seed = 1; seed <= 4; ++seed) threads.emplace_back(use, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace w2vbert::ops
