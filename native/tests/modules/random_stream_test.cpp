#include "w2vbert/modules/random_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

std::vector<float> values(const Tensor& x) {
  return std::vector<float>(x.data<float>(), x.data<float>() + x.numel());
}

TEST(RandomStreamTest, APositionAlwaysHasTheSameNumber) {
  RandomStream stream(7);
  std::vector<double> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(stream.uniform());
  EXPECT_EQ(stream.position(), 100u);
  RandomStream again(7);
  again.set_position(40);
  EXPECT_EQ(again.uniform(), numbers[40]);
  EXPECT_EQ(std::set<double>(numbers.begin(), numbers.end()).size(), numbers.size());
}

TEST(RandomStreamTest, FactorsDoNotDependOnThreads) {
  const int before = thread_count();
  std::vector<std::vector<float>> draws;
  for (const int threads : {1, 3}) {
    set_pool_size(threads);
    set_thread_count(threads);
    RandomStream stream(3);
    stream.uniform();
    draws.push_back(values(stream.dropout_factors({300, 1000}, 0.1)));
    EXPECT_EQ(stream.position(), 300001u);
  }
  set_thread_count(before);
  EXPECT_EQ(draws[0], draws[1]);
}

TEST(RandomStreamTest, FactorsKeepTheMean) {
  RandomStream stream(5);
  for (const double probability : {0.05, 0.5, 0.9}) {
    const std::vector<float> factors = values(stream.dropout_factors({200000}, probability));
    const float kept = static_cast<float>(1 / (1 - probability));
    double dropped = 0;
    for (const float factor : factors) {
      ASSERT_TRUE(factor == 0.0f || factor == kept);
      dropped += factor == 0.0f;
    }
    EXPECT_NEAR(dropped / 200000, probability, 0.005);
  }
  for (const float factor : values(stream.dropout_factors({1000}, 1.0))) EXPECT_EQ(factor, 0.0f);
}

TEST(RandomStreamTest, NeighbouringSeedsAreNotShiftedCopies) {
  std::set<double> numbers;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream stream(seed);
    for (int i = 0; i < 500; ++i) numbers.insert(stream.uniform());
  }
  EXPECT_EQ(numbers.size(), 10000u);
}

TEST(RandomStreamTest, BelowReachesEveryNumberAlike) {
  RandomStream stream(11);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(static_cast<size_t>(stream.below(7)));
  EXPECT_NEAR(*std::min_element(counts.begin(), counts.end()), 10000, 500);
  EXPECT_NEAR(*std::max_element(counts.begin(), counts.end()), 10000, 500);
  EXPECT_EQ(stream.below(1), 0);
}

}  // namespace
}  // namespace w2vbert
