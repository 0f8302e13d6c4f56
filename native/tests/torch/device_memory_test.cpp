#include "w2vbert/torch/device_memory.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace w2vbert {
namespace {

TEST(MemoryBudgetTest, RefusesWhatExceedsItAndKeepsTheRest) {
  MemoryBudget budget(1000);
  budget.take(700);
  try {
    budget.take(301);
    FAIL() << "no exception";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(
        "the model's limit of 1000 bytes of the device's memory is reached: 700 are in use, and "
        "301 more are needed",
        e.what());
  }
  EXPECT_EQ(700, budget.used());
  budget.take(300);
  budget.give_back(1000);
  EXPECT_EQ(0, budget.used());
}

TEST(MemoryBudgetTest, CountsWithoutALimit) {
  MemoryBudget budget(0);
  budget.take(int64_t{1} << 60);
  EXPECT_EQ(int64_t{1} << 60, budget.used());
}

TEST(ArenaPlanTest, PlacesWhatIsThereAtTheSameTimeSideBySide) {
  ArenaPlan plan;
  const std::vector<int64_t> sizes{1, 512, 513, 4096};
  std::vector<std::pair<int64_t, int64_t>> blocks;
  for (const int64_t size : sizes) blocks.emplace_back(plan.place(size), size);
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(0, blocks[i].first % ArenaPlan::kAlignment);
    EXPECT_LE(blocks[i].first + blocks[i].second, plan.size());
    for (size_t k = 0; k < i; ++k) {
      EXPECT_TRUE(blocks[k].first + blocks[k].second <= blocks[i].first ||
                  blocks[i].first + blocks[i].second <= blocks[k].first)
          << i << " and " << k;
    }
  }
}

TEST(ArenaPlanTest, UsesThePlaceOfWhatIsFreed) {
  ArenaPlan plan;
  const int64_t first = plan.place(1000);
  plan.place(1000);
  const int64_t size = plan.size();
  plan.free(first);
  EXPECT_EQ(first, plan.place(1024));  // what alignment left is part of the gap
  plan.free(first);
  EXPECT_NE(first, plan.place(1025));
  EXPECT_GT(plan.size(), size);
  EXPECT_EQ(first, plan.place(10));
}

}  // namespace
}  // namespace w2vbert
