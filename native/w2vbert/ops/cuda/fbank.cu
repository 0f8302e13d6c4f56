#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "w2vbert/ops/cpu/fbank_plan.h"
#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/fbank.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

using w2vbert::cuda::FbankClip;
using w2vbert::cuda::FbankFilter;
using w2vbert::cuda::FbankParams;
using w2vbert::cuda::FbankTables;

constexpr const char* kOp = "fbank";
constexpr const char* kFeaturesOp = "fbank_features";
constexpr int64_t kClipFields = sizeof(FbankClip) / sizeof(int64_t);

// The constants on a device, copied there once per process and never freed: a captured graph may
// refer to them for ever.
FbankTables device_tables(const CudaDevice& device, int64_t num_mel_bins, int64_t sampling_rate) {
  struct Memory {
    int64_t sampling_rate;
    Tensor doubles;
    Tensor filters;  // FbankFilter as int32 [num_mel_bins, 3]
  };
  static std::mutex mutex;
  static auto& memory = *new std::vector<Memory>;
  const auto plan = cpu::FbankPlan::get(num_mel_bins, sampling_rate);
  const std::lock_guard<std::mutex> lock(mutex);
  auto own = std::find_if(memory.begin(), memory.end(), [&](const Memory& each) {
    return each.sampling_rate == sampling_rate && each.filters.size(0) == num_mel_bins &&
           device.has(each.filters);
  });
  if (own == memory.end()) {
    std::vector<double> doubles = w2vbert::cuda::fbank_doubles(plan->tables());
    std::vector<FbankFilter> filters = w2vbert::cuda::fbank_filters(plan->tables());
    const auto copy = [&](void* from, const Shape& shape, DType dtype) {
      return device.here(Tensor::from_blob(from, shape, dtype, nullptr));
    };
    const auto count = static_cast<int64_t>(doubles.size());
    own =
        memory.insert(memory.end(), {sampling_rate, copy(doubles.data(), {count}, DType::kFloat64),
                                     copy(filters.data(), {num_mel_bins, 3}, DType::kInt32)});
    device.wait();  // other streams read them, too
  }
  return w2vbert::cuda::fbank_tables(num_mel_bins, data<double>(own->doubles),
                                     static_cast<const FbankFilter*>(own->filters.raw_data()));
}

void check_samples(const char* op, const Tensor& samples) {
  if (!is_cuda(samples) || samples.dim() != 1 ||
      (samples.dtype() != DType::kFloat32 && samples.dtype() != DType::kInt16)) {
    refuse(op, "samples", describe_with_device(samples),
           "float32 or int16 [total_samples] on a CUDA device");
  }
  if (GradMode::enabled()) refuse(op, "the gradient mode", "enabled", "no gradients on CUDA");
}

struct Clips {
  Tensor table;  // FbankClip as int64 [clips, kClipFields], on the device
  int64_t count;
  int64_t longest;
};

void log_mel(const CudaDevice& device, const FbankTables& tables, const Tensor& samples,
             const Clips& clips, const Tensor& out) {
  const Tensor packed = aten::contiguous(samples);
  const auto* table = static_cast<const FbankClip*>(clips.table.raw_data());
  if (samples.dtype() == DType::kInt16) {
    w2vbert::cuda::fbank(FbankParams<int16_t>{tables, data<int16_t>(packed), table, clips.count,
                                              clips.longest, data<float>(out)},
                         device.stream());
  } else {
    w2vbert::cuda::fbank(FbankParams<float>{tables, data<float>(packed), table, clips.count,
                                            clips.longest, data<float>(out)},
                         device.stream());
  }
}

Tensor fbank(const Tensor& samples, const Tensor& offsets, int64_t num_mel_bins,
             int64_t sampling_rate) {
  check_samples(kOp, samples);
  check_offsets(kOp, offsets, samples.numel(), "samples");
  const CudaDevice device(samples);
  const FbankTables tables = device_tables(device, num_mel_bins, sampling_rate);
  const Tensor bounds = aten::contiguous(offsets);
  const int64_t* const bound = bounds.data<int64_t>();
  std::vector<int64_t> fields;
  int64_t frames = 0;
  int64_t longest = 0;
  for (int64_t i = 0; i + 1 < bounds.numel(); ++i) {
    const int64_t own = std::max<int64_t>(0, cpu::fbank_frames(bound[i + 1] - bound[i]));
    fields.insert(fields.end(), {bound[i], own, frames, 0, 0, 0, 0});
    frames += own;
    longest = std::max(longest, own);
  }
  const int64_t count = bounds.numel() - 1;
  const Tensor out = device.empty({frames, num_mel_bins}, DType::kFloat32);
  if (frames == 0) return out;
  log_mel(device, tables, samples, {device.here(Tensor::of(fields)), count, longest}, out);
  return out;
}

