// The log-mel filter bank of ops/cpu/fbank_kernel.h and the input features that
// audio/feature_extractor.h makes of it, for clips packed one after another, in two launches:
//   fbank           a row of logarithms per frame
//   fbank_features  each mel bin of a clip normalised over the clip's frames, and the rows that are
//                   padding
// Spectra are computed in float64, as on the CPU and in the reference: some 20,000 operations a
// frame, 2 million a second of audio. Neither the other frames nor the other clips change a row,
// not even its last bit.
#pragma once

#include <cmath>
#include <vector>

#include "w2vbert/ops/cpu/fbank_kernel.h"
#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

struct FbankFilter {
  int32_t first_bin;
  int32_t bins;
  int32_t first_weight;
};

// cpu::FbankTables on the device.
struct FbankTables {
  const double* half_window;       // [400]
  const double* fft_twiddles;      // [486]
  const double* split_twiddles;    // [128, 2]
  const double* mel_weights;       // the filters' weights one after another
  const FbankFilter* mel_filters;  // [num_mel_bins]
  int64_t num_mel_bins;
};

// What the device's memory is to hold: fbank_doubles and fbank_filters, as fbank_tables finds it
// there.
constexpr int64_t kFbankWindow = 400;
constexpr int64_t kFbankTwiddles = 6 * (63 + 15 + 3);
constexpr int64_t kFbankSplitTwiddles = 256;

inline std::vector<FbankFilter> fbank_filters(const cpu::FbankTables& tables) {
  std::vector<FbankFilter> filters;
  int32_t weights = 0;
  for (int64_t m = 0; m < tables.num_mel_bins; ++m) {
    const cpu::FbankMelFilter filter = tables.mel_filters[m];
    filters.push_back({filter.first_bin, filter.bins, weights});
    weights += filter.bins;
  }
  return filters;
}

inline std::vector<double> fbank_doubles(const cpu::FbankTables& tables) {
  const FbankFilter last = fbank_filters(tables).back();
  std::vector<double> doubles;
  const auto append = [&](const double* from, int64_t count) {
    doubles.insert(doubles.end(), from, from + count);
  };
  append(tables.half_window, kFbankWindow);
  append(tables.fft_twiddles, kFbankTwiddles);
  append(tables.split_twiddles, kFbankSplitTwiddles);
  append(tables.mel_weights, last.first_weight + last.bins);
  return doubles;
}

inline FbankTables fbank_tables(int64_t num_mel_bins, const double* doubles,
                                const FbankFilter* filters) {
  const double* const twiddles = doubles + kFbankWindow;
  const double* const split = twiddles + kFbankTwiddles;
  return {doubles, twiddles, split, split + kFbankSplitTwiddles, filters, num_mel_bins};
}

// On the device, as all arrays.
struct FbankClip {
  int64_t first_sample;
  int64_t frames;
  int64_t first_frame;  // row of log_mel
  // Its rows of the features, counted in frames, from first_row on: padding, its first `kept`
  // frames, padding.
  int64_t first_row;
  int64_t padding_before;
  int64_t kept;
  int64_t padding_after;
};

template <typename Sample>
struct FbankParams {
  FbankTables tables;
  const Sample* samples;  // float32 of about -1 to 1, or 16 bits
  const FbankClip* clips;
  int64_t clip_count;
  int64_t longest;  // no clip has more frames; more than needed costs empty blocks only
  float* log_mel;   // [frames of all clips, num_mel_bins]
};

template <typename T>
struct FbankFeaturesParams {
  const float* log_mel;
  const FbankClip* clips;
  int64_t clip_count;
  int64_t num_mel_bins;
  bool normalize;
  float padding;
  T* features;  // [rows of all clips, num_mel_bins]
};

