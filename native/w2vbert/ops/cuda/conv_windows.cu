#include <string>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/conv_windows.cuh"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

using w2vbert::cuda::ConvShape;

// What the arithmetic of the kernels has room for.
constexpr int64_t kMostOfShape = int64_t{1} << 20;

void check_at_least(const char* op, const char* argument, int64_t value, int64_t least,
                    int64_t most = kMostOfShape) {
  if (value < least || value > most) {
    refuse(op, argument, std::to_string(value),
           std::to_string(least) + " to " + std::to_string(most));
  }
}

ConvShape checked(const char* op, const ConvShape& conv) {
  check_at_least(op, "kernel", conv.kernel, 1);
  check_at_least(op, "stride", conv.stride, 1);
  check_at_least(op, "dilation", conv.dilation, 1);
  check_at_least(op, "padding", conv.padding, 0);
  return conv;
}

void check_offsets_on(const CudaDevice& device, const char* op, const char* argument,
                      const Tensor& offsets, int64_t utterances) {
  check_on(device, op, argument, offsets, DType::kInt64, {utterances + 1});
}

// The number of utterances.
int64_t check_first_offsets(const char* op, const Tensor& offsets) {
  if (!is_cuda(offsets) || offsets.dtype() != DType::kInt64 || offsets.dim() != 1 ||
      offsets.numel() == 0) {
    refuse(op, "offsets", describe_with_device(offsets), "int64 [utterances + 1] on a CUDA device");
  }
  return offsets.numel() - 1;
}

Tensor conv_offsets(const Tensor& offsets, int64_t kernel, int64_t stride, int64_t dilation,
                    int64_t padding) {
  constexpr const char* kOp = "conv_offsets";
  const ConvShape conv = checked(kOp, {kernel, stride, dilation, padding});
  const int64_t utterances = check_first_offsets(kOp, offsets);
  const CudaDevice device(offsets);
  const Tensor bounds = aten::contiguous(offsets);
  const Tensor out = device.empty(offsets.shape(), DType::kInt64);
  w2vbert::cuda::conv_offsets({conv, data<int64_t>(bounds), utterances, data<int64_t>(out)},
                              device.stream());
  return out;
}

Tensor conv_windows(const Tensor& x, const Tensor& offsets, const Tensor& output_offsets,
                    int64_t rows, int64_t kernel, int64_t stride, int64_t dilation, int64_t padding,
                    bool channels_first) {
  constexpr const char* kOp = "conv_windows";
  check_rows(kOp, "x", x);
  const ConvShape conv = checked(kOp, {kernel, stride, dilation, padding});
  check_at_least(kOp, "rows", rows, 0, kMostRows);
  const int64_t columns = x.size(1) * kernel;
  check_at_least(kOp, "kernel times the columns of x", columns, 1, kMostColumns);
  const int64_t utterances = check_first_offsets(kOp, offsets);
  const CudaDevice device(x);
  check_offsets_on(device, kOp, "offsets", offsets, utterances);
  check_offsets_on(device, kOp, "output_offsets", output_offsets, utterances);
  const Tensor out = device.empty({rows, columns}, x.dtype());
  if (rows == 0) return out;
  const Tensor from = aten::contiguous(x);
  const Tensor bounds = aten::contiguous(offsets);
  const Tensor output_bounds = aten::contiguous(output_offsets);
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::conv_windows(
        w2vbert::cuda::ConvWindowsParams<T>{conv, data<T>(from), x.size(0), x.size(1),
                                            data<int64_t>(bounds), data<int64_t>(output_bounds),
                                            utterances, channels_first, data<T>(out), rows},
        device.stream());
  });
  return out;
}

Tensor adapter_valid(const Tensor& valid, const Tensor& offsets, const Tensor& output_offsets,
                     int64_t rows, int64_t kernel, int64_t stride, int64_t layers) {
  constexpr const char* kOp = "adapter_valid";
  if (!is_cuda(valid) || valid.dtype() != DType::kBool || valid.dim() != 1) {
    refuse(kOp, "valid", describe_with_device(valid), "bool [rows] on a CUDA device");
  }
  checked(kOp, {kernel, stride, 1, 0});
  check_at_least(kOp, "layers", layers, 0);
  check_at_least(kOp, "rows", rows, 0, kMostRows);
  const int64_t utterances = check_first_offsets(kOp, offsets);
  const CudaDevice device(valid);
  check_offsets_on(device, kOp, "offsets", offsets, utterances);
  check_offsets_on(device, kOp, "output_offsets", output_offsets, utterances);
  const Tensor out = device.empty({rows}, DType::kBool);
  const Tensor marks = aten::contiguous(valid);
  const Tensor bounds = aten::contiguous(offsets);
  const Tensor output_bounds = aten::contiguous(output_offsets);
  w2vbert::cuda::adapter_valid(
      {kernel, stride, layers, data<bool>(marks), valid.size(0), data<int64_t>(bounds),
       data<int64_t>(output_bounds), utterances, data<bool>(out), rows},
      device.stream());
  return out;
}

// Of a convolution's output rows.
const OperatorRegistration offsets_registration{
    "conv_offsets(Tensor offsets, int kernel, int stride, int dilation, int padding) -> Tensor",
    "conv_offsets",
    {{"CUDA", boxed<&conv_offsets>}, {"AutogradCUDA", boxed<&conv_offsets>}}};

// What each output row reads, channel by channel or input row by input row: [rows, columns of x *
// kernel]; zeros from the last of output_offsets, conv_offsets of offsets, on.
const OperatorRegistration windows_registration{
    "conv_windows(Tensor x, Tensor offsets, Tensor output_offsets, int rows, int kernel, int "
    "stride, int dilation, int padding, bool channels_first) -> Tensor",
    "conv_windows",
    {{"CUDA", boxed<&conv_windows>}, {"AutogradCUDA", boxed<&conv_windows>}}};

// Which rows are valid after some of an adapter's layers: bool [rows], false from the last of
// output_offsets on.
const OperatorRegistration valid_registration{
    "adapter_valid(Tensor valid, Tensor offsets, Tensor output_offsets, int rows, int kernel, int "
    "stride, int layers) -> Tensor",
    "adapter_valid",
    {{"CUDA", boxed<&adapter_valid>}, {"AutogradCUDA", boxed<&adapter_valid>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
