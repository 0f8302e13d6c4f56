#include "w2vbert/ops/cuda/conv_windows.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "audio/noise.h"
#include "cuda/guarded_array.h"
#include "w2vbert/models/config.h"

namespace w2vbert::cuda {
namespace {

// No rows, one, and some; more utterances than a warp has lanes.
std::vector<int64_t> ragged_offsets() {
  std::vector<int64_t> offsets{0};
  for (int64_t u = 0; u < 70; ++u) offsets.push_back(offsets.back() + (u * 7 + u % 3) % 12);
  return offsets;
}

std::vector<ConvShape> shapes() {
  return {{3, 2, 1, 1}, {1, 1, 1, 0}, {5, 3, 1, 1}, {2, 4, 1, 2}, {4, 2, 1, 1}, {5, 1, 2, 0}};
}

std::string name(const ConvShape& conv) {
  return "kernel " + std::to_string(conv.kernel) + " stride " + std::to_string(conv.stride) +
         " dilation " + std::to_string(conv.dilation) + " padding " + std::to_string(conv.padding);
}

// The windows of one utterance fit between its first and last row with the padding around them.
std::vector<int64_t> expected_offsets(const ConvShape& conv, const std::vector<int64_t>& offsets) {
  std::vector<int64_t> result{0};
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    const int64_t length = offsets[u + 1] - offsets[u];
    int64_t count = 0;
    while (length > 0 &&
           count * conv.stride + (conv.kernel - 1) * conv.dilation < length + 2 * conv.padding) {
      ++count;
    }
    result.push_back(result.back() + count);
  }
  return result;
}

std::vector<int64_t> computed_offsets(const ConvShape& conv, const std::vector<int64_t>& offsets) {
  GuardedArray<int64_t> from(offsets);
  GuardedArray<int64_t> to(offsets.size());
  conv_offsets({conv, from.data(), static_cast<int64_t>(offsets.size()) - 1, to.data()}, Stream());
  return to.values();
}

TEST(CudaConvWindowsTest, OffsetsMatchReference) {
  for (const ConvShape& conv : shapes()) {
    SCOPED_TRACE(name(conv));
    for (const auto& offsets :
         {ragged_offsets(), std::vector<int64_t>{0}, std::vector<int64_t>{0, 0},
          std::vector<int64_t>{0, 1}, std::vector<int64_t>{0, 40, 40, 45}}) {
      EXPECT_EQ(expected_offsets(conv, offsets), computed_offsets(conv, offsets));
    }
  }
}

TEST(CudaConvWindowsTest, AnAdaptersLengthsAreThoseOfTheConfiguration) {
  Config config;
  for (const int64_t kernel : {1, 2, 3, 4, 7}) {
    for (const int64_t stride : {1, 2, 3, 5}) {
      config.adapter_kernel_size = kernel;
      config.adapter_stride = stride;
      for (int64_t length = 0; length < 30; ++length) {
        EXPECT_EQ(config.conv_layer_output_length(length),
                  conv_length({kernel, stride, 1, stride / 2}, length))
            << kernel << " " << stride << " " << length;
      }
    }
  }
}

template <typename T>
void expect_windows(const ConvShape& conv, int64_t channels, bool channels_first) {
  const std::vector<int64_t> offsets = ragged_offsets();
  const std::vector<int64_t> output_offsets = expected_offsets(conv, offsets);
  const int64_t output_rows = output_offsets.back() + 5;  // more than there are
  GuardedArray<T> x(rounded<T>(testing::noise(offsets.back() * channels, 1.0f)));
  GuardedArray<int64_t> bounds(offsets);
  GuardedArray<int64_t> output_bounds(output_offsets);
  GuardedArray<T> out(static_cast<size_t>(output_rows * channels * conv.kernel));
  conv_windows(ConvWindowsParams<T>{conv, x.data(), offsets.back(), channels, bounds.data(),
                                    output_bounds.data(), static_cast<int64_t>(offsets.size()) - 1,
                                    channels_first, out.data(), output_rows},
               Stream());
  const std::vector<float> values = widened(x.values());
  std::vector<float> expected(static_cast<size_t>(output_rows * channels * conv.kernel), 0.0f);
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    for (int64_t row = output_offsets[u]; row < output_offsets[u + 1]; ++row) {
      for (int64_t k = 0; k < conv.kernel; ++k) {
        const int64_t time =
            (row - output_offsets[u]) * conv.stride - conv.padding + k * conv.dilation;
        if (time < 0 || time >= offsets[u + 1] - offsets[u]) continue;
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t column = channels_first ? c * conv.kernel + k : k * channels + c;
          expected[static_cast<size_t>(row * channels * conv.kernel + column)] =
              values[static_cast<size_t>((offsets[u] + time) * channels + c)];
        }
      }
    }
  }
  EXPECT_EQ(expected, widened(out.values()));
}