namespace fbank_kernel {

constexpr int kFrameSamples = 400;
constexpr int kHopSamples = 160;
constexpr int kPoints = 256;       // complex: sample 2 n + i sample 2 n + 1
constexpr int kFrameThreads = 64;  // a butterfly of four points each
constexpr int kFramesPerBlock = 4;
constexpr int kFrameThreadsOfBlock = kFramesPerBlock * kFrameThreads;
constexpr int kFrameWarps = kFrameThreads / kWarp;
constexpr double kFloor = 0x1p-23;

struct Complex {
  double re;
  double im;
};
W2VBERT_DEVICE Complex operator+(const Complex& a, const Complex& b) {
  return {a.re + b.re, a.im + b.im};
}
W2VBERT_DEVICE Complex operator-(const Complex& a, const Complex& b) {
  return {a.re - b.re, a.im - b.im};
}
// a * (w[0] + i w[1])
W2VBERT_DEVICE Complex rotate(const Complex& a, const double* w) {
  return {a.re * w[0] - a.im * w[1], a.re * w[1] + a.im * w[0]};
}

// The points of one frame. One is left out after 16, for the sake of the banks.
class Points {
 public:
  static constexpr int kSize = kPoints + kPoints / 16;
  W2VBERT_DEVICE Points(const SharedArray<double>& re, const SharedArray<double>& im)
      : re_(re), im_(im) {}
  W2VBERT_DEVICE Complex load(int i) const { return {re_.load(i + i / 16), im_.load(i + i / 16)}; }
  W2VBERT_DEVICE void store(int i, const Complex& z) const {
    re_.store(i + i / 16, z.re);
    im_.store(i + i / 16, z.im);
  }

 private:
  SharedArray<double> re_;
  SharedArray<double> im_;
};

// Radix-4 butterfly, decimation in frequency; outputs 1, 2 and 3 are multiplied by the factors `w`,
// unless it is null. As in ops/cpu/fbank_impl.inc.
W2VBERT_DEVICE void butterfly(Complex (&z)[4], const double* w) {
  const Complex sum_ac = z[0] + z[2], difference_ac = z[0] - z[2];
  const Complex sum_bd = z[1] + z[3], difference_bd = z[1] - z[3];
  const Complex turned = {difference_bd.im, -difference_bd.re};
  const Complex y1 = difference_ac + turned, y2 = sum_ac - sum_bd, y3 = difference_ac - turned;
  z[0] = sum_ac + sum_bd;
  z[1] = w == nullptr ? y1 : rotate(y1, w);
  z[2] = w == nullptr ? y2 : rotate(y2, w + 2);
  z[3] = w == nullptr ? y3 : rotate(y3, w + 4);
}

// A butterfly of the thread's points `span` apart.
template <int kSpan>
W2VBERT_DEVICE void transform_step(const Points& points, int thread, const double* twiddles) {
  const int j = thread % kSpan;
  const int first = thread / kSpan * 4 * kSpan + j;
  Complex z[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) z[i] = points.load(first + i * kSpan);
  butterfly(z, j == 0 ? nullptr : twiddles + 6 * (j - 1));
#pragma unroll
  for (int i = 0; i < 4; ++i) points.store(first + i * kSpan, z[i]);
}

// Where the transform leaves frequency k: its four base-4 digits, reversed.
W2VBERT_DEVICE int position(int k) { return (k & 3) << 6 | (k & 12) << 2 | (k & 48) >> 2 | k >> 6; }

W2VBERT_DEVICE double power(double re, double im) {
  const double rounded_re = static_cast<double>(static_cast<float>(re));
  const double rounded_im = static_cast<double>(static_cast<float>(im));
  return rounded_re * rounded_re + rounded_im * rounded_im;
}

W2VBERT_DEVICE double scaled(float sample) { return static_cast<double>(sample * 32768.0f); }
W2VBERT_DEVICE double scaled(int16_t sample) { return static_cast<double>(sample); }

W2VBERT_DEVICE double sum_of_warp(double value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += shuffle_xor(value, lanes);
  return value;
}

// Grid: (frames of a clip, four a block; clip). Shared memory: 25 KiB.
template <typename Sample>
__global__ void __launch_bounds__(kFrameThreadsOfBlock) log_mel(FbankParams<Sample> p) {
  const FbankClip clip = p.clips[blockIdx.y];
  const int64_t first = int64_t{blockIdx.x} * kFramesPerBlock;
  if (first >= clip.frames) return;
  const int of_block = static_cast<int>(threadIdx.x) / kFrameThreads;
  const int thread = static_cast<int>(threadIdx.x) % kFrameThreads;
  // Past the end the last frame is computed again, but not written.
  const bool exists = first + of_block < clip.frames;
  const int64_t frame = exists ? first + of_block : clip.frames - 1;
  const Sample* samples = p.samples + clip.first_sample + frame * kHopSamples;

  SharedMemory shared;
  const SharedArray<double> re = shared.take<double>(kFramesPerBlock * Points::kSize);
  const SharedArray<double> im = shared.take<double>(kFramesPerBlock * Points::kSize);
  const SharedArray<double> powers = shared.take<double>(kFramesPerBlock * kPoints);
  const SharedArray<double> sums = shared.take<double>(kFramesPerBlock * kFrameWarps);
  const SharedArray<int32_t> spoilt = shared.take<int32_t>(kFramesPerBlock * kFrameWarps);
  const int first_warp = of_block * kFrameWarps;
  const Points points(re.part(of_block * Points::kSize, Points::kSize),
                      im.part(of_block * Points::kSize, Points::kSize));

  // Samples 2 n - 1, 2 n and 2 n + 1 of the four points n of this thread.
  double x[4][3] = {};
  double sum = 0.0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int n = thread + i * kFrameThreads;
    if (2 * n >= kFrameSamples) continue;
    x[i][1] = scaled(samples[2 * n]);
    x[i][2] = scaled(samples[2 * n + 1]);
    x[i][0] = n == 0 ? x[i][1] : scaled(samples[2 * n - 1]);
    sum += x[i][1] + x[i][2];
  }
  sum = sum_of_warp(sum);
  if (lane() == 0) sums.store(warp(), sum);
  sync_threads();
  const double mean = (sums.load(first_warp) + sums.load(first_warp + 1)) / kFrameSamples;
  Complex z[4] = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int n = thread + i * kFrameThreads;
    if (2 * n >= kFrameSamples) continue;
    const double previous = x[i][0] - mean, even = x[i][1] - mean, odd = x[i][2] - mean;
    z[i].re = (even - 0.97 * previous) * p.tables.half_window[2 * n];
    z[i].im = (odd - 0.97 * even) * p.tables.half_window[2 * n + 1];
  }

  const double* twiddles = p.tables.fft_twiddles;
  butterfly(z, thread == 0 ? nullptr : twiddles + 6 * (thread - 1));
