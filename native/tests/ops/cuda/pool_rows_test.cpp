#include "w2vbert/ops/cuda/pool_rows.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "audio/noise.h"
#include "cuda/guarded_array.h"

namespace w2vbert::cuda {
namespace {

template <typename T>
void expect_matches_reference(int64_t size, bool counted, bool deviations, double roundoff) {
  const std::vector<int64_t> offsets{0, 1, 3, 12, 52, 117};
  const std::vector<int64_t> counts{1, 9, 5, 33, 64};  // the second is more than there are
  const size_t utterances = counts.size();
  std::vector<float> values = testing::noise(offsets.back() * size, 1.0f);
  for (float& value : values) value += 3.0f;
  GuardedArray<T> x(rounded<T>(values));
  GuardedArray<int64_t> bounds(offsets);
  GuardedArray<int64_t> most(counts);
  const int64_t width = deviations ? 2 * size : size;
  GuardedArray<T> out(utterances * static_cast<size_t>(width));
  pool_rows(PoolRowsParams<T>{x.data(), offsets.back(), size, bounds.data(),
                              counted ? most.data() : nullptr, static_cast<int64_t>(utterances),
                              deviations, out.data()},
            Stream());
  const std::vector<float> from = widened(x.values());
  const std::vector<float> actual = widened(out.values());
  for (size_t u = 0; u < utterances; ++u) {
    const int64_t length = offsets[u + 1] - offsets[u];
    const int64_t rows = counted ? std::min(counts[u], length) : length;
    for (int64_t c = 0; c < size; ++c) {
      const auto value = [&](int64_t row) {
        return double{from[static_cast<size_t>((offsets[u] + row) * size + c)]};
      };
      double mean = 0;
      for (int64_t row = 0; row < rows; ++row) mean += value(row) / static_cast<double>(rows);
      double variance = 0;
      for (int64_t row = 0; row < rows; ++row) {
        variance += (value(row) - mean) * (value(row) - mean) / static_cast<double>(rows - 1);
      }
      const size_t place = u * static_cast<size_t>(width) + static_cast<size_t>(c);
      // Of up to 64 values of up to 8, in float32.
      ASSERT_NEAR(mean, actual[place], 2e-6 + roundoff * std::abs(mean)) << u << " " << c;
      if (!deviations) continue;
      const float deviation = actual[place + static_cast<size_t>(size)];
      if (rows == 1) {
        ASSERT_TRUE(std::isnan(deviation)) << u << " " << c;
      } else {
        ASSERT_NEAR(std::sqrt(variance), deviation, 2e-6 + roundoff * std::sqrt(variance))
            << u << " " << c;
      }
    }
  }
}

TEST(CudaPoolRowsTest, MatchesReference) {
  for (const int64_t size : {1, 31, 32, 33, 100}) {
    for (const bool counted : {false, true}) {
      for (const bool deviations : {false, true}) {
        SCOPED_TRACE(std::to_string(size) + " columns");
        expect_matches_reference<float>(size, counted, deviations, 0.0);
        expect_matches_reference<Float16>(size, counted, deviations, 0x1p-11);
        expect_matches_reference<BFloat16>(size, counted, deviations, 0x1p-8);
      }
    }
  }
}

}  // namespace
}  // namespace w2vbert::cuda
