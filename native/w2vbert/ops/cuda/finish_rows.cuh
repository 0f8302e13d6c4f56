// What lies between two matrix products, in one pass over memory:
//   sum[r, c] = residual[r, c] + scale * activation(y[r, c] + bias[c])
//   out[r]    = activation(layer_norm(sum[r])), or zeros where row r is not valid
// in float32; `sum` is rounded where it is stored, not before the norm.
#pragma once

#include "w2vbert/ops/cuda/activation.cuh"
#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// All arrays are contiguous. `sum` and `out` may be `y` or `residual`.
template <typename T>
struct FinishRowsParams {
  const T* y;         // [rows, size]
  const T* bias;      // [size] or nullptr
  const T* residual;  // [rows, size] or nullptr: scale is not used then
  float scale;
  Activation activation;
  T* sum;  // [rows, size] or nullptr
  // Not used without norm_weight: there is no `out` then.
  const T* norm_weight;  // [size] or nullptr
  const T* norm_bias;    // [size]
  float norm_eps;
  Activation norm_activation;
  const bool* valid;  // [rows] or nullptr: all are
  T* out;             // [rows, size]
  int64_t rows;
  int64_t size;
};

// out[r, c] = (y[r, c] + bias[c]) * sigmoid(y[r, size + c] + bias[size + c]), in float32.
template <typename T>
struct GateRowsParams {
  const T* y;     // [rows, 2 * size]
  const T* bias;  // [2 * size] or nullptr
  T* out;         // [rows, size]
  int64_t rows;
  int64_t size;
};

namespace finish_rows_kernel {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;

// Over the threads of a block; all get the same bits. `partial` is free again afterwards.
W2VBERT_DEVICE float block_sum(float value, const SharedArray<float>& partial) {
  value = warp_sum(value);
  if (lane() == 0) partial.store(warp(), value);
  sync_threads();
  float sum = 0.0f;
  for (int i = 0; i < kWarps; ++i) sum += partial.load(i);
  sync_threads();
  return sum;
}

// kWidth values of T as floats.
template <int kWidth>
struct Floats {
  float values[kWidth];
};
template <int kWidth, typename T>
W2VBERT_DEVICE Floats<kWidth> read(const T* from) {
  const Vector<T, kWidth> vector = load_vector<kWidth>(from);
  Floats<kWidth> floats;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) floats.values[i] = to_float(vector[i]);
  return floats;
}
template <int kWidth, typename T>
W2VBERT_DEVICE void write(T* to, const Floats<kWidth>& floats) {
  Vector<T, kWidth> vector;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) vector[i] = from_float<T>(floats.values[i]);
  store_vector(to, vector);
}

// A row's columns c .. c + kWidth - 1 of `sum`.
template <int kWidth, typename T>
W2VBERT_DEVICE Floats<kWidth> summed(const FinishRowsParams<T>& p, int64_t row, int64_t c) {
  Floats<kWidth> y = read<kWidth>(p.y + row * p.size + c);
  if (p.bias != nullptr) {
    const Floats<kWidth> bias = read<kWidth>(p.bias + c);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) y.values[i] += bias.values[i];
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) y.values[i] = activate(p.activation, y.values[i]);
  if (p.residual != nullptr) {
    const Floats<kWidth> residual = read<kWidth>(p.residual + row * p.size + c);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) y.values[i] = residual.values[i] + p.scale * y.values[i];
  }
  return y;
}

// Floats of shared memory in which a block keeps a row: that of thread t, turn by turn, at every
// kThreads-th place from t on, so that neighbours lie in different banks.
template <int kWidth>
W2VBERT_HOST_DEVICE constexpr int64_t row_floats(int64_t size) {
  return (size + kThreads * kWidth - 1) / (kThreads * kWidth) * kThreads * kWidth;
}

