// Attention in float32 by fused multiply-adds.
//
// A block of 256 threads, 16 by 16, owns 64 queries of a head. Of every product of 64 by 64 a
// thread computes 4 by 4 elements, the rows ty + 16 r and the columns tx + 16 c, so that 8 loads of
// 16 bytes feed 64 multiply-adds of a thread: a warp's 4 loads of queries are broadcasts (a
// wavefront each) and its 4 loads of keys two wavefronts each, 12 cycles of shared memory beside 16
// of arithmetic.
//
// Tiles of 64 rows (keys, rows of the table of positions, values) come one after another through
// two buffers, one used while the other is filled. Position terms: the products of the queries with
// a slab of 64 distances serve two neighbouring tiles of keys, so they are kept in a ring of 128
// columns, from which each score takes the one for its distance. With kRelativeKey only tiles that
// meet the band -left .. right do so; the others add one of two numbers per query.
//
// Shared memory for head_dim 64: queries and buffers 3 * 17 KiB, weights 20, ring 36, 107 KiB in
// all, two blocks on a multiprocessor of an H100, one on an A100; 71 KiB without a table. For
// head_dim 128: 155 KiB of the 163 that compute capability 8.0 has. Counted for one tile of 64 keys
// and head_dim 64 with positions: 0.8 million multiply-adds, 12000 cycles at 64 (A100); from L2 48
// KiB, 770 cycles at 64 bytes.
#pragma once

#include <cmath>

#include "w2vbert/ops/cuda/relative_position_attention_params.cuh"