#pragma unroll
  for (int i = 0; i < 4; ++i) points.store(thread + i * kFrameThreads, z[i]);
  twiddles += 6 * 63;
  sync_threads();
  transform_step<16>(points, thread, twiddles);
  twiddles += 6 * 15;
  sync_threads();
  transform_step<4>(points, thread, twiddles);
  sync_threads();
  transform_step<1>(points, thread, nullptr);
  sync_threads();

  // From the transform of even + i odd samples to the powers of bins 0 to 255. The window is halved
  // for the sake of all bins but these two (and 256, which only tells whether it is finite).
  const SharedArray<double> power_of = powers.part(of_block * kPoints, kPoints);
  double total = 0.0;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int k = thread + i * kFrameThreads;
    double low;
    double high;
    if (k == 0) {
      const Complex zero = points.load(0);
      const Complex middle = points.load(position(kPoints / 2));
      low = power(2 * (zero.re + zero.im), 0.0);
      high = power(2 * middle.re, 2 * middle.im);
      total += power(2 * (zero.re - zero.im), 0.0);
    } else {
      const Complex a = points.load(position(k));
      const Complex b = points.load(position(kPoints - k));
      const Complex even = {a.re + b.re, a.im - b.im};
      const Complex turned = rotate({a.im + b.im, b.re - a.re}, p.tables.split_twiddles + 2 * k);
      low = power(even.re + turned.re, even.im + turned.im);
      high = power(even.re - turned.re, even.im - turned.im);
    }
    power_of.store(k, low);
    power_of.store(k == 0 ? kPoints / 2 : kPoints - k, high);
    total += low + high;
  }
  const uint32_t not_finite = ballot(!(total * 0.0 == 0.0));
  if (lane() == 0) spoilt.store(warp(), not_finite != 0 ? 1 : 0);
  sync_threads();
  if (!exists) return;
  // Every mel filter multiplies every bin, if mostly by 0.
  const bool is_spoilt = spoilt.load(first_warp) + spoilt.load(first_warp + 1) != 0;
  float* out = p.log_mel + (clip.first_frame + frame) * p.tables.num_mel_bins;
  for (int64_t m = thread; m < p.tables.num_mel_bins; m += kFrameThreads) {
    const FbankFilter filter = p.tables.mel_filters[m];
    double energy = 0.0;
    for (int k = 0; k < filter.bins; ++k) {
      energy += power_of.load(filter.first_bin + k) * p.tables.mel_weights[filter.first_weight + k];
    }
    out[m] = is_spoilt ? NAN : static_cast<float>(log(energy < kFloor ? kFloor : energy));
  }
}

constexpr int kBins = 8;      // of a block: 32 bytes of a frame
constexpr int kWorkers = 64;  // per bin
constexpr int kFeatureThreads = kBins * kWorkers;
constexpr int kFeatureWarps = kFeatureThreads / kWarp;

