#include "w2vbert/torch/parallel.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {
namespace {

// The number of threads that take part in a loop whose parts wait until `expected` threads have
// come and a little longer, for one too many.
size_t threads_of_loop(int64_t count, size_t expected, int64_t grain = 1) {
  std::mutex mutex;
  std::condition_variable came;
  std::set<std::thread::id> threads;
  parallel_for(count, grain, [&](int64_t, int64_t) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      threads.insert(std::this_thread::get_id());
      came.notify_all();
      came.wait_for(lock, std::chrono::seconds(10), [&] { return threads.size() >= expected; });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  return threads.size();
}

class ParallelTest : public testing::TestWithParam<int> {
 protected:
  ParallelTest() : before_(thread_count()) { set_thread_count(GetParam()); }
  ~ParallelTest() override { set_thread_count(before_); }

  static size_t threads() { return static_cast<size_t>(GetParam()); }

 private:
  const int before_;
};

INSTANTIATE_TEST_SUITE_P(Threads, ParallelTest, testing::Values(1, 2, 4));

TEST_P(ParallelTest, VisitsEveryItemOnce) {
  for (const int64_t grain : {1, 2, 7, 64}) {
    for (const int64_t count : {int64_t{0}, int64_t{1}, grain - 1, grain, grain + 1, 2 * grain - 1,
                                2 * grain, 2 * grain + 1, int64_t{1000}}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
      parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        EXPECT_TRUE(end - begin >= grain || end == count) << begin << " to " << end;
        for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      });
      for (const auto& visit : visits) EXPECT_EQ(visit, 1) << count << " items, grain " << grain;
    }
  }
}

TEST_P(ParallelTest, UsesAsManyThreadsAsItMay) {
  EXPECT_EQ(threads_of_loop(64, threads()), threads());
  EXPECT_EQ(threads_of_loop(64, 1, 33), 1u);
}

TEST_P(ParallelTest, CarriesAnExceptionToTheCallerAndLeavesOutWhatHasNotBegun) {
  std::atomic<int> parts{0};
  EXPECT_THROW(parallel_for(100000, 1,
                            [&](int64_t, int64_t) {
                              ++parts;
                              throw std::domain_error("part");
                            }),
               std::domain_error);
  EXPECT_LE(parts, GetParam());
  EXPECT_EQ(threads_of_loop(64, threads()), threads());
}

TEST_P(ParallelTest, NestedLoopsRunOnTheThreadOfTheirPart) {
  std::atomic<int64_t> items{0};
  parallel_for(16, 1, [&](int64_t begin, int64_t end) {
    const std::thread::id outer = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i) {
      parallel_for(100, 1, [&](int64_t b, int64_t e) {
        EXPECT_TRUE(GetParam() == 1 || std::this_thread::get_id() == outer);
        items += e - b;
      });
    }
  });
  EXPECT_EQ(items, 1600);
}

TEST_P(ParallelTest, ManyTinyLoopsLoseNothing) {
  std::vector<int64_t> sums(8);
  for (int round = 0; round < 100000; ++round) {
    parallel_for(8, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sums[static_cast<size_t>(i)] += i;
    });
  }
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(sums[i], static_cast<int64_t>(i) * 100000);
}