namespace w2vbert::cuda {
namespace relative_position_attention_kernel::float32 {

constexpr int kThreads = 256;
constexpr int kSide = 16;
constexpr int kTile = 64;
constexpr int kPerThread = kTile / kSide;

// Rows of shared memory begin 4 banks apart, so that 8 neighbouring rows cover all banks.
template <int kDims>
constexpr int kRowSize = kDims + 4;
// The two rows that a warp writes at once begin 16 banks apart.
constexpr int kWeightRow = kTile + kSide;
constexpr int kRing = 2 * kTile;
constexpr int kRingRow = kRing + kSide;

W2VBERT_DEVICE int thread_row() { return static_cast<int>(threadIdx.x) / kSide; }
W2VBERT_DEVICE int thread_column() { return static_cast<int>(threadIdx.x) % kSide; }

// Begins to copy 64 rows; row(r) is where row r begins, null for a row of zeros.
template <int kDims, typename Row>
W2VBERT_DEVICE void copy_rows(const SharedArray<float>& to, const Row& row) {
  constexpr int kPieces = kDims / 4;
#pragma unroll
  for (int n = 0; n < kTile * kPieces / kThreads; ++n) {
    const int i = n * kThreads + static_cast<int>(threadIdx.x);
    const int column = i % kPieces * 4;
    const float* from = row(i / kPieces);
    copy_async(to, i / kPieces * kRowSize<kDims> + column, from + (from == nullptr ? 0 : column),
               from != nullptr);
  }
}

// products[r][c] = (queries + bias) [ty + 16 r] . rows[tx + 16 c]; without bias if null.
template <int kDims, bool kBiased>
W2VBERT_DEVICE void multiply(const SharedArray<float>& queries, const SharedArray<float>& rows,
                             const float* bias, float (&products)[kPerThread][kPerThread]) {
#pragma unroll
  for (int r = 0; r < kPerThread; ++r) {
#pragma unroll
    for (int c = 0; c < kPerThread; ++c) products[r][c] = 0.0f;
  }
#pragma unroll 4
  for (int d = 0; d < kDims; d += 4) {
    Vector<float, 4> q[kPerThread];
    Vector<float, 4> add{};
    if constexpr (kBiased) add = load_vector<4>(bias + d);
#pragma unroll
    for (int r = 0; r < kPerThread; ++r) {
      q[r] = queries.load_vector<4>((thread_row() + kSide * r) * kRowSize<kDims> + d);
      if constexpr (kBiased) {
#pragma unroll
        for (int i = 0; i < 4; ++i) q[r][i] += add[i];
      }
    }
#pragma unroll
    for (int c = 0; c < kPerThread; ++c) {
      const Vector<float, 4> row =
          rows.load_vector<4>((thread_column() + kSide * c) * kRowSize<kDims> + d);
#pragma unroll
      for (int r = 0; r < kPerThread; ++r) {
#pragma unroll
        for (int i = 0; i < 4; ++i) products[r][c] = fmaf(q[r][i], row[i], products[r][c]);
      }
    }
  }
}

// What fills a buffer next: slabs of distances, where needed, then the keys of a tile, then its
// values. Slab n holds the distances from (n - 1) * kTile - query0 on; tile t needs t and t + 1.
enum class Step { kSlab, kKeys, kValues };
struct Cursor {
  int tile;
  Step step;
  int slab;
};

// Grid: see attention_block.
template <int kDims, AttentionPosition kPosition>
__global__ __launch_bounds__(kThreads, 1) void attend(RelativePositionAttentionParams<float> p,
                                                      float scale_log2) {
  constexpr bool kTable = kPosition != AttentionPosition::kNone;
  constexpr bool kShaw = kPosition == AttentionPosition::kRelativeKey;
  constexpr bool kBiased = kPosition == AttentionPosition::kRelative;
  constexpr int kSize = kTile * kRowSize<kDims>;
  constexpr int kWidth = kDims >= kTile ? 4 : kDims / kSide;  // neighbouring outputs of a thread
  constexpr int kGroups = kDims / (kWidth * kSide);

  const AttentionBlock block = attention_block<kTile>(p);
  if (block.time == 0) return;
  if (!has_valid_key(p, block)) {
    average_values<float>(p, block, kTile);
    return;
  }

  SharedMemory shared;
  const SharedArray<float> queries = shared.take<float>(kSize);
  const SharedArray<float> buffers = shared.take<float>(2 * kSize);
  const SharedArray<float> weights = shared.take<float>(kTile * kWeightRow);
  const SharedArray<float> ring = shared.take<float>(kTable ? kTile * kRingRow : 0);
  const SharedArray<float> clamped = shared.take<float>(kShaw ? 2 * kTile : 0);  // left, right

  const int64_t column = int64_t{block.head} * kDims;
  const auto terms_of = [&](int tile) {
    return tile_terms<kPosition, kTile, kTile>(p, block.query0, tile * kTile);
  };
  const int tiles = (block.time + kTile - 1) / kTile;
  const auto first_step = [&](int tile) {
    if (!kTable || tile == tiles || terms_of(tile) != TileTerms::kWindow) {
      return Cursor{tile, Step::kKeys, 0};
    }
    const bool has_first = tile > 0 && terms_of(tile - 1) == TileTerms::kWindow;
    return Cursor{tile, Step::kSlab, has_first ? tile + 1 : tile};
  };
  const auto next = [&](const Cursor& at) {
    if (at.step == Step::kValues) return first_step(at.tile + 1);
    if (at.step == Step::kKeys) return Cursor{at.tile, Step::kValues, 0};
    if (at.slab == at.tile) return Cursor{at.tile, Step::kSlab, at.slab + 1};
    return Cursor{at.tile, Step::kKeys, 0};
  };
  const auto copy = [&](const Cursor& at, uint64_t valid, const SharedArray<float>& to) {
    const int64_t row0 = block.first_row + at.tile * kTile;
    if (at.step == Step::kSlab) {
      const int distance = (at.slab - 1) * kTile - block.query0;
      copy_rows<kDims>(
          to, [&](int row) { return position_row<kPosition>(p, block.head, distance + row); });
    } else {
      const bool keys = at.step == Step::kKeys;
      const float* rows = keys ? p.key : p.value;
      const int64_t stride = keys ? p.key_stride : p.value_stride;
      copy_rows<kDims>(to, [&](int row) {
        return valid >> row & 1 ? head_row(rows, row0 + row, stride, column) : nullptr;
      });
    }
  };

  copy_rows<kDims>(queries, [&](int row) {
    const int i = block.query0 + row;
    return i < block.time ? head_row(p.query, block.first_row + i, p.query_stride, column)
                          : nullptr;
  });
  Cursor at = first_step(0);
  uint64_t valid = valid_keys<kTile>(p, block, 0);
  copy(at, valid, buffers.part(0, kSize));
  copy_async_commit();

  float top[kPerThread];  // times scale_log2
  float sum[kPerThread];  // of this thread's columns
  float out[kPerThread][kGroups][kWidth] = {};
#pragma unroll
  for (int r = 0; r < kPerThread; ++r) {
    top[r] = kMinusInfinity;
    sum[r] = 0.0f;
  }
  for (int count = 0; at.tile < tiles; ++count) {
    const Cursor to_come = next(at);
    const uint64_t valid_now = valid;
    copy_async_wait<0>();
    sync_threads();  // the buffer has come, and nobody uses the other, nor the ring or the weights
    if (to_come.tile < tiles) {
      if (to_come.tile != at.tile) valid = valid_keys<kTile>(p, block, to_come.tile * kTile);
      copy(to_come, valid, buffers.part((count + 1) % 2 * kSize, kSize));
      copy_async_commit();
    }
    const SharedArray<float> rows = buffers.part(count % 2 * kSize, kSize);

    if (kShaw && count == 0) {
      if (threadIdx.x < 2 * kTile) {
        const int i = static_cast<int>(threadIdx.x) % kTile;
        const bool left = threadIdx.x < kTile;
        const float* row = p.distance_embedding + (left ? 0 : (p.left + p.right) * kDims);
        float product = 0.0f;
        for (int d = 0; d < kDims; ++d) {
          product = fmaf(queries.load(i * kRowSize<kDims> + d), row[d], product);
        }
        clamped.store(static_cast<int>(threadIdx.x), product);
      }
      sync_threads();
    }

    if (at.step == Step::kSlab) {
      float products[kPerThread][kPerThread];
      multiply<kDims, kBiased>(queries, rows, kBiased ? p.bias_v + column : nullptr, products);
#pragma unroll
      for (int r = 0; r < kPerThread; ++r) {
#pragma unroll
        for (int c = 0; c < kPerThread; ++c) {
          ring.store((thread_row() + kSide * r) * kRingRow + at.slab % 2 * kTile + thread_column() +
                         kSide * c,
                     products[r][c]);
        }
      }
    } else if (at.step == Step::kKeys) {
      float score[kPerThread][kPerThread];
      multiply<kDims, kBiased>(queries, rows, kBiased ? p.bias_u + column : nullptr, score);
      const TileTerms terms = terms_of(at.tile);
#pragma unroll
      for (int r = 0; r < kPerThread; ++r) {
        const int i = thread_row() + kSide * r;
        float clamped_term = 0.0f;
        if (kShaw && terms != TileTerms::kWindow) {
          clamped_term = clamped.load(i + (terms == TileTerms::kLeft ? 0 : kTile));
        }
        float greatest = kMinusInfinity;
#pragma unroll
        for (int c = 0; c < kPerThread; ++c) {
          const int j = thread_column() + kSide * c;
          if (kTable && terms == TileTerms::kWindow) {
            // Column 0 of slab n is the distance (n - 1) * kTile - query0.
            const int offset = (at.tile + 1) * kTile + j - i;
            score[r][c] += ring.load(i * kRingRow + offset % kRing);
          } else if (kShaw) {
            score[r][c] += clamped_term;
          }
          if ((valid_now >> j & 1) == 0) score[r][c] = kMinusInfinity;
          greatest = fmaxf(greatest, score[r][c]);
        }
#pragma unroll
        for (int lanes = kSide / 2; lanes > 0; lanes /= 2) {
          greatest = fmaxf(greatest, shuffle_xor(greatest, lanes));
        }
        const float before = top[r];
        top[r] = fmaxf(before, greatest * scale_log2);
        // Without any key so far there is nothing to subtract.
        const float base = top[r] == kMinusInfinity ? 0.0f : top[r];
        const float shrink = fast_exp2(before - base);
        sum[r] *= shrink;
#pragma unroll
        for (int g = 0; g < kGroups; ++g) {
#pragma unroll
          for (int w = 0; w < kWidth; ++w) out[r][g][w] *= shrink;
        }
#pragma unroll
        for (int c = 0; c < kPerThread; ++c) {
          const float weight = fast_exp2(fmaf(score[r][c], scale_log2, -base));
          sum[r] += weight;
          weights.store(i * kWeightRow + thread_column() + kSide * c, weight);
        }
      }
    } else {
#pragma unroll 2
      for (int j = 0; j < kTile; j += 4) {
        Vector<float, 4> weight[kPerThread];
#pragma unroll
        for (int r = 0; r < kPerThread; ++r) {
          weight[r] = weights.load_vector<4>((thread_row() + kSide * r) * kWeightRow + j);
        }
#pragma unroll
        for (int k = 0; k < 4; ++k) {
#pragma unroll
          for (int g = 0; g < kGroups; ++g) {
            const Vector<float, kWidth> value = rows.load_vector<kWidth>(
                (j + k) * kRowSize<kDims> + (g * kSide + thread_column()) * kWidth);
#pragma unroll
            for (int r = 0; r < kPerThread; ++r) {
#pragma unroll
              for (int w = 0; w < kWidth; ++w) {
                out[r][g][w] = fmaf(weight[r][k], value[w], out[r][g][w]);
              }
            }
          }
        }
      }
    }
    at = to_come;
  }

#pragma unroll
  for (int r = 0; r < kPerThread; ++r) {
#pragma unroll
    for (int lanes = kSide / 2; lanes > 0; lanes /= 2) sum[r] += shuffle_xor(sum[r], lanes);
  }
#pragma unroll
  for (int r = 0; r < kPerThread; ++r) {
    const int i = block.query0 + thread_row() + kSide * r;
    if (i >= block.time) break;
    float* to = p.output + (block.first_row + i) * p.heads * kDims + column;
    const float inverse = 1.0f / sum[r];
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      Vector<float, kWidth> part;
#pragma unroll
      for (int w = 0; w < kWidth; ++w) part[w] = out[r][g][w] * inverse;
      store_vector(to + (g * kSide + thread_column()) * kWidth, part);
    }
  }
}

template <int kDims, AttentionPosition kPosition>
void launch_attend(const RelativePositionAttentionParams<float>& p, Stream stream) {
  constexpr int64_t kSize = kTile * kRowSize<kDims>;
  LaunchShape shape{attention_grid(p, kTile), kThreads,
                    shared_bytes<float>(kSize) + shared_bytes<float>(2 * kSize) +
                        shared_bytes<float>(kTile * kWeightRow)};
  if (kPosition != AttentionPosition::kNone) {
    shape.shared_bytes += shared_bytes<float>(kTile * kRingRow);
  }
  if (kPosition == AttentionPosition::kRelativeKey) {
    shape.shared_bytes += shared_bytes<float>(2 * kTile);
  }
  const float scale = static_cast<float>(kLog2E / std::sqrt(double{kDims}));
  launch("relative_position_attention", attend<kDims, kPosition>, shape, stream, p, scale);
}

template <int kDims>
void launch_attend(const RelativePositionAttentionParams<float>& p, Stream stream) {
  switch (p.position) {
    case AttentionPosition::kNone:
      return launch_attend<kDims, AttentionPosition::kNone>(p, stream);
    case AttentionPosition::kRelativeKey:
      return launch_attend<kDims, AttentionPosition::kRelativeKey>(p, stream);
    case AttentionPosition::kRelative:
      return launch_attend<kDims, AttentionPosition::kRelative>(p, stream);
  }
}

inline void launch_attend(const RelativePositionAttentionParams<float>& p, Stream stream) {
  switch (p.head_dim) {
    case 32:
      return launch_attend<32>(p, stream);
    case 64:
      return launch_attend<64>(p, stream);
    default:
      return launch_attend<128>(p, stream);
  }
}

}  // namespace relative_position_attention_kernel::float32
}  // namespace w2vbert::cuda
