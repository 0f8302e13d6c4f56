#include <string>
#include <tuple>

#include "w2vbert/ops/activation.h"
#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/finish_rows.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

using DeviceActivation = w2vbert::cuda::Activation;

// Operators get an activation as the number of ops/activation.h; -1 is none.
constexpr int64_t number(DeviceActivation activation) {
  return static_cast<int64_t>(activation) - 1;
}
static_assert(number(DeviceActivation::kNone) == -1, "");
static_assert(number(DeviceActivation::kGelu) == static_cast<int64_t>(Activation::kGelu), "");
static_assert(number(DeviceActivation::kSigmoid) == static_cast<int64_t>(Activation::kSigmoid), "");

DeviceActivation activation_of(const char* op, const char* argument, int64_t value) {
  constexpr int64_t kLast = number(DeviceActivation::kSigmoid);
  if (value < -1 || value > kLast) {
    refuse(op, argument, std::to_string(value), "-1 to " + std::to_string(kLast));
  }
  return static_cast<DeviceActivation>(value + 1);
}

struct Finish {
  const OptionalTensor& bias;
  const OptionalTensor& residual;
  double scale;
  int64_t activation;
};

struct Norm {
  const Tensor& weight;
  const Tensor& bias;
  double eps;
  int64_t activation;
  const OptionalTensor& valid;
};

Tensor contiguous(const OptionalTensor& tensor) {
  return tensor ? aten::contiguous(*tensor) : Tensor();
}

// What a finish and a norm after it, either of which may be absent, make of y.
std::tuple<Tensor, Tensor> run(const char* op, const Tensor& y, const Finish* finish,
                               const Norm* norm) {
  check_rows(op, finish != nullptr ? "y" : "x", y);
  const CudaDevice device(y);
  const int64_t size = y.size(1);
  DeviceActivation activation = DeviceActivation::kNone;
  DeviceActivation norm_activation = DeviceActivation::kNone;
  Tensor bias;
  Tensor residual;
  Tensor sum;
  Tensor norm_weight;
  Tensor norm_bias;
  Tensor valid;
  Tensor out;
  if (finish != nullptr) {
    activation = activation_of(op, "activation", finish->activation);
    if (finish->bias) check_on(device, op, "bias", *finish->bias, y.dtype(), {size});
    if (finish->residual) check_on(device, op, "residual", *finish->residual, y.dtype(), y.shape());
    bias = contiguous(finish->bias);
    residual = contiguous(finish->residual);
    sum = device.empty(y.shape(), y.dtype());
  }
  if (norm != nullptr) {
    using w2vbert::cuda::kFinishRowsMostColumns;
    if (size > kFinishRowsMostColumns) {
      refuse(op, "the number of columns", std::to_string(size),
             "at most " + std::to_string(kFinishRowsMostColumns) + " for a norm");
    }
    norm_activation = activation_of(op, "norm_activation", norm->activation);
    check_on(device, op, "norm_weight", norm->weight, y.dtype(), {size});
    check_on(device, op, "norm_bias", norm->bias, y.dtype(), {size});
    if (norm->valid) check_on(device, op, "valid", *norm->valid, DType::kBool, {y.size(0)});
    norm_weight = aten::contiguous(norm->weight);
    norm_bias = aten::contiguous(norm->bias);
    valid = contiguous(norm->valid);
    out = device.empty(y.shape(), y.dtype());
  }
  if (y.numel() == 0) return {sum, out};
  const Tensor rows = aten::contiguous(y);
  with_storage_type(y.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::FinishRowsParams<T> params{};
    params.y = data<T>(rows);
    params.bias = data<T>(bias);
    params.residual = data<T>(residual);
    params.scale = finish != nullptr ? static_cast<float>(finish->scale) : 1.0f;
    params.activation = activation;
    params.sum = data<T>(sum);
    params.norm_weight = data<T>(norm_weight);
    params.norm_bias = data<T>(norm_bias);
    params.norm_eps = norm != nullptr ? static_cast<float>(norm->eps) : 0.0f;
    params.norm_activation = norm_activation;
    params.valid = data<bool>(valid);
    params.out = data<T>(out);
    params.rows = y.size(0);
    params.size = size;
    w2vbert::cuda::finish_rows(params, device.stream());
  });
  return {sum, out};
}

