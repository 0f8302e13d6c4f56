// Attention for float16 and bfloat16 by the tensor cores (mma.sync, the same on compute capability
// 8.0 and later).
//
// A block of four warps owns 64 queries of a head, each warp 16 of them, whose operands, scores and
// outputs stay in its registers. Tiles of keys and values pass through shared memory in two stages:
// while one is used, the next is copied. The softmax is carried on from tile to tile.
//
// Position terms. The 16 queries of a warp and a tile of keys meet kKeys + 15 distances, so that
// one more product, of the 16 queries with that many rows of the table, holds all terms; entry [i,
// distance] belongs to key i + distance. A row of the products lies in one group of four lanes, so
// that shuffles shift it into place, and it becomes the initial value of the scores. The rows of
// the table pass through shared memory in slabs of kKeys rows, of which neighbouring tiles share
// all but one. With kRelativeKey only tiles that meet the band -left .. right need that (with 64
// and 8 three or four per 64 queries); elsewhere the distance is clamped for all of a tile's pairs,
// and the term is one of two numbers per query, which are the products with the first and last row.
//
// Counted for head_dim 64, a block, and one tile of 64 keys (with the window | without):
//   products       2 * 64 * 64 * 64 * (2 + 1.25 | 2) = 1.7 | 1.0 MFLOP, 830 | 510 cycles of an A100
//   ldmatrix       4 warps * (16 + 10 | 16) KiB, 830 | 510 cycles at 128 bytes
//   from L2        24 | 16 KiB, 380 | 260 cycles at 64 bytes
//   exponentials   4096, 256 cycles at 16
//   shared memory  K 2 * 8, V 2 * 8, slabs 3 * 8 | 0: 56 | 32 KiB
// So three blocks a multiprocessor (two where an A100 has no more shared memory), which 168
// registers a thread allow; kRelative, with two sets of operands of the queries, takes more of them
// and has two. For head_dim 128 tiles of 32 keys keep shared memory at 64 KiB and two blocks within
// 255 registers a thread.
#pragma once

#include <cmath>

#include "w2vbert/ops/cuda/relative_position_attention_params.cuh"

namespace w2vbert::cuda {
namespace relative_position_attention_kernel::half {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kQueries = kWarps * 16;

template <int kDims>
struct Tile {
  static constexpr int kKeys = kDims > 64 ? 32 : 64;
  static constexpr int kSize = kKeys * kDims;
  static constexpr int kSlabs = kQueries / kKeys + 1;  // that a tile needs
  static constexpr int kRing = kSlabs + 1;             // and the one that is copied
};

// Where a row's elements from `column` on, a multiple of 8, lie in a tile: the 16-byte pieces of a
// row are permuted such that 8 neighbouring rows have the same piece in different banks.
template <int kDims>
W2VBERT_DEVICE int phase(int row) {
  return kDims >= 64 ? row & 7 : row >> 1 & 3;
}
template <int kDims>
W2VBERT_DEVICE int piece(int row, int column) {
  return row * kDims + (column ^ phase<kDims>(row) * 8);
}

// What a lane hands to load_matrices for four matrices of 16 rows and 16 columns: the pieces of
// `row` from column 8 * side on, counted from where the 16 rows and columns begin.
template <int kDims>
class LanePiece {
 public:
  W2VBERT_DEVICE LanePiece(int row, int side)
      : row_(row * kDims), column_((side ^ phase<kDims>(row)) * 8) {}
  // row0 and column0 are multiples of 16.
  W2VBERT_DEVICE int at(int row0, int column0) const {
    return row0 * kDims + row_ + (column_ ^ column0);
  }

 private:
  int row_;
  int column_;
};

// What a thread copies of every tile: its piece of the rows own_row(), own_row() + kStep, ..
template <int kDims>
struct Copy {
  static constexpr int kPieces = kDims / 8;
  static constexpr int kStep = kThreads / kPieces;
  static constexpr int kRows = Tile<kDims>::kKeys / kStep;
  static_assert(kRows * kStep == Tile<kDims>::kKeys, "");

  W2VBERT_DEVICE static int own_row() { return static_cast<int>(threadIdx.x) / kPieces; }
  W2VBERT_DEVICE static int own_column() { return static_cast<int>(threadIdx.x) % kPieces * 8; }