// That no clip of a table on the CPU reaches beyond the samples or the rows.
void check_clips(const Tensor& clips, int64_t samples, int64_t frames, int64_t longest,
                 int64_t rows) {
  const Tensor packed = aten::contiguous(clips);
  const int64_t* field = packed.data<int64_t>();
  for (int64_t i = 0; i < clips.size(0); ++i, field += kClipFields) {
    // None of the sums overflows: every term is bounded before.
    const bool possible =
        std::all_of(field, field + kClipFields, [](int64_t x) { return x >= 0 && x <= INT32_MAX; });
    const int64_t end =
        field[1] == 0 ? field[0]
                      : field[0] + cpu::kFbankFrameSamples + (field[1] - 1) * cpu::kFbankHopSamples;
    if (!possible || end > samples || field[1] > longest || field[2] + field[1] > frames ||
        field[5] > field[1] || field[3] + field[4] + field[5] + field[6] > rows) {
      std::string values;
      for (int64_t k = 0; k < kClipFields; ++k) {
        values += (k == 0 ? "" : ", ") + std::to_string(field[k]);
      }
      refuse(kFeaturesOp, "clip " + std::to_string(i), values,
             "what lies inside " + std::to_string(samples) + " samples, " + std::to_string(frames) +
                 " frames, the longest clip of " + std::to_string(longest) + ", and " +
                 std::to_string(rows) + " rows");
    }
  }
}

Tensor features(const Tensor& samples, const Tensor& clips, int64_t frames, int64_t longest,
                int64_t rows, int64_t num_mel_bins, int64_t sampling_rate, bool normalize,
                double padding, int64_t scalar_type) {
  check_samples(kFeaturesOp, samples);
  const auto dtype = static_cast<DType>(scalar_type);
  if (dtype != DType::kFloat32 && dtype != DType::kFloat16 && dtype != DType::kBFloat16) {
    refuse(kFeaturesOp, "scalar_type", std::to_string(scalar_type),
           "5, 6 or 15: float16, float32 or bfloat16");
  }
  if (!clips.defined() || clips.dim() != 2 || clips.size(1) != kClipFields ||
      clips.dtype() != DType::kInt64) {
    refuse(kFeaturesOp, "clips", describe_with_device(clips),
           "int64 [clips, " + std::to_string(kClipFields) + "]");
  }
  const std::pair<const char*, int64_t> sizes[] = {
      {"frames", frames}, {"longest", longest}, {"rows", rows}};
  for (const auto& [name, size] : sizes) {
    if (size < 0 || size > INT32_MAX) {
      refuse(kFeaturesOp, name, std::to_string(size), "0 to " + std::to_string(INT32_MAX));
    }
  }
  const CudaDevice device(samples);
  if (clips.is_cpu()) {
    check_clips(clips, samples.numel(), frames, longest, rows);
  } else if (!device.has(clips)) {
    refuse(kFeaturesOp, "clips", describe_with_device(clips),
           "on the CPU or the device of samples");
  }
  const FbankTables tables = device_tables(device, num_mel_bins, sampling_rate);
  const Tensor out = device.empty({rows, num_mel_bins}, dtype);
  if (rows == 0) return out;
  const Clips on_device{device.here(clips), clips.size(0), longest};
  const Tensor logarithms = device.empty({frames, num_mel_bins}, DType::kFloat32);
  if (frames > 0) log_mel(device, tables, samples, on_device, logarithms);
  with_storage_type(dtype, [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::fbank_features(
        w2vbert::cuda::FbankFeaturesParams<T>{
            data<float>(logarithms), static_cast<const FbankClip*>(on_device.table.raw_data()),
            on_device.count, num_mel_bins, normalize, static_cast<float>(padding), data<T>(out)},
        device.stream());
  });
  return out;
}

const KernelRegistrations registrations{kOp,
                                        {{"CUDA", boxed<&fbank>}, {"AutogradCUDA", boxed<&fbank>}}};

// The features of audio/feature_extractor.h, [rows, num_mel_bins]: `rows` counts frames before they
// are joined, so that the result is viewed as [batch, time, stride * num_mel_bins]. Row i of
// `clips` says of a clip: first sample; frames; frames of the clips before it; first row; rows of
// padding before, rows of features, rows of padding after it. They are checked on the CPU; on the
// device they are the caller's responsibility, and `frames` (of all clips), `longest` and `rows`
// may be more than needed, for a captured graph. scalar_type: 5, 6 or 15.
const OperatorRegistration features_registration{
    "fbank_features(Tensor samples, Tensor clips, int frames, int longest, int rows, int "
    "num_mel_bins, int sampling_rate, bool normalize, float padding, int scalar_type) -> Tensor",
    kFeaturesOp,
    {{"CUDA", boxed<&features>}, {"AutogradCUDA", boxed<&features>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
