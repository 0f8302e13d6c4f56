// What the kernels of attention share: their arguments, and what a block works on.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

enum class AttentionPosition { kNone, kRelativeKey, kRelative };

// Strides count elements from one row to the next; head h owns the columns from h * head_dim.
template <typename T>
struct RelativePositionAttentionParams {
  const T* query;  // [total_time, heads * head_dim], as are key and value
  const T* key;
  const T* value;
  int64_t query_stride;
  int64_t key_stride;
  int64_t value_stride;
  const int64_t* offsets;  // [utterances + 1] row numbers, not falling; utterance u owns rows
                           // offsets[u] .. offsets[u + 1] - 1, perhaps none. Wrong ones give wrong
                           // results, but touch no other memory, unless there are `weights`
  int64_t utterances;
  int64_t total_time;
  int64_t longest;       // no utterance has more rows; more than needed costs empty blocks only, so
                         // that one captured graph serves all batches up to its length
  const bool* key_mask;  // [total_time], true where a key counts; null if all do
  int64_t heads;
  int64_t head_dim;

  AttentionPosition position;
  // kRelativeKey
  const T* distance_embedding;  // [left + right + 1, head_dim], contiguous
  int64_t left;
  int64_t right;
  // kRelative
  const T* position_projection;  // [2 * table - 1, heads * head_dim], contiguous
  int64_t table;                 // at least the longest utterance
  const T* bias_u;               // [heads, head_dim], contiguous
  const T* bias_v;               // [heads, head_dim], contiguous

  T* output;   // [total_time, heads * head_dim], contiguous
  T* weights;  // one [heads, time, time] after another for every utterance; null if not wanted
};

namespace relative_position_attention_kernel {

constexpr float kMinusInfinity = -__builtin_inff();
constexpr double kLog2E = 1.4426950408889634;

// Blocks in the order of their numbers: tiles of queries of one head, which share its keys, then
// the next head. blockIdx.y counts utterances.
struct AttentionBlock {
  int64_t utterance;
  int64_t first_row;  // of the utterance
  int time;           // 0 if there is nothing to do
  int head;
  int query0;
};

template <int kQueries, typename T>
W2VBERT_DEVICE AttentionBlock attention_block(const RelativePositionAttentionParams<T>& p) {
  const unsigned tiles = gridDim.x / static_cast<unsigned>(p.heads);
  AttentionBlock block;
  block.utterance = blockIdx.y;
  const auto row = [&](int64_t offset) {
    return offset < 0 ? 0 : offset > p.total_time ? p.total_time : offset;
  };
  block.first_row = row(p.offsets[block.utterance]);
  block.time = static_cast<int>(row(p.offsets[block.utterance + 1]) - block.first_row);
  block.head = static_cast<int>(blockIdx.x / tiles);
  block.query0 = static_cast<int>(blockIdx.x % tiles) * kQueries;
  if (block.query0 >= block.time) block.time = 0;
  return block;
}

// The first of the row's elements that belong to the head.
template <typename T>
W2VBERT_DEVICE const T* head_row(const T* rows, int64_t row, int64_t stride, int64_t column) {
  return rows + row * stride + column;
}

// Which of the keys j0 .. j0 + kKeys - 1 count, as bits; none past the end. For whole warps.
template <int kKeys, typename T>
W2VBERT_DEVICE uint64_t valid_keys(const RelativePositionAttentionParams<T>& p,
                                   const AttentionBlock& block, int j0) {
  static_assert(kKeys == 32 || kKeys == 64, "");
  uint64_t bits = 0;
#pragma unroll
  for (int part = 0; part < kKeys; part += kWarp) {
    const int j = j0 + part + lane();
    const bool valid = j < block.time && (p.key_mask == nullptr || p.key_mask[block.first_row + j]);
    bits |= uint64_t{ballot(valid)} << part;
  }
  return bits;
}

// Whether any key of the utterance counts. For whole warps.
template <typename T>
W2VBERT_DEVICE bool has_valid_key(const RelativePositionAttentionParams<T>& p,
                                  const AttentionBlock& block) {
  if (p.key_mask == nullptr) return true;
  for (int j0 = 0; j0 < block.time; j0 += kWarp) {
    if (valid_keys<kWarp>(p, block, j0) != 0) return true;
  }
  return false;
}

// Without any valid key all keys count alike.
template <typename T>
W2VBERT_DEVICE void average_values(const RelativePositionAttentionParams<T>& p,
                                   const AttentionBlock& block, int queries) {
  const int64_t column = block.head * p.head_dim;
  const int end = block.query0 + queries < block.time ? block.query0 + queries : block.time;
  const float weight = 1.0f / static_cast<float>(block.time);
  for (int64_t d = threadIdx.x; d < p.head_dim; d += blockDim.x) {
    float sum = 0.0f;
    for (int j = 0; j < block.time; ++j) {
      sum += to_float(*head_row(p.value, block.first_row + j, p.value_stride, column + d));
    }
    for (int i = block.query0; i < end; ++i) {
      p.output[(block.first_row + i) * p.heads * p.head_dim + column + d] =
          from_float<T>(sum * weight);
    }
  }
}

// The row of distance_embedding or position_projection for the distance j - i, for this head.
// Distances beyond a table occur in tiles only, for pairs that do not exist.
template <AttentionPosition kPosition, typename T>
W2VBERT_DEVICE const T* position_row(const RelativePositionAttentionParams<T>& p, int head,
                                     int64_t distance) {
  const bool shaw = kPosition == AttentionPosition::kRelativeKey;
  const int64_t last = shaw ? p.left + p.right : 2 * p.table - 2;
  int64_t row = distance + (shaw ? p.left : p.table - 1);
  row = row < 0 ? 0 : row > last ? last : row;
  return shaw ? p.distance_embedding + row * p.head_dim
              : p.position_projection + (row * p.heads + head) * p.head_dim;
}

// How the position terms of a tile of queries and a tile of keys come about.
enum class TileTerms {
  kNone,
  kLeft,    // all distances are clamped to -left: one number per query
  kRight,   // all are clamped to right: another one
  kWindow,  // products with one row per distance
};

template <AttentionPosition kPosition, int kQueries, int kKeys, typename T>
W2VBERT_DEVICE TileTerms tile_terms(const RelativePositionAttentionParams<T>& p, int query0,
                                    int j0) {
  if (kPosition == AttentionPosition::kNone) return TileTerms::kNone;
  if (kPosition == AttentionPosition::kRelative) return TileTerms::kWindow;
  if (j0 + kKeys - 1 - query0 <= -p.left) return TileTerms::kLeft;
  if (j0 - (query0 + kQueries - 1) >= p.right) return TileTerms::kRight;
  return TileTerms::kWindow;
}

// The grid for tiles of kQueries queries.
template <typename T>
dim3 attention_grid(const RelativePositionAttentionParams<T>& p, int64_t queries) {
  constexpr int64_t kMost = UINT32_MAX;  // more than a launch takes
  dim3 grid;
  const int64_t tiles = (p.longest + queries - 1) / queries * p.heads;
  grid.x = static_cast<unsigned>(tiles < kMost ? tiles : kMost);
  grid.y = static_cast<unsigned>(p.utterances);
  return grid;
}

}  // namespace relative_position_attention_kernel
}  // namespace w2vbert::cuda
