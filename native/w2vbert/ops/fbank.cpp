#include "w2vbert/ops/fbank.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "w2vbert/ops/checks.h"
#include "w2vbert/ops/composite/fbank.h"
#include "w2vbert/ops/cpu/fbank_plan.h"
#include "w2vbert/ops/fbank_stretches.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops {
namespace {

constexpr const char* kOp = "fbank";

Tensor run_kernel(const Tensor& samples, const Tensor& offsets, const cpu::FbankPlan& plan) {
  const Tensor packed = aten::contiguous(samples);
  const int64_t* const bounds = offsets.data<int64_t>();
  std::vector<FbankStretch> stretches;
  int64_t total_frames = 0;
  for (int64_t i = 0; i + 1 < offsets.numel(); ++i) {
    const int64_t frames = std::max<int64_t>(0, cpu::fbank_frames(bounds[i + 1] - bounds[i]));
    stretches.push_back({packed.data<float>() + bounds[i], frames, nullptr});
    total_frames += frames;
  }
  const int64_t bins = plan.tables().num_mel_bins;
  const Tensor out = Tensor::empty({total_frames, bins}, DType::kFloat32);
  float* rows = out.data<float>();
  for (FbankStretch& stretch : stretches) {
    stretch.out = rows;
    rows += stretch.frames * bins;
  }
  fbank_stretches(plan, stretches);
  return out;
}

const OperatorRegistration registration{
    "fbank(Tensor samples, Tensor offsets, int num_mel_bins, int sampling_rate) -> Tensor",
    "fbank",
    {{"CPU", boxed<&fbank>}, {"Autograd", boxed<&fbank>}}};

}  // namespace

Tensor fbank(const Tensor& samples, const Tensor& offsets, int64_t num_mel_bins,
             int64_t sampling_rate) {
  if (!samples.defined() || samples.dim() != 1 || !samples.is_cpu() ||
      (samples.dtype() != DType::kFloat32 && samples.dtype() != DType::kFloat64)) {
    refuse(kOp, "samples", samples.describe(), "float32 or float64 [total_samples] on the CPU");
  }
  check_offsets(kOp, offsets, samples.numel(), "samples");
  const Tensor bounds = aten::contiguous(offsets);
  const auto plan = cpu::FbankPlan::get(num_mel_bins, sampling_rate);
  if (GradMode::enabled() || samples.dtype() == DType::kFloat64) {
    return composite::fbank(samples, bounds, *plan);
  }
  return run_kernel(samples, bounds, *plan);
}

}  // namespace w2vbert::ops
