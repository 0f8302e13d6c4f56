#include "w2vbert/ops/cuda/ctc_greedy.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "cuda/guarded_array.h"

namespace w2vbert::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, 4.0f);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

struct Best {
  std::vector<int32_t> tokens;
  std::vector<float> log_probabilities;
};

template <typename T>
void expect_matches_reference(int64_t rows, int64_t tokens) {
  const auto width = static_cast<size_t>(tokens);
  GuardedArray<T> logits(
      rounded<T>(random_values(static_cast<size_t>(rows) * width, static_cast<uint32_t>(tokens))));
  GuardedArray<float> log_probabilities(static_cast<size_t>(rows) * width);
  GuardedArray<int32_t> best(static_cast<size_t>(rows));
  GuardedArray<float> best_log_probability(static_cast<size_t>(rows));
  log_softmax(LogSoftmaxParams<T>{logits.data(), rows, tokens, log_probabilities.data(),
                                  best.data(), best_log_probability.data()},
              nullptr);
  const std::vector<float> x = widened(logits.values());
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    const float* begin = x.data() + row * width;
    size_t largest = 0;
    for (size_t i = 1; i < width; ++i) {
      if (begin[i] > begin[largest]) largest = i;
    }
    double sum = 0;
    for (size_t i = 0; i < width; ++i) sum += std::exp(double{begin[i]} - double{begin[largest]});
    for (size_t i = 0; i < width; ++i) {
      const double expected = double{begin[i]} - double{begin[largest]} - std::log(sum);
      ASSERT_NEAR(log_probabilities.values()[row * width + i], expected,
                  1e-6 * (1 + std::abs(expected)))
          << "row " << row << ", token " << i;
    }
    ASSERT_EQ(best.values()[row], static_cast<int32_t>(largest)) << "row " << row;
    ASSERT_EQ(best_log_probability.values()[row],
              log_probabilities.values()[row * width + largest]);
  }
}

TEST(CudaLogSoftmaxTest, MatchesReference) {
  for (const int64_t tokens : {1, 2, 31, 32, 33, 64, 65, 1000}) {
    for (const int64_t rows : {0, 1, 3, 4, 5}) {
      expect_matches_reference<float>(rows, tokens);
      expect_matches_reference<Float16>(rows, tokens);
      expect_matches_reference<BFloat16>(rows, tokens);
    }
  }
}

Best best_of(const std::vector<float>& logits, int64_t tokens) {
  const size_t rows = logits.size() / static_cast<size_t>(tokens);
  GuardedArray<float> array(logits);
  GuardedArray<int32_t> best(rows);
  GuardedArray<float> log_probability(rows);
  log_softmax(LogSoftmaxParams<float>{array.data(), static_cast<int64_t>(rows), tokens, nullptr,
                                      best.data(), log_probability.data()},
              nullptr);
  return {best.values(), log_probability.values()};
}

TEST(CudaLogSoftmaxTest, TheFirstOfEqualTokensIsBest) {
  std::vector<float> logits(3 * 100, -1.0f);
  logits[70] = logits[38] = logits[6] = 2.0f;  // in one lane
  logits[100 + 40] = logits[100 + 39] = 2.0f;  // in two lanes
  EXPECT_EQ(best_of(logits, 100).tokens, (std::vector<int32_t>{6, 39, 0}));
}

TEST(CudaLogSoftmaxTest, ImpossibleTokensAndNan) {
  std::vector<float> logits(3 * 40, -kInfinity);
  logits[35] = 1.0f;       // the only possible one: certain
  logits[40 + 37] = kNan;  // spreads
  logits[40 + 39] = 100.0f;
  const Best best = best_of(logits, 40);
  EXPECT_EQ(best.tokens, (std::vector<int32_t>{35, 37, 0}));
  EXPECT_EQ(best.log_probabilities[0], 0.0f);
  EXPECT_TRUE(std::isnan(best.log_probabilities[1]));
  EXPECT_TRUE(std::isnan(best.log_probabilities[2]));
}

struct Path {
  std::vector<int32_t> tokens;
  std::vector<int32_t> starts;
  std::vector<int32_t> ends;
  double score = 0;
};

