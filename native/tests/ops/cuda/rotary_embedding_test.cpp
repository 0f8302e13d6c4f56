#include "w2vbert/ops/cuda/rotary_embedding.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "audio/noise.h"
#include "cuda/guarded_array.h"

namespace w2vbert::cuda {
namespace {

// Rows are wider than the heads, as columns of a wider tensor are.
struct Problem {
  std::vector<int64_t> offsets;
  int64_t heads;
  int64_t head_dim;
  double base;
  std::vector<float> x;

  Problem(const std::vector<int64_t>& bounds, int64_t heads_, int64_t head_dim_, double base_)
      : offsets(bounds),
        heads(heads_),
        head_dim(head_dim_),
        base(base_),
        x(testing::noise(bounds.back() * stride(), 1.0f)) {}

  int64_t stride() const { return heads * head_dim + 3; }

  // Frequencies and angles are rounded to float32, as in the reference.
  std::vector<double> expected(const std::vector<float>& rounded_x) const {
    std::vector<double> out(static_cast<size_t>(offsets.back() * heads * head_dim));
    const int64_t half = head_dim / 2;
    for (size_t u = 0; u + 1 < offsets.size(); ++u) {
      for (int64_t row = offsets[u]; row < offsets[u + 1]; ++row) {
        for (int64_t n = 0; n < heads * half; ++n) {
          const int64_t i = n % half;
          const int64_t column = n / half * head_dim + i;
          const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
          const float frequency = 1.0f / static_cast<float>(std::pow(base, double{exponent}));
          const double angle = double{static_cast<float>(row - offsets[u]) * frequency};
          const double low = double{rounded_x[static_cast<size_t>(row * stride() + column)]};
          const double high =
              double{rounded_x[static_cast<size_t>(row * stride() + column + half)]};
          double* to = out.data() + row * heads * head_dim + column;
          to[0] = low * std::cos(angle) - high * std::sin(angle);
          to[half] = high * std::cos(angle) + low * std::sin(angle);
        }
      }
    }
    return out;
  }
};

template <typename T>
void expect_matches_reference(const Problem& problem, double roundoff) {
  GuardedArray<T> x(rounded<T>(problem.x));
  GuardedArray<int64_t> offsets(problem.offsets);
  GuardedArray<T> out(
      static_cast<size_t>(problem.offsets.back() * problem.heads * problem.head_dim));
  rotary_embedding(RotaryEmbeddingParams<T>{x.data(), problem.stride(), out.data(), offsets.data(),
                                            static_cast<int64_t>(problem.offsets.size()) - 1,
                                            problem.offsets.back(), problem.heads, problem.head_dim,
                                            problem.base},
                   Stream());
  const auto expected = problem.expected(widened(x.values()));
  const auto actual = widened(out.values());
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    // Of inputs of up to 5; sine, cosine, products and sum are in float32.
    ASSERT_NEAR(actual[i], expected[i], roundoff * std::abs(expected[i]) + 2e-6) << "element " << i;
  }
}

TEST(CudaRotaryEmbeddingTest, MatchesReference) {
  for (const int64_t head_dim : {2, 12, 64, 1028}) {
    for (const double base : {10000.0, 500.0}) {
      SCOPED_TRACE("heads of " + std::to_string(head_dim));
      const Problem problem({0, 0, 5, 6, 6, 40}, 2, head_dim, base);
      expect_matches_reference<float>(problem, 0.0);
      expect_matches_reference<Float16>(problem, 0x1p-11);
      expect_matches_reference<BFloat16>(problem, 0x1p-8);
    }
  }
}

TEST(CudaRotaryEmbeddingTest, NoRowsAreNoWork) {
  expect_matches_reference<float>(Problem({0, 0}, 2, 8, 10000.0), 0.0);
}

}  // namespace
}  // namespace w2vbert::cuda
