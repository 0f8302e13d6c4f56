#include "w2vbert/torch/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace w2vbert {
namespace {

TEST(ParallelTest, VisitsEveryItemOnce) {
  for (const int64_t count : {0, 1, 7, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
    });
    for (const auto& visit : visits) EXPECT_EQ(visit, 1);
  }
}

TEST(ParallelTest, CarriesAnExceptionToTheCaller) {
  EXPECT_THROW(parallel_for(100, 1, [](int64_t, int64_t) { throw std::domain_error("part"); }),
               std::domain_error);
}

TEST(ParallelTest, ThreadCountCanBeSet) {
  const int before = thread_count();
  set_thread_count(1);
  EXPECT_EQ(thread_count(), 1);
  set_thread_count(before);
  EXPECT_EQ(thread_count(), before);
  EXPECT_THROW(set_thread_count(0), std::invalid_argument);
}

TEST(ParallelTest, ThreadCountHoldsInAFreshThread) {
  int parts = 0;
  std::thread([&] {
    set_thread_count(1);
    std::mutex mutex;
    parallel_for(1000, 1, [&](int64_t, int64_t) {
      const std::lock_guard<std::mutex> lock(mutex);
      ++parts;
    });
  }).join();
  EXPECT_EQ(parts, 1);
}

}  // namespace
}  // namespace w2vbert