TEST(CudaConvWindowsTest, WindowsMatchReference) {
  for (const ConvShape& conv : shapes()) {
    for (const int64_t channels : {1, 16, 43, 180}) {
      for (const bool channels_first : {true, false}) {
        SCOPED_TRACE(name(conv) + " of " + std::to_string(channels));
        expect_windows<float>(conv, channels, channels_first);
        expect_windows<BFloat16>(conv, channels, channels_first);
      }
    }
  }
}

TEST(CudaConvWindowsTest, OffsetsOfOtherRowsTouchNoOtherMemory) {
  const ConvShape conv{3, 2, 1, 1};
  GuardedArray<float> x(testing::noise(20, 1.0f));  // 10 rows of 2
  GuardedArray<int64_t> bounds(std::vector<int64_t>{-7, 400, 90});
  GuardedArray<int64_t> output_bounds(std::vector<int64_t>{-3, 2, 500});
  GuardedArray<float> out(8 * 6);
  conv_windows(ConvWindowsParams<float>{conv, x.data(), 10, 2, bounds.data(), output_bounds.data(),
                                        2, true, out.data(), 8},
               Stream());
  GuardedArray<bool> valid(10);
  GuardedArray<bool> marks(8);
  std::fill_n(valid.data(), 10, true);
  adapter_valid(
      {3, 2, 1, valid.data(), 10, bounds.data(), output_bounds.data(), 2, marks.data(), 8},
      Stream());
}

TEST(CudaConvWindowsTest, ValidRowsAreThoseThatTheConfigurationCounts) {
  Config config;
  const std::vector<int64_t> offsets{0, 200, 200, 201, 240, 373};
  for (const ConvShape& conv : {ConvShape{3, 2, 1, 1}, {1, 2, 1, 1}, {4, 1, 1, 0}}) {
    config.adapter_kernel_size = conv.kernel;
    config.adapter_stride = conv.stride;
    std::vector<int64_t> output_offsets = offsets;
    for (int64_t layers = 0; layers < 3; ++layers) {
      SCOPED_TRACE(name(conv) + " after " + std::to_string(layers));
      const auto rows = static_cast<size_t>(offsets.back());
      const auto output_rows = static_cast<size_t>(output_offsets.back() + 3);
      GuardedArray<bool> valid(rows);
      std::vector<bool> expected(output_rows, false);
      for (size_t u = 0; u + 1 < offsets.size(); ++u) {
        int64_t count = 0;
        for (int64_t row = offsets[u]; row < offsets[u + 1]; ++row) {
          const bool counts = (row * 7 + row / 3) % 5 != 0;  // not only the first ones
          valid.data()[row] = counts;
          count += counts;
        }
        for (int64_t i = 0; i < layers; ++i) count = config.adapter_layer_output_length(count);
        for (int64_t row = output_offsets[u]; row < output_offsets[u + 1]; ++row) {
          expected[static_cast<size_t>(row)] = row - output_offsets[u] < count;
        }
      }
      GuardedArray<int64_t> bounds(offsets);
      GuardedArray<int64_t> output_bounds(output_offsets);
      GuardedArray<bool> out(output_rows);
      adapter_valid({conv.kernel, conv.stride, layers, valid.data(), offsets.back(), bounds.data(),
                     output_bounds.data(), static_cast<int64_t>(offsets.size()) - 1, out.data(),
                     static_cast<int64_t>(output_rows)},
                    Stream());
      EXPECT_EQ(expected, std::vector<bool>(out.data(), out.data() + output_rows));
      output_offsets = expected_offsets(conv, output_offsets);
    }
  }
}

}  // namespace
}  // namespace w2vbert::cuda
