#include "w2vbert/ops/composite/fbank.h"

#include <algorithm>

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops::composite {
namespace {

using cpu::kFbankFftSize;
using cpu::kFbankFrameSamples;
using cpu::kFbankHopSamples;

constexpr int64_t kBins = kFbankFftSize / 2 + 1;

// [400]
Tensor window(const cpu::FbankTables& tables) {
  const Tensor result = Tensor::empty({kFbankFrameSamples}, DType::kFloat64);
  for (int64_t i = 0; i < kFbankFrameSamples; ++i) {
    result.data<double>()[i] = 2 * tables.half_window[i];
  }
  return result;
}

// [257, num_mel_bins]
Tensor mel_filters(const cpu::FbankTables& tables) {
  const Tensor result = Tensor::zeros({kBins, tables.num_mel_bins}, DType::kFloat64);
  double* const filters = result.data<double>();
  const double* weight = tables.mel_weights;
  for (int64_t m = 0; m < tables.num_mel_bins; ++m) {
    const cpu::FbankMelFilter filter = tables.mel_filters[m];
    for (int64_t k = filter.first_bin; k < filter.first_bin + filter.bins; ++k) {
      filters[k * tables.num_mel_bins + m] = *weight++;
    }
  }
  return result;
}

// [frames, 257] of frames [frames, 400]
Tensor power_spectrum(const Tensor& frames, const Tensor& window, DType precision) {
  const Tensor mean =
      aten::call("aten::mean", "dim", {{frames}, {Shape{1}, true}, {true}, {aten::None{}}});
  const Tensor centred = aten::add(frames, mean, -1.0);
  const Tensor previous = aten::cat(
      {aten::narrow(centred, 1, 0, 1), aten::narrow(centred, 1, 0, kFbankFrameSamples - 1)}, 1);
  const Tensor windowed = aten::mul(aten::add(centred, previous, -0.97), window);
  const Tensor spectrum = aten::call(
      "aten::fft_rfft", "", {{windowed}, {kFbankFftSize, true}, {int64_t{1}}, {aten::None{}}});
  const Tensor parts = aten::call("aten::view_as_real", "", {{spectrum}});
  const Tensor rounded = aten::to(aten::to(parts, precision), DType::kFloat64);
  return aten::call("aten::sum", "dim_IntList",
                    {{aten::mul(rounded, rounded)}, {Shape{2}, true}, {false}, {aten::None{}}});
}

}  // namespace

Tensor fbank(const Tensor& samples, const Tensor& offsets, const cpu::FbankPlan& plan) {
  const cpu::FbankTables tables = plan.tables();
  const Tensor povey = window(tables);
  const Tensor filters = mel_filters(tables);
  const Tensor floor = Tensor::scalar(0x1p-23);
  const Tensor scaled = aten::to(aten::mul(samples, Tensor::scalar(32768.0)), DType::kFloat64);
  const int64_t* const bounds = offsets.data<int64_t>();
  aten::TensorList clips;
  for (int64_t i = 0; i + 1 < offsets.numel(); ++i) {
    const int64_t count = bounds[i + 1] - bounds[i];
    if (count < kFbankFrameSamples) continue;
    const Tensor frames = aten::call("aten::unfold", "",
                                     {{aten::narrow(scaled, 0, bounds[i], count)},
                                      {int64_t{0}},
                                      {kFbankFrameSamples},
                                      {kFbankHopSamples}});
    const Tensor power = power_spectrum(frames, povey, samples.dtype());
    const Tensor energy =
        aten::call("aten::maximum", "", {{aten::matmul(power, filters)}, {floor}});
    clips.push_back(aten::to(aten::unary("aten::log", energy), samples.dtype()));
  }
  if (clips.empty()) return Tensor::empty({0, tables.num_mel_bins}, samples.dtype());
  return aten::cat(clips, 0);
}

}  // namespace w2vbert::ops::composite