TEST_P(ParallelTest, SeveralCallersShareThePool) {
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(4);
  for (size_t c = 0; c < sums.size(); ++c) {
    callers.emplace_back([&sums, c] {
      set_thread_count(GetParam());
      for (int round = 0; round < 2000; ++round) {
        std::atomic<int64_t> sum{0};
        parallel_for(100, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) sum += i;
        });
        sums[c] += sum;
        if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const int64_t sum : sums) EXPECT_EQ(sum, 2000 * 4950);
}

TEST(PoolTest, CallsShareItsThreads) {
  set_pool_size(2);
  std::thread([] {
    const ComputeScope call(2);
    EXPECT_EQ(threads_of_loop(8, 2), 2u);
    std::thread([] {
      const ComputeScope other(2);
      EXPECT_EQ(threads_of_loop(8, 1), 1u);
    }).join();
    EXPECT_EQ(threads_of_loop(8, 2), 2u);
  }).join();
}

TEST(PoolTest, LoopsOnOtherThreadsFollowLibTorchsSetting) {
  std::thread([] {
    set_libtorch_thread_count(1);
    EXPECT_EQ(thread_count(), 1);
    EXPECT_EQ(threads_of_loop(8, 1), 1u);
    set_libtorch_thread_count(2);
    EXPECT_EQ(thread_count(), 2);
  }).join();
}

TEST(PoolTest, AScopeLeavesAllSettingsAsTheyWere) {
  const int libtorch = libtorch_thread_count();
  const int threads = thread_count();
  for (const bool gradients : {false, true}) {
    const GradMode mode(gradients);
    {
      const ComputeScope call(3);
      EXPECT_EQ(thread_count(), 3);
      EXPECT_EQ(libtorch_thread_count(), gradients ? 3 : 1);
      {
        const ComputeScope inner(2);
        EXPECT_EQ(thread_count(), 2);
      }
      EXPECT_EQ(thread_count(), 3);
    }
    EXPECT_EQ(libtorch_thread_count(), libtorch);
    EXPECT_EQ(thread_count(), threads);
  }
}

TEST(PoolTest, RefusesImpossibleNumbers) {
  for (const int threads : {-1, 0, kMostThreads + 1}) {
    EXPECT_THROW(set_thread_count(threads), std::invalid_argument);
    EXPECT_THROW(set_pool_size(threads), std::invalid_argument);
  }
  try {
    set_thread_count(0);
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "threads is 0; expected 1 to 1024");
  }
}

TEST(PoolDeathTest, AScopeRestoresASettingOfAnySize) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";  // LibTorch reads its setting once
  const auto compute_where_many_threads_are_asked_for = [] {
    setenv("OMP_NUM_THREADS", "2000", 1);  // some builds of LibTorch stop at the processors
    std::thread([] {
      const int before = libtorch_thread_count();
      { const ComputeScope call(2); }
      std::_Exit(libtorch_thread_count() == before ? 0 : 1);
    }).join();
  };
  EXPECT_EXIT(compute_where_many_threads_are_asked_for(), testing::ExitedWithCode(0), "");
}

// On a machine with one processor this cannot fail.
TEST(PoolDeathTest, ThreadsAreNotBoundLikeTheirFirstCaller) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";  // a process without a pool
  const auto start_from_a_bound_thread = [] {
    std::thread([] {
      cpu_set_t all, one;
      sched_getaffinity(0, sizeof(all), &all);
      CPU_ZERO(&one);
      for (int i = 0; CPU_COUNT(&one) == 0; ++i) {
        if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
      }
      sched_setaffinity(0, sizeof(one), &one);
      set_thread_count(2);
      const std::thread::id caller = std::this_thread::get_id();
      std::atomic<bool> came{false}, bound{false};
      parallel_for(2, 1, [&](int64_t, int64_t) {
        if (std::this_thread::get_id() == caller) {
          while (!came) std::this_thread::yield();
        } else {
          cpu_set_t own;
          sched_getaffinity(0, sizeof(own), &own);
          bound = !CPU_EQUAL(&own, &all);
          came = true;
        }
      });
      std::_Exit(bound ? 1 : 0);
    }).join();
  };
  EXPECT_EXIT(start_from_a_bound_thread(), testing::ExitedWithCode(0), "");
}

TEST(PoolDeathTest, FewerThreadsThanWantedDoTheWork) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";  // a process without a pool
  const auto work_without_memory_for_stacks = [] {
    const rlimit none = {1, 1};
    setrlimit(RLIMIT_AS, &none);
    set_thread_count(4);
    std::atomic<int64_t> sum{0};
    parallel_for(100, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum += i;
    });
    std::_Exit(sum == 4950 ? 0 : 1);
  };
  EXPECT_EXIT(work_without_memory_for_stacks(), testing::ExitedWithCode(0), "");
}

TEST(PoolDeathTest, AProcessEndsWhileItsThreadsSpinOrWork) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto end_in_the_middle = [] {
    std::thread([] {
      set_thread_count(4);
      while (true) parallel_for(1000, 1, [](int64_t, int64_t) {});
    }).detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::exit(0);
  };
  EXPECT_EXIT(end_in_the_middle(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace w2vbert
