// Convolutions over time as matrix products, of utterances packed one after another: the rows that
// each output row reads, side by side. Offsets that are not what they should be give wrong results,
// but touch no other memory. All arrays are contiguous.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// Output row t reads the input rows t * stride - padding + k * dilation of its utterance.
struct ConvShape {
  int64_t kernel;
  int64_t stride;
  int64_t dilation;
  int64_t padding;  // rows of zeros at either end of an utterance
};

// Output rows of an utterance of `time` rows.
W2VBERT_HOST_DEVICE int64_t conv_length(const ConvShape& conv, int64_t time) {
  const int64_t room = time + 2 * conv.padding - conv.dilation * (conv.kernel - 1) - 1;
  return time <= 0 || room < 0 ? 0 : room / conv.stride + 1;
}

struct ConvOffsetsParams {
  ConvShape conv;
  const int64_t* offsets;  // [utterances + 1]
  int64_t utterances;
  int64_t* output_offsets;  // [utterances + 1]
};

template <typename T>
struct ConvWindowsParams {
  ConvShape conv;
  const T* x;  // [rows, channels]
  int64_t rows;
  int64_t channels;
  const int64_t* offsets;         // [utterances + 1]
  const int64_t* output_offsets;  // [utterances + 1], see conv_offsets
  int64_t utterances;
  bool channels_first;
  // [output_rows, channels, kernel], or [output_rows, kernel, channels] if not `channels_first`;
  // zeros from output_offsets[utterances] on.
  T* out;
  int64_t output_rows;
};

// Of utterance u, the first n rows: where the reference counts n valid rows from the v of `valid`,
// as in Wav2Vec2BertConfig's adapter layers, one after the other.
struct AdapterValidParams {
  int64_t kernel;
  int64_t stride;
  int64_t layers;
  const bool* valid;  // [rows]
  int64_t rows;
  const int64_t* offsets;         // [utterances + 1], of `valid`
  const int64_t* output_offsets;  // [utterances + 1], of `out`
  int64_t utterances;
  bool* out;  // [output_rows], false from output_offsets[utterances] on
  int64_t output_rows;
};

namespace conv_windows_kernel {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;

// Grid: one warp.
__global__ void __launch_bounds__(kWarp) offsets(ConvOffsetsParams p) {
  int64_t total = 0;
  if (lane() == 0) p.output_offsets[0] = 0;
  for (int64_t first = 0; first < p.utterances; first += kWarp) {
    const int64_t utterance = first + lane();
    int64_t sum = utterance < p.utterances
                      ? conv_length(p.conv, p.offsets[utterance + 1] - p.offsets[utterance])
                      : 0;
    for (int lanes = 1; lanes < kWarp; lanes *= 2) {
      const int64_t below = shuffle_up(sum, lanes);
      if (lane() >= lanes) sum += below;
    }
    if (utterance < p.utterances) p.output_offsets[utterance + 1] = total + sum;
    total += shuffle(sum, kWarp - 1);
  }
}

// Grid: (output row, tile of columns): kWidth neighbours per thread. Writing is in order; what is
// read comes from the cache but for the first time.
template <int kWidth, typename T>
__global__ void __launch_bounds__(kThreads) windows(ConvWindowsParams<T> p) {
  const int64_t row = blockIdx.x;
  const int64_t columns = p.channels * p.conv.kernel;
  const int64_t first = (int64_t{blockIdx.y} * kThreads + threadIdx.x) * kWidth;
  if (first >= columns) return;
  int64_t utterance = 0;  // the last one that does not begin after the row
  for (int64_t high = p.utterances - 1; utterance < high;) {
    const int64_t middle = (utterance + high + 1) / 2;
    if (p.output_offsets[middle] <= row) {
      utterance = middle;
    } else {
      high = middle - 1;
    }
  }
  // The utterance's rows; none where the output row is nobody's.
  const bool owned = row < p.output_offsets[p.utterances];
  const int64_t begin = owned ? p.offsets[utterance] : 0;
  const int64_t end = owned ? p.offsets[utterance + 1] : 0;
  const int64_t time = row - p.output_offsets[utterance];
  const int64_t base = begin + time * p.conv.stride - p.conv.padding;
  // Of a column: its offset in the kernel, its channel.
  const auto divisor = static_cast<uint32_t>(p.channels_first ? p.conv.kernel : p.channels);
  uint32_t quotient = static_cast<uint32_t>(first) / divisor;
  uint32_t rest = static_cast<uint32_t>(first) % divisor;
  Vector<T, kWidth> vector;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const int64_t k = p.channels_first ? rest : quotient;
    const int64_t channel = p.channels_first ? quotient : rest;
    const int64_t from = base + k * p.conv.dilation;
    const bool inside = from >= begin && from < end && from >= 0 && from < p.rows;
    vector[i] = inside ? p.x[from * p.channels + channel] : from_float<T>(0.0f);
    if (++rest == divisor) {
      rest = 0;
      ++quotient;
    }
  }
  store_vector(p.out + row * columns + first, vector);
}