// The sum over the frames of term(value) for each bin; all of a bin's threads get it. In float64,
// so that the order means nothing but for the last bit.
template <typename Term>
W2VBERT_DEVICE double sum_frames(const SharedArray<double>& sums, const float* rows, int64_t frames,
                                 int64_t bins, bool exists, const Term& term) {
  const int worker = static_cast<int>(threadIdx.x) / kBins;
  double sum = 0.0;
  for (int64_t i = worker; exists && i < frames; i += kWorkers) sum += term(rows[i * bins]);
  for (int lanes = kBins; lanes < kWarp; lanes *= 2) sum += shuffle_xor(sum, lanes);
  sync_threads();  // the last sums were read
  if (lane() < kBins) sums.store(warp() * kBins + lane(), sum);
  sync_threads();
  sum = 0.0;
  for (int i = 0; i < kFeatureWarps; ++i) sum += sums.load(i * kBins + lane() % kBins);
  return sum;
}

// Grid: (mel bins, eight a block; clip).
template <typename T>
__global__ void __launch_bounds__(kFeatureThreads, 2) features(FbankFeaturesParams<T> p) {
  SharedMemory shared;
  const SharedArray<double> sums = shared.take<double>(kFeatureWarps * kBins);
  const FbankClip clip = p.clips[blockIdx.y];
  const int64_t bin = int64_t{blockIdx.x} * kBins + threadIdx.x % kBins;
  const int64_t bins = p.num_mel_bins;
  const bool exists = bin < bins;
  const float* rows = p.log_mel + clip.first_frame * bins + bin;

  // Rounded to float32 where the reference rounds. A clip of one frame has no deviation: 0 / 0.
  float mean = 0.0f;
  float deviation = 1.0f;
  if (p.normalize) {
    const auto frames = static_cast<double>(clip.frames);
    mean = static_cast<float>(sum_frames(sums, rows, clip.frames, bins, exists,
                                         [](float x) { return static_cast<double>(x); }) /
                              frames);
    const double squares = sum_frames(sums, rows, clip.frames, bins, exists, [&](float x) {
      const auto difference = static_cast<double>(x - mean);
      return difference * difference;
    });
    deviation = sqrtf(static_cast<float>(squares / (frames - 1.0)) + 1e-7f);
  }
  if (!exists) return;
  const int64_t end = clip.padding_before + clip.kept + clip.padding_after;
  for (int64_t i = threadIdx.x / kBins; i < end; i += kWorkers) {
    const int64_t frame = i - clip.padding_before;
    const bool real = frame >= 0 && frame < clip.kept;
    const float value = real ? (rows[frame * bins] - mean) / deviation : p.padding;
    p.features[(clip.first_row + i) * bins + bin] = from_float<T>(value);
  }
}

inline int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

constexpr int64_t kMostClips = 65535;  // of a grid

}  // namespace fbank_kernel

template <typename Sample>
void fbank(const FbankParams<Sample>& params, Stream stream) {
  using namespace fbank_kernel;
  FbankParams<Sample> p = params;
  for (int64_t left = params.clip_count; left > 0; left -= kMostClips) {
    const int64_t count = left < kMostClips ? left : kMostClips;
    const LaunchShape shape{{static_cast<unsigned>(blocks(p.longest, kFramesPerBlock)),
                             static_cast<unsigned>(count), 1},
                            kFrameThreadsOfBlock,
                            2 * shared_bytes<double>(kFramesPerBlock * Points::kSize) +
                                shared_bytes<double>(kFramesPerBlock * kPoints) +
                                shared_bytes<double>(kFramesPerBlock * kFrameWarps) +
                                shared_bytes<int32_t>(kFramesPerBlock * kFrameWarps)};
    launch("fbank", log_mel<Sample>, shape, stream, p);
    p.clips += count;
  }
}

template <typename T>
void fbank_features(const FbankFeaturesParams<T>& params, Stream stream) {
  using namespace fbank_kernel;
  FbankFeaturesParams<T> p = params;
  for (int64_t left = params.clip_count; left > 0; left -= kMostClips) {
    const int64_t count = left < kMostClips ? left : kMostClips;
    const LaunchShape shape{
        {static_cast<unsigned>(blocks(p.num_mel_bins, kBins)), static_cast<unsigned>(count), 1},
        kFeatureThreads,
        shared_bytes<double>(kFeatureWarps * kBins)};
    launch("fbank_features", features<T>, shape, stream, p);
    p.clips += count;
  }
}

}  // namespace w2vbert::cuda