  // Begins to copy own rows that are `stride` apart from `from` on, zeros where `valid` has no bit
  // for the row.
  template <typename T>
  W2VBERT_DEVICE static void rows(const SharedArray<T>& to, const T* from, int64_t stride,
                                  uint64_t valid) {
#pragma unroll
    for (int n = 0; n < kRows; ++n) {
      copy_async(to, piece<kDims>(own_row() + n * kStep, own_column()), from + n * kStep * stride,
                 (valid >> (own_row() + n * kStep) & 1) != 0);
    }
  }
};

// The two halves of a register.
template <typename T>
W2VBERT_DEVICE uint32_t load_pair(const T* from) {
  const Vector<T, 2> pair = load_vector<2>(from);
  return pack<T>(to_float(pair[0]), to_float(pair[1]));
}
template <typename T>
W2VBERT_DEVICE uint32_t load_pair(const T* from, const T* bias) {
  const Vector<T, 2> pair = load_vector<2>(from);
  const Vector<T, 2> add = load_vector<2>(bias);
  return pack<T>(to_float(pair[0]) + to_float(add[0]), to_float(pair[1]) + to_float(add[1]));
}

// The operands of 16 queries: (q + bias), rows past `rows` are 0. `from` is the first row.
template <int kDims, typename T>
W2VBERT_DEVICE void load_queries(const T* from, int64_t stride, int rows, const T* bias,
                                 uint32_t (&q)[kDims / 16][4]) {
  const int column = lane() % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane() / 4 + 8 * half;
#pragma unroll
    for (int k = 0; k < kDims / 16; ++k) {
#pragma unroll
      for (int side = 0; side < 2; ++side) {
        const int d = 16 * k + 8 * side + column;
        uint32_t pair = 0;
        if (row < rows) {
          pair = bias == nullptr ? load_pair(from + row * stride + d)
                                 : load_pair(from + row * stride + d, bias + d);
        }
        q[k][half + 2 * side] = pair;
      }
    }
  }
}

// low, high += products of 16 queries with the rows first .. first + 7 and first + 8 .. first + 15.
template <int kDims, typename T>
W2VBERT_DEVICE void multiply_rows(const uint32_t (&q)[kDims / 16][4], const SharedArray<T>& tile,
                                  int first, const LanePiece<kDims>& piece, float (&low)[4],
                                  float (&high)[4]) {
#pragma unroll
  for (int k = 0; k < kDims / 16; ++k) {
    uint32_t registers[4];
    load_matrices<false>(registers, tile, piece.at(first, 16 * k));
    const uint32_t b0[2] = {registers[0], registers[1]};
    const uint32_t b1[2] = {registers[2], registers[3]};
    mma<T>(low, q[k], b0);
    mma<T>(high, q[k], b1);
  }
}

// Row g of a warp's window begins 16 - g columns late, row g + 8 another 8 columns earlier. What
// remains, 8 - g columns, is the same for the four lanes of the group that hold both rows.
class Shift {
 public:
  W2VBERT_DEVICE Shift() {
    const int columns = 8 - lane() / 4;
    odd_ = columns % 2 != 0;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int lanes = (columns + i) / 2;
      from_next_[i] = lane() % 4 < lanes;
      source_[i] = (lane() & ~3) | ((lane() + lanes) & 3);
    }
  }

  // The two columns that this lane holds of a row that begins `columns` late in tile | next.
  W2VBERT_DEVICE void operator()(float tile0, float tile1, float next0, float next1, float* out0,
                                 float* out1) const {
    const float a = from_next_[0] ? (odd_ ? next1 : next0) : (odd_ ? tile1 : tile0);
    const float b = from_next_[1] ? (odd_ ? next0 : next1) : (odd_ ? tile0 : tile1);
    *out0 = shuffle(a, source_[0]);
    *out1 = shuffle(b, source_[1]);
  }

 private:
  bool odd_;
  bool from_next_[2];
  int source_[2];
};

