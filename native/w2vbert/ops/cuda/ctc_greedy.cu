#include <string>
#include <tuple>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/ctc_greedy.cuh"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

// Undefined tensors are not computed.
void softmax(const CudaDevice& device, const Tensor& logits, const Tensor& log_probabilities,
             const Tensor& best, const Tensor& best_log_probability) {
  const Tensor rows = aten::contiguous(logits);
  with_storage_type(logits.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::log_softmax(
        w2vbert::cuda::LogSoftmaxParams<T>{data<T>(rows), logits.size(0), logits.size(1),
                                           data<float>(log_probabilities), data<int32_t>(best),
                                           data<float>(best_log_probability)},
        device.stream());
  });
}

Tensor log_softmax(const Tensor& logits) {
  check_rows("log_softmax", "logits", logits);
  const CudaDevice device(logits);
  const Tensor out = device.empty(logits.shape(), DType::kFloat32);
  softmax(device, logits, out, Tensor(), Tensor());
  return out;
}

Tensor best_tokens(const Tensor& logits) {
  check_rows("best_tokens", "logits", logits);
  const CudaDevice device(logits);
  const Tensor best = device.empty({logits.size(0)}, DType::kInt32);
  softmax(device, logits, Tensor(), best, device.empty({logits.size(0)}, DType::kFloat32));
  return best;
}

using Tokens = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

Tokens ctc_greedy(const Tensor& logits, const Tensor& offsets, int64_t blank) {
  constexpr const char* kOp = "ctc_greedy";
  check_rows(kOp, "logits", logits);
  if (blank < 0 || blank >= logits.size(1)) {
    refuse(kOp, "blank", std::to_string(blank),
           "a token from 0 to " + std::to_string(logits.size(1) - 1));
  }
  const CudaDevice device(logits);
  const int64_t time = logits.size(0);
  const Tensor bounds = device_offsets(device, kOp, offsets, time);
  const int64_t utterances = bounds.numel() - 1;
  const Tensor best = device.empty({time}, DType::kInt32);
  const Tensor best_log_probability = device.empty({time}, DType::kFloat32);
  softmax(device, logits, Tensor(), best, best_log_probability);
  const Tensor tokens = device.empty({time}, DType::kInt32);
  const Tensor starts = device.empty({time}, DType::kInt32);
  const Tensor ends = device.empty({time}, DType::kInt32);
  const Tensor counts = device.empty({utterances}, DType::kInt32);
  const Tensor scores = device.empty({utterances}, DType::kFloat64);
  w2vbert::cuda::ctc_collapse(
      {data<int32_t>(best), data<float>(best_log_probability), data<int64_t>(bounds), utterances,
       time, static_cast<int32_t>(blank), data<int32_t>(tokens), data<int32_t>(starts),
       data<int32_t>(ends), data<int32_t>(counts), data<double>(scores)},
      device.stream());
  return {tokens, starts, ends, counts, scores};
}

// float32, whatever the logits are.
const OperatorRegistration softmax_registration{
    "log_softmax(Tensor logits) -> Tensor",
    "log_softmax",
    {{"CUDA", boxed<&log_softmax>}, {"AutogradCUDA", boxed<&log_softmax>}}};

// The most probable token of every row, the first of equals: int32 [rows].
const OperatorRegistration best_registration{
    "best_tokens(Tensor logits) -> Tensor",
    "best_tokens",
    {{"CUDA", boxed<&best_tokens>}, {"AutogradCUDA", boxed<&best_tokens>}}};

// Of utterance u: counts[u] tokens with their first frames and those after their last, all from
// offsets[u] on, and the path's log-probability. What lies behind the tokens is not written.
const OperatorRegistration greedy_registration{
    "ctc_greedy(Tensor logits, Tensor offsets, int blank) -> (Tensor tokens, Tensor starts, Tensor "
    "ends, Tensor counts, Tensor scores)",
    "ctc_greedy",
    {{"CUDA", boxed<&ctc_greedy>}, {"AutogradCUDA", boxed<&ctc_greedy>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
