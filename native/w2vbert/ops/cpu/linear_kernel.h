// A product with a weight matrix that is used where it lies:
//   out[r, c] = bias[c] + sum_k weight[c, k] * x[r, k].
// The sum runs over k upwards in float32, in stretches of kLinearChunk whose sums are added to the
// bias one after another. It is the same for every element, whatever the rows around it, and
// however the items are split.
#pragma once

#include <cstdint>

#include "w2vbert/ops/cpu/cpu_features.h"

namespace w2vbert::cpu {

// `out` does not overlap with anything. Nothing need be aligned beyond its floats.
struct LinearParams {
  const float* x;       // [rows, in_features], rows x_stride floats apart
  const float* weight;  // [out_features, in_features], contiguous
  const float* bias;    // [out_features] or nullptr for zeros
  float* out;           // [rows, out_features], contiguous
  int64_t x_stride;
  int64_t rows;
  int64_t in_features;
  int64_t out_features;
};

constexpr int64_t kLinearChunk = 256;

// Work items are independent: each is a block of rows with a group of columns of `out`. Neighbours
// share the rows, which a call rearranges for up to 42 of them at once, so that few calls with many
// items are best.
int64_t linear_items(const LinearParams& params);

// Multiplications of the largest item.
int64_t linear_item_size(const LinearParams& params);

// Floats of scratch memory that one call of a kernel below needs; their content does not matter.
int64_t linear_scratch(const LinearParams& params);

// Writes `out` for the items begin .. end - 1.
void linear(SimdLevel level, LinearParams params, int64_t begin, int64_t end, float* scratch);
void linear_portable(LinearParams params, int64_t begin, int64_t end, float* scratch);
void linear_avx2(LinearParams params, int64_t begin, int64_t end, float* scratch);

}  // namespace w2vbert::cpu