// Products with the first and the last row of distance_embedding, for the rows g and g + 8.
template <int kDims, typename T>
W2VBERT_DEVICE void clamped_terms(const RelativePositionAttentionParams<T>& p,
                                  const uint32_t (&q)[kDims / 16][4], float (&left)[2],
                                  float (&right)[2]) {
  const T* rows = p.distance_embedding;
  const int n = lane() / 4;  // column of the product
  const T* row = n == 0 ? rows : rows + (p.left + p.right) * kDims;
  float d[4] = {};
#pragma unroll
  for (int k = 0; k < kDims / 16; ++k) {
    uint32_t b[2] = {0, 0};
    if (n < 2) {
      b[0] = load_pair(row + 16 * k + lane() % 4 * 2);
      b[1] = load_pair(row + 16 * k + lane() % 4 * 2 + 8);
    }
    mma<T>(d, q[k], b);
  }
  const int source = lane() & ~3;
  left[0] = shuffle(d[0], source);
  right[0] = shuffle(d[1], source);
  left[1] = shuffle(d[2], source);
  right[1] = shuffle(d[3], source);
}

// Blocks that a multiprocessor is to hold.
template <int kDims, AttentionPosition kPosition>
constexpr int kBlocks = kDims > 64 || (kDims == 64 && kPosition == AttentionPosition::kRelative)
                            ? 2
                            : 3;