// Grid: utterances.
__global__ void __launch_bounds__(kThreads) adapter_valid(AdapterValidParams p) {
  SharedMemory memory;
  const SharedArray<int> counts = memory.take<int>(kWarps);
  const int64_t utterance = blockIdx.x;
  const int64_t begin = p.offsets[utterance];
  const int64_t end = p.offsets[utterance + 1] < p.rows ? p.offsets[utterance + 1] : p.rows;
  int count = 0;  // of the warp
  for (int64_t first = begin + warp() * kWarp; first < end; first += kThreads) {
    const int64_t row = first + lane();
    count += count_ones(ballot(row >= 0 && row < end && p.valid[row]));
  }
  if (lane() == 0) counts.store(warp(), count);
  sync_threads();
  int64_t length = 0;
  for (int i = 0; i < kWarps; ++i) length += counts.load(i);
  for (int64_t layer = 0; layer < p.layers; ++layer) {
    const int64_t room = length - p.kernel % 2;
    length = room < 0 ? 0 : room / p.stride + 1;
  }
  const int64_t output_begin = p.output_offsets[utterance];
  // The last one also has the rows that are nobody's.
  const bool last = utterance + 1 == p.utterances;
  const int64_t output_end = p.output_offsets[utterance + 1];
  const int64_t stop = last || output_end > p.output_rows ? p.output_rows : output_end;
  for (int64_t row = output_begin + threadIdx.x; row < stop; row += kThreads) {
    if (row >= 0) p.out[row] = row < output_end && row - output_begin < length;
  }
}

template <int kWidth, typename T>
void run(const ConvWindowsParams<T>& p, Stream stream) {
  const int64_t tile = kThreads * kWidth;
  const auto tiles = static_cast<unsigned>((p.channels * p.conv.kernel + tile - 1) / tile);
  launch("conv_windows", &windows<kWidth, T>,
         {{static_cast<unsigned>(p.output_rows), tiles, 1}, kThreads}, stream, p);
}

}  // namespace conv_windows_kernel

inline void conv_offsets(const ConvOffsetsParams& p, Stream stream) {
  launch("conv_offsets", &conv_windows_kernel::offsets, {{1, 1, 1}, kWarp}, stream, p);
}

template <typename T>
void conv_windows(const ConvWindowsParams<T>& p, Stream stream) {
  constexpr int kWide = 16 / sizeof(T);
  if (p.channels * p.conv.kernel % kWide == 0 && reinterpret_cast<uintptr_t>(p.out) % 16 == 0) {
    conv_windows_kernel::run<kWide>(p, stream);
  } else {
    conv_windows_kernel::run<1>(p, stream);
  }
}

inline void adapter_valid(const AdapterValidParams& p, Stream stream) {
  using namespace conv_windows_kernel;
  launch("adapter_valid", &conv_windows_kernel::adapter_valid,
         {{static_cast<unsigned>(p.utterances), 1, 1}, kThreads, shared_bytes<int>(kWarps)}, stream,
         p);
}

}  // namespace w2vbert::cuda