std::vector<Path> collapse(const std::vector<int32_t>& best, const std::vector<float>& scores,
                           const std::vector<int64_t>& offsets, int32_t blank) {
  GuardedArray<int32_t> best_array(best);
  GuardedArray<float> scores_array(scores);
  GuardedArray<int64_t> offsets_array(offsets);
  GuardedArray<int32_t> tokens(best.size());
  GuardedArray<int32_t> starts(best.size());
  GuardedArray<int32_t> ends(best.size());
  const size_t utterances = offsets.size() - 1;
  GuardedArray<int32_t> counts(utterances);
  GuardedArray<double> sums(utterances);
  ctc_collapse({best_array.data(), scores_array.data(), offsets_array.data(),
                static_cast<int64_t>(utterances), static_cast<int64_t>(best.size()), blank,
                tokens.data(), starts.data(), ends.data(), counts.data(), sums.data()},
               nullptr);
  std::vector<Path> paths;
  for (size_t u = 0; u < utterances; ++u) {
    const auto part = [&](GuardedArray<int32_t>& of) {
      const int32_t* begin = of.data() + offsets[u];
      return std::vector<int32_t>(begin, begin + counts.values()[u]);
    };
    paths.push_back({part(tokens), part(starts), part(ends), sums.values()[u]});
  }
  return paths;
}

Path reference_path(const std::vector<int32_t>& best, const std::vector<float>& scores,
                    int32_t blank) {
  Path path;
  for (size_t t = 0; t < best.size(); ++t) {
    path.score += double{scores[t]};
    if (best[t] == blank) continue;
    const auto now = static_cast<int32_t>(t);
    if (t == 0 || best[t] != best[t - 1]) {
      path.tokens.push_back(best[t]);
      path.starts.push_back(now);
      path.ends.push_back(now + 1);
    }
    path.ends.back() = now + 1;
  }
  return path;
}

TEST(CudaCtcCollapseTest, MatchesReferenceAroundTheTurnsOfABlock) {
  std::mt19937 generator(1);
  for (const int32_t blank : {0, 2, 7}) {
    std::vector<int64_t> offsets = {0, 0};
    for (const int64_t time : {1, 2, 0, 31, 32, 33, 255, 256, 257, 512, 600, 0}) {
      offsets.push_back(offsets.back() + time);
    }
    std::vector<int32_t> best;
    std::vector<float> scores;
    // Runs of one to four frames, sometimes of the same token as before.
    while (best.size() < static_cast<size_t>(offsets.back())) {
      const auto token = static_cast<int32_t>(generator() % 4);
      for (uint32_t run = 0; run <= generator() % 4; ++run) {
        best.push_back(token);
        scores.push_back(-static_cast<float>(generator() % 1000) / 1024.0f);
      }
    }
    best.resize(static_cast<size_t>(offsets.back()));
    scores.resize(best.size());
    const std::vector<Path> paths = collapse(best, scores, offsets, blank);
    for (size_t u = 0; u + 1 < offsets.size(); ++u) {
      const Path expected = reference_path(
          std::vector<int32_t>(best.begin() + offsets[u], best.begin() + offsets[u + 1]),
          std::vector<float>(scores.begin() + offsets[u], scores.begin() + offsets[u + 1]), blank);
      EXPECT_EQ(paths[u].tokens, expected.tokens) << "utterance " << u;
      EXPECT_EQ(paths[u].starts, expected.starts) << "utterance " << u;
      EXPECT_EQ(paths[u].ends, expected.ends) << "utterance " << u;
      EXPECT_EQ(paths[u].score, expected.score) << "utterance " << u;  // exact: few bits each
    }
  }
}

TEST(CudaCtcCollapseTest, OffsetsThatAreNoneStayInsideOfTheFrames) {
  // On the device nobody can check them; the result is of no use, but nothing else is touched.
  GuardedArray<int32_t> best(std::vector<int32_t>(300, 1));
  GuardedArray<float> scores(std::vector<float>(300, -1.0f));
  GuardedArray<int64_t> offsets(std::vector<int64_t>{-70, 100, 90, 1000});
  GuardedArray<int32_t> tokens(300);
  GuardedArray<int32_t> starts(300);
  GuardedArray<int32_t> ends(300);
  GuardedArray<int32_t> counts(3);
  GuardedArray<double> sums(3);
  ctc_collapse({best.data(), scores.data(), offsets.data(), 3, 300, 0, tokens.data(), starts.data(),
                ends.data(), counts.data(), sums.data()},
               nullptr);
  EXPECT_EQ(counts.values(), (std::vector<int32_t>{1, 0, 1}));
}

TEST(CudaCtcCollapseTest, RunsThatCrossTheTurnsOfABlockAreOneToken) {
  std::vector<int32_t> best(1000, 3);
  const std::vector<Path> paths = collapse(best, std::vector<float>(1000, -0.5f), {0, 1000}, 0);
  EXPECT_EQ(paths[0].tokens, (std::vector<int32_t>{3}));
  EXPECT_EQ(paths[0].starts, (std::vector<int32_t>{0}));
  EXPECT_EQ(paths[0].ends, (std::vector<int32_t>{1000}));
  EXPECT_EQ(paths[0].score, -500.0);
  EXPECT_TRUE(collapse(best, std::vector<float>(1000), {0, 1000}, 3)[0].tokens.empty());
}

}  // namespace
}  // namespace w2vbert::cuda