Tensor finish(const Tensor& y, const OptionalTensor& bias, const OptionalTensor& residual,
              double scale, int64_t activation) {
  const Finish parts{bias, residual, scale, activation};
  return std::get<0>(run("finish", y, &parts, nullptr));
}

Tensor normalize(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                 int64_t activation, const OptionalTensor& valid) {
  const Norm parts{weight, bias, eps, activation, valid};
  return std::get<1>(run("normalize", x, nullptr, &parts));
}

std::tuple<Tensor, Tensor> finish_and_normalize(const Tensor& y, const OptionalTensor& bias,
                                                const OptionalTensor& residual, double scale,
                                                int64_t activation, const Tensor& norm_weight,
                                                const Tensor& norm_bias, double norm_eps,
                                                int64_t norm_activation,
                                                const OptionalTensor& valid) {
  const Finish finish_parts{bias, residual, scale, activation};
  const Norm norm_parts{norm_weight, norm_bias, norm_eps, norm_activation, valid};
  return run("finish_and_normalize", y, &finish_parts, &norm_parts);
}

Tensor gate(const Tensor& y, const OptionalTensor& bias) {
  constexpr const char* kOp = "gate";
  check_rows(kOp, "y", y);
  if (y.size(1) % 2 != 0) {
    refuse(kOp, "the number of columns", std::to_string(y.size(1)), "an even number");
  }
  const CudaDevice device(y);
  if (bias) check_on(device, kOp, "bias", *bias, y.dtype(), {y.size(1)});
  const int64_t size = y.size(1) / 2;
  const Tensor out = device.empty({y.size(0), size}, y.dtype());
  if (out.numel() == 0) return out;
  const Tensor rows = aten::contiguous(y);
  const Tensor offset = contiguous(bias);
  with_storage_type(y.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::gate_rows(w2vbert::cuda::GateRowsParams<T>{data<T>(rows), data<T>(offset),
                                                              data<T>(out), y.size(0), size},
                             device.stream());
  });
  return out;
}

// residual + scale * activation(y + bias)
const OperatorRegistration finish_registration{
    "finish(Tensor y, Tensor? bias, Tensor? residual, float scale, int activation) -> Tensor",
    "finish",
    {{"CUDA", boxed<&finish>}, {"AutogradCUDA", boxed<&finish>}}};

// activation(layer_norm(x)), zeros in rows that are not valid
const OperatorRegistration normalize_registration{
    "normalize(Tensor x, Tensor norm_weight, Tensor norm_bias, float norm_eps, int "
    "norm_activation, Tensor? valid) -> Tensor",
    "normalize",
    {{"CUDA", boxed<&normalize>}, {"AutogradCUDA", boxed<&normalize>}}};

// What finish gives, and normalize of it.
const OperatorRegistration both_registration{
    "finish_and_normalize(Tensor y, Tensor? bias, Tensor? residual, float scale, int activation, "
    "Tensor norm_weight, Tensor norm_bias, float norm_eps, int norm_activation, Tensor? valid) -> "
    "(Tensor, Tensor)",
    "finish_and_normalize",
    {{"CUDA", boxed<&finish_and_normalize>}, {"AutogradCUDA", boxed<&finish_and_normalize>}}};

// The first half of the columns of y + bias times the sigmoid of the second half.
const OperatorRegistration gate_registration{
    "gate(Tensor y, Tensor? bias) -> Tensor",
    "gate",
    {{"CUDA", boxed<&gate>}, {"AutogradCUDA", boxed<&gate>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
