// Products with weight matrices that are used where they lie, and what surrounds them in a
// conformer block:
//   in[r, k]  = activation(normalised x[r, k])
//   y[r, c]   = activation(bias[c] + sum_k weight[c, k] * in[r, k]), or the gated linear unit of it
//   out[r, c] = residual[r, c] + scale * y[r, c]
// The sum runs over k upwards in float32, in stretches of kLinearChunk whose sums are added to the
// bias one after another. An element is the same whatever the rows around it, and however the work
// is split.
//
// Work is done in two steps: pack rearranges rows of x to panels, and multiply takes panels to rows
// or, for another product, to panels. A panel holds up to three vectors of rows, [features, rows]:
// neighbouring rows lie in the lanes of a vector. Its lanes past the last row are not used.
//
// Weights may be stored in fewer bits. Those in halves are widened, exactly, a block at a time.
// Integers have a scale per column: weight[c, k] = scales[c] * integer. For them, a third step
// between the two rounds every row of the panels to integers with a scale of its own. Products of
// integers are summed exactly, in stretches of kIntegerChunk whose sums are added in float32:
//   y[r, c] = activation(bias[c] + scales[c] * row_scales[r] * sum_k integer[c, k] * rounded[r, k])
// A row that holds a NaN or an infinity becomes NaN. No sum can overflow, see largest_rounded.
#pragma once

#include <cstdint>

#include "w2vbert/ops/cpu/cpu_features.h"

namespace w2vbert::cpu {

enum class WeightType {
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt8,   // -127 to 127
  kInt16,  // -1023 to 1023
};

constexpr int64_t largest_integer(WeightType type) {
  return type == WeightType::kInt8 ? 127 : type == WeightType::kInt16 ? 1023 : 0;
}

// The activations that kernels apply by themselves.
enum class LinearActivation { kNone, kRelu, kSilu };

struct RowsParams {
  const float* x;  // [rows, features], rows x_stride floats apart
  int64_t x_stride;
  int64_t rows;
  int64_t features;
  const float* norm_weight;  // [features], or nullptr for no layer norm
  const float* norm_bias;    // [features]
  float norm_eps;
  LinearActivation activation;
  const bool* valid;      // [rows] rows that are not become zeros; nullptr: all are
  bool integers = false;  // the panels will be rounded
};

constexpr int kMostLinearWeights = 3;

struct LinearParams {
  const float* panels;  // of [rows, in_features]
  int64_t rows;
  int64_t in_features;
  // Their outputs lie side by side.
  struct Weight {
    const void* weight;  // [out_features, in_features], contiguous; twice the rows if gated
    const float* bias;   // [out_features], likewise, or nullptr for zeros
    const float* scales = nullptr;  // of integers: [out_features], likewise
    WeightType type = WeightType::kFloat32;
  } weights[kMostLinearWeights];  // either none of integers or all
  const float* row_scales;        // of integers: what round_panels wrote
  int weight_count;
  int64_t out_features;  // of each weight
  bool gated;            // y[c] * sigmoid(y[out_features + c]) takes the place of y[c]
  LinearActivation activation;
  const float* residual;  // [rows, weight_count * out_features], rows out_stride apart, or nullptr
  float scale;            // not used without a residual
  // One of both. `out` may be `residual`, and does not overlap with anything else.
  float* out;         // [rows, weight_count * out_features], rows out_stride floats apart
  float* out_panels;  // of [rows, weight_count * out_features]
  int64_t out_stride;
  int64_t block;  // columns of a work item, see linear_block
};

constexpr int64_t kLinearChunk = 192;
constexpr int64_t kIntegerChunk = 512;

// The magnitude to which rows are rounded for integers of at most `weight`: sums of a chunk stay
// within 32 bits.
constexpr int64_t largest_rounded(int64_t weight) { return weight > 127 ? 4095 : 32767; }
static_assert(kIntegerChunk * 127 * largest_rounded(127) <= INT32_MAX, "");
static_assert(kIntegerChunk * 1023 * largest_rounded(1023) <= INT32_MAX, "");

// Floats of the panels of [rows, features].
int64_t panel_floats(SimdLevel level, int64_t rows, int64_t features);
// How many panels `rows` make: the work items of pack.
int64_t panel_count(SimdLevel level, int64_t rows, bool integers);
void pack(SimdLevel level, const RowsParams& params, int64_t begin, int64_t end, float* panels);

// Rounds panels in place, for weights that are integers: the integers [features / 2, rows, 2], with
// a zero if there is an odd feature, of which the largest in each row is `largest`. Work items are
// panels; `row_scales` holds panel_floats(level, rows, 1).
void round_panels(SimdLevel level, int64_t rows, int64_t features, int64_t largest, int64_t begin,
                  int64_t end, float* panels, float* row_scales);

// Rounds `count` weights of a column to the nearest integers of a type, int8_t or int16_t, of which
// the largest has the largest magnitude, and returns their scale. NaN if a weight is not finite.
float round_weights(SimdLevel level, WeightType type, const float* weights, int64_t count,
                    void* integers);

// The same to rows, out_stride floats apart: `out` may be `x`. Work items are rows.
void transform(SimdLevel level, const RowsParams& params, int64_t begin, int64_t end, float* out,
               int64_t out_stride);

// Columns of a work item, so that `threads` have enough items.
int64_t linear_block(SimdLevel level, const LinearParams& params, int64_t threads);
// Work items are independent: each is a block of columns for some panels.
int64_t linear_items(SimdLevel level, const LinearParams& params);
// Floats of scratch memory that one call of multiply needs; their content does not matter.
int64_t linear_scratch(SimdLevel level, const LinearParams& params);
void multiply(SimdLevel level, const LinearParams& params, int64_t begin, int64_t end,
              float* scratch);

// What each level brings.
struct LinearKernels {
  int64_t (*panel_floats)(int64_t rows, int64_t features);
  int64_t (*panel_count)(int64_t rows, bool integers);
  void (*pack)(const RowsParams& params, int64_t begin, int64_t end, float* panels);
  void (*round_panels)(int64_t rows, int64_t features, int64_t largest, int64_t begin, int64_t end,
                       float* panels, float* row_scales);
  float (*round_weights)(WeightType type, const float* weights, int64_t count, void* integers);
  void (*transform)(const RowsParams& params, int64_t begin, int64_t end, float* out,
                    int64_t out_stride);
  int64_t (*block)(const LinearParams& params, int64_t threads);
  int64_t (*items)(const LinearParams& params);
  int64_t (*scratch)(const LinearParams& params);
  void (*multiply)(const LinearParams& params, int64_t begin, int64_t end, float* scratch);
};
extern const LinearKernels kLinearPortable;
extern const LinearKernels kLinearAvx2;
extern const LinearKernels kLinearAvx512;
extern const LinearKernels kLinearAvx512Vnni;

}  // namespace w2vbert::cpu