// Grid: see attention_block.
template <typename T, int kDims, AttentionPosition kPosition>
__global__ __launch_bounds__(kThreads, (kBlocks<kDims, kPosition>)) void attend(
    RelativePositionAttentionParams<T> p, float scale_log2) {
  using Size = Tile<kDims>;
  constexpr int kKeys = Size::kKeys;
  constexpr bool kTable = kPosition != AttentionPosition::kNone;
  constexpr bool kBiased = kPosition == AttentionPosition::kRelative;

  const AttentionBlock block = attention_block<kQueries>(p);
  if (block.time == 0) return;
  if (!has_valid_key(p, block)) {
    average_values<T>(p, block, kQueries);
    return;
  }

  SharedMemory shared;
  const SharedArray<T> keys = shared.take<T>(2 * Size::kSize);
  const SharedArray<T> values = shared.take<T>(2 * Size::kSize);
  const SharedArray<T> slabs = shared.take<T>(kTable ? Size::kRing * Size::kSize : 0);

  const int64_t column = int64_t{block.head} * kDims;
  const int warp_query = block.query0 + 16 * warp();
  const T* first_query = head_row(p.query, block.first_row + warp_query, p.query_stride, column);
  uint32_t q[kDims / 16][4];
  uint32_t q_v[kBiased ? kDims / 16 : 1][4];
  const int rows = block.time - warp_query;
  load_queries<kDims>(first_query, p.query_stride, rows, kBiased ? p.bias_u + column : nullptr, q);
  float left[2] = {};
  float right[2] = {};
  if constexpr (kBiased) {
    load_queries<kDims>(first_query, p.query_stride, rows, p.bias_v + column, q_v);
  } else if constexpr (kTable) {
    clamped_terms<kDims, T>(p, q, left, right);
  }

  const int own_column = Copy<kDims>::own_column();
  const auto terms_of = [&](int tile) {
    return tile_terms<kPosition, kQueries, kKeys>(p, block.query0, tile * kKeys);
  };
  // Slab n holds the distances from n * kKeys - query0 - kQueries on and lies in slot n % kRing;
  // tile t needs the slabs from t on.
  const auto slot = [](int first_slot, int n) {
    return first_slot + n < Size::kRing ? first_slot + n : first_slot + n - Size::kRing;
  };
  const auto copy_slab = [&](int n, int to) {
    const int distance = n * kKeys - block.query0 - kQueries + Copy<kDims>::own_row();
#pragma unroll
    for (int i = 0; i < Copy<kDims>::kRows; ++i) {
      const int row = i * Copy<kDims>::kStep;
      copy_async(slabs, to * Size::kSize + piece<kDims>(Copy<kDims>::own_row() + row, own_column),
                 position_row<kPosition>(p, block.head, distance + row) + own_column);
    }
  };
  const int64_t own_row = block.first_row + Copy<kDims>::own_row();
  const T* own_key = head_row(p.key, own_row, p.key_stride, column + own_column);
  const T* own_value = head_row(p.value, own_row, p.value_stride, column + own_column);
  const auto copy_tile = [&](int tile, int first_slot, bool has_slabs) {
    const uint64_t valid = valid_keys<kKeys>(p, block, tile * kKeys);
    const int stage = tile % 2 * Size::kSize;
    Copy<kDims>::rows(keys.part(stage, Size::kSize), own_key + tile * kKeys * p.key_stride,
                      p.key_stride, valid);
    if (kTable && terms_of(tile) == TileTerms::kWindow) {
#pragma unroll 1
      for (int n = has_slabs ? Size::kSlabs - 1 : 0; n < Size::kSlabs; ++n) {
        copy_slab(tile + n, slot(first_slot, n));
      }
    }
    Copy<kDims>::rows(values.part(stage, Size::kSize), own_value + tile * kKeys * p.value_stride,
                      p.value_stride, valid);
    copy_async_commit();
  };

  const Shift shift;
  const LanePiece<kDims> key_piece(lane() / 16 * 8 + lane() % 8, lane() / 8 % 2);
  const LanePiece<kDims> value_piece(lane() % 16, lane() / 16);
  float top[2] = {kMinusInfinity, kMinusInfinity};  // times scale_log2
  float sum[2] = {};                                // of this lane's columns
  float out[kDims / 8][4] = {};
  const int tiles = (block.time + kKeys - 1) / kKeys;
  int first_slot = 0;
  copy_tile(0, first_slot, false);
  for (int tile = 0; tile < tiles; ++tile) {
    const TileTerms terms = terms_of(tile);
    copy_async_wait<0>();
    sync_threads();  // the tile has come, and nobody uses the one before
    if (tile + 1 < tiles) {
      copy_tile(tile + 1, slot(first_slot, 1), terms == TileTerms::kWindow);
    }

    // Scores, in the layout of mma: score[n] are the keys 8 n .. 8 n + 7.
    float score[kKeys / 8][4];
    const SharedArray<T> tile_keys = keys.part(tile % 2 * Size::kSize, Size::kSize);
    float window[4][4];  // 32 columns of the window, from 16 * pair on
    const auto multiply_window = [&](int columns, float(&low)[4], float(&high)[4]) {
      const int row = kQueries - 16 - 16 * warp() + columns;
#pragma unroll
      for (int i = 0; i < 4; ++i) low[i] = high[i] = 0.0f;
      // Consecutive slots hold consecutive rows, but for the end of the ring.
      const int row_in_ring = slot(first_slot, row / kKeys) * kKeys + row % kKeys;
      if constexpr (kBiased) {
        multiply_rows<kDims>(q_v, slabs, row_in_ring, key_piece, low, high);
      } else {
        multiply_rows<kDims>(q, slabs, row_in_ring, key_piece, low, high);
      }
    };
    if (kTable && terms == TileTerms::kWindow) multiply_window(0, window[2], window[3]);
#pragma unroll
    for (int pair = 0; pair < kKeys / 16; ++pair) {
      float(&low)[4] = score[2 * pair];
      float(&high)[4] = score[2 * pair + 1];
      if (kTable && terms == TileTerms::kWindow) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          window[0][i] = window[2][i];
          window[1][i] = window[3][i];
        }
        multiply_window(16 * (pair + 1), window[2], window[3]);
        shift(window[1][0], window[1][1], window[2][0], window[2][1], &low[0], &low[1]);
        shift(window[0][2], window[0][3], window[1][2], window[1][3], &low[2], &low[3]);
        shift(window[2][0], window[2][1], window[3][0], window[3][1], &high[0], &high[1]);
        shift(window[1][2], window[1][3], window[2][2], window[2][3], &high[2], &high[3]);
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          low[i] = high[i] = terms == TileTerms::kLeft    ? left[i / 2]
                             : terms == TileTerms::kRight ? right[i / 2]
                                                          : 0.0f;
        }
      }
      multiply_rows<kDims>(q, tile_keys, 16 * pair, key_piece, low, high);
    }
    if (p.key_mask != nullptr || (tile + 1) * kKeys > block.time) {
      const uint64_t mine = valid_keys<kKeys>(p, block, tile * kKeys) >> (lane() % 4 * 2);
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          if ((mine >> (8 * n + i % 2) & 1) == 0) score[n][i] = kMinusInfinity;
        }
      }
    }

    // Scores to weights, relative to the greatest score so far.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float greatest = kMinusInfinity;
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
        greatest = fmaxf(greatest, fmaxf(score[n][2 * half], score[n][2 * half + 1]));
      }
      greatest = fmaxf(greatest, shuffle_xor(greatest, 1));
      greatest = fmaxf(greatest, shuffle_xor(greatest, 2)) * scale_log2;
      const float before = top[half];
      top[half] = fmaxf(before, greatest);
      // Without any key so far there is nothing to subtract.
      const float base = top[half] == kMinusInfinity ? 0.0f : top[half];
      const float shrink = fast_exp2(before - base);
      sum[half] *= shrink;