// Grid: rows. Every thread has the same columns throughout: kWidth neighbours per turn.
template <int kWidth, typename T>
__global__ void __launch_bounds__(kThreads) with_norm(FinishRowsParams<T> p) {
  SharedMemory memory;
  const SharedArray<float> kept = memory.take<float>(static_cast<int>(row_floats<kWidth>(p.size)));
  const SharedArray<float> partial = memory.take<float>(kWarps);
  const int64_t row = blockIdx.x;
  const int first = static_cast<int>(threadIdx.x);

  float total = 0.0f;
  int place = first;
  for (int64_t c = int64_t{first} * kWidth; c < p.size; c += kThreads * kWidth) {
    const Floats<kWidth> sum = summed<kWidth>(p, row, c);
    if (p.sum != nullptr) write<kWidth>(p.sum + row * p.size + c, sum);
#pragma unroll
    for (int i = 0; i < kWidth; ++i, place += kThreads) {
      kept.store(place, sum.values[i]);
      total += sum.values[i];
    }
  }
  const float mean = block_sum(total, partial) / static_cast<float>(p.size);

  // Squares of deviations: those of the values would cancel.
  total = 0.0f;
  place = first;
  for (int64_t c = int64_t{first} * kWidth; c < p.size; c += kThreads * kWidth) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i, place += kThreads) {
      const float deviation = kept.load(place) - mean;
      total += deviation * deviation;
    }
  }
  const float variance = block_sum(total, partial) / static_cast<float>(p.size);
  const float rate = 1.0f / sqrtf(variance + p.norm_eps);

  const bool valid = p.valid == nullptr || p.valid[row];
  place = first;
  for (int64_t c = int64_t{first} * kWidth; c < p.size; c += kThreads * kWidth) {
    const Floats<kWidth> weight = read<kWidth>(p.norm_weight + c);
    const Floats<kWidth> bias = read<kWidth>(p.norm_bias + c);
    Floats<kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i, place += kThreads) {
      const float normed = (kept.load(place) - mean) * rate * weight.values[i] + bias.values[i];
      out.values[i] = valid ? activate(p.norm_activation, normed) : 0.0f;
    }
    write<kWidth>(p.out + row * p.size + c, out);
  }
}

// Grid: (row, tile of columns).
template <int kWidth, typename T>
__global__ void __launch_bounds__(kThreads) without_norm(FinishRowsParams<T> p) {
  const int64_t row = blockIdx.x;
  const int64_t c = (int64_t{blockIdx.y} * kThreads + threadIdx.x) * kWidth;
  if (c < p.size) write<kWidth>(p.sum + row * p.size + c, summed<kWidth>(p, row, c));
}

// Grid: (row, tile of columns of `out`).
template <int kWidth, typename T>
__global__ void __launch_bounds__(kThreads) gate(GateRowsParams<T> p) {
  const int64_t row = blockIdx.x;
  const int64_t c = (int64_t{blockIdx.y} * kThreads + threadIdx.x) * kWidth;
  if (c >= p.size) return;
  Floats<kWidth> out = read<kWidth>(p.y + row * 2 * p.size + c);
  Floats<kWidth> gates = read<kWidth>(p.y + row * 2 * p.size + p.size + c);
  if (p.bias != nullptr) {
    const Floats<kWidth> bias = read<kWidth>(p.bias + c);
    const Floats<kWidth> bias_of_gates = read<kWidth>(p.bias + p.size + c);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      out.values[i] += bias.values[i];
      gates.values[i] += bias_of_gates.values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) out.values[i] *= sigmoid(gates.values[i]);
  write<kWidth>(p.out + row * p.size + c, out);
}

template <int kWidth, typename T>
void run(const GateRowsParams<T>& p, Stream stream) {
  const int64_t tile = kThreads * kWidth;
  const auto tiles = static_cast<unsigned>((p.size + tile - 1) / tile);
  launch("gate_rows", &gate<kWidth, T>, {{static_cast<unsigned>(p.rows), tiles, 1}, kThreads},
         stream, p);
}

template <int kWidth, typename T>
void run(const FinishRowsParams<T>& p, Stream stream) {
  const auto rows = static_cast<unsigned>(p.rows);
  if (p.norm_weight == nullptr) {
    const int64_t tile = kThreads * kWidth;
    const auto tiles = static_cast<unsigned>((p.size + tile - 1) / tile);
    launch("finish_rows", &without_norm<kWidth, T>, {{rows, tiles, 1}, kThreads}, stream, p);
  } else {
    const size_t shared =
        shared_bytes<float>(row_floats<kWidth>(p.size)) + shared_bytes<float>(kWarps);
    launch("finish_rows", &with_norm<kWidth, T>, {{rows, 1, 1}, kThreads, shared}, stream, p);
  }
}

inline bool aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

}  // namespace finish_rows_kernel

// The longest row that fits into a block's shared memory (163 KiB from compute capability 8.0 on).
constexpr int64_t kFinishRowsMostColumns = 40960;

template <typename T>
void finish_rows(const FinishRowsParams<T>& p, Stream stream) {
  using namespace finish_rows_kernel;
  constexpr int kWide = 16 / sizeof(T);
  const bool wide = p.size % kWide == 0 && aligned(p.y) && aligned(p.bias) && aligned(p.residual) &&
                    aligned(p.sum) && aligned(p.norm_weight) && aligned(p.norm_bias) &&
                    aligned(p.out);
  if (wide) {
    run<kWide>(p, stream);
  } else {
    run<1>(p, stream);
  }
}

template <typename T>
void gate_rows(const GateRowsParams<T>& p, Stream stream) {
  using namespace finish_rows_kernel;
  constexpr int kWide = 16 / sizeof(T);
  if (p.size % kWide == 0 && aligned(p.y) && aligned(p.bias) && aligned(p.out)) {
    run<kWide>(p, stream);
  } else {
    run<1>(p, stream);
  }
}

}  // namespace w2vbert::cuda