#pragma unroll
      for (int n = 0; n < kDims / 8; ++n) {
        out[n][2 * half] *= shrink;
        out[n][2 * half + 1] *= shrink;
      }
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          score[n][i] = fast_exp2(fmaf(score[n][i], scale_log2, -base));
          sum[half] += score[n][i];
        }
      }
    }

    // Weights times values. The layout of a result is that of an operand.
    const SharedArray<T> tile_values = values.part(tile % 2 * Size::kSize, Size::kSize);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      const uint32_t weights[4] = {pack<T>(score[2 * k][0], score[2 * k][1]),
                                   pack<T>(score[2 * k][2], score[2 * k][3]),
                                   pack<T>(score[2 * k + 1][0], score[2 * k + 1][1]),
                                   pack<T>(score[2 * k + 1][2], score[2 * k + 1][3])};
#pragma unroll
      for (int n = 0; n < kDims / 16; ++n) {
        uint32_t registers[4];
        load_matrices<true>(registers, tile_values, value_piece.at(16 * k, 16 * n));
        const uint32_t b0[2] = {registers[0], registers[1]};
        const uint32_t b1[2] = {registers[2], registers[3]};
        mma<T>(out[2 * n], weights, b0);
        mma<T>(out[2 * n + 1], weights, b1);
      }
    }
    first_slot = slot(first_slot, 1);
  }

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    sum[half] += shuffle_xor(sum[half], 1);
    sum[half] += shuffle_xor(sum[half], 2);
    const int row = lane() / 4 + 8 * half;
    if (row >= rows) continue;
    T* to =
        p.output + (block.first_row + warp_query + row) * p.heads * kDims + column + lane() % 4 * 2;
    const float inverse = 1.0f / sum[half];
#pragma unroll
    for (int n = 0; n < kDims / 8; ++n) {
      const Vector<T, 2> pair = {from_float<T>(out[n][2 * half] * inverse),
                                 from_float<T>(out[n][2 * half + 1] * inverse)};
      store_vector(to + 8 * n, pair);
    }
  }
}

template <typename T, int kDims, AttentionPosition kPosition>
void launch_attend(const RelativePositionAttentionParams<T>& p, Stream stream) {
  using Size = Tile<kDims>;
  LaunchShape shape{attention_grid(p, kQueries), kThreads, 2 * shared_bytes<T>(2 * Size::kSize)};
  if (kPosition != AttentionPosition::kNone) {
    shape.shared_bytes += shared_bytes<T>(Size::kRing * Size::kSize);
  }
  const float scale = static_cast<float>(kLog2E / std::sqrt(double{kDims}));
  launch("relative_position_attention", attend<T, kDims, kPosition>, shape, stream, p, scale);
}

template <typename T, int kDims>
void launch_attend(const RelativePositionAttentionParams<T>& p, Stream stream) {
  switch (p.position) {
    case AttentionPosition::kNone:
      return launch_attend<T, kDims, AttentionPosition::kNone>(p, stream);
    case AttentionPosition::kRelativeKey:
      return launch_attend<T, kDims, AttentionPosition::kRelativeKey>(p, stream);
    case AttentionPosition::kRelative:
      return launch_attend<T, kDims, AttentionPosition::kRelative>(p, stream);
  }
}

template <typename T>
void launch_attend(const RelativePositionAttentionParams<T>& p, Stream stream) {
  switch (p.head_dim) {
    case 32:
      return launch_attend<T, 32>(p, stream);
    case 64:
      return launch_attend<T, 64>(p, stream);
    default:
      return launch_attend<T, 128>(p, stream);
  }
}

}  // namespace relative_position_attention_kernel::half
}  // namespace w2vbert::cuda
