#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/relative_position_attention.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

using w2vbert::cuda::AttentionPosition;
using w2vbert::cuda::RelativePositionAttentionParams;

constexpr const char* kOp = "relative_position_attention";

// What has to be known of the utterances before the launch.
struct Utterances {
  int64_t longest;  // 0 if that is not known
  int64_t squares;  // sum of their lengths' squares; -1 if unknown
};

Utterances measure(const Tensor& offsets) {
  const Tensor packed = aten::contiguous(offsets);
  const int64_t* const bounds = packed.data<int64_t>();
  Utterances result{0, 0};
  for (int64_t u = 0; u + 1 < packed.numel(); ++u) {
    const int64_t time = bounds[u + 1] - bounds[u];
    result.longest = std::max(result.longest, time);
    result.squares += time * time;
  }
  return result;
}

struct Positions {
  Tensor distance_embedding;
  int64_t left;
  Tensor projection;
  Tensor bias_u;
  Tensor bias_v;
};

// `longest` is 0 if it is not known.
void check_positions(const CudaDevice& device, const Positions& positions, DType dtype,
                     int64_t heads, int64_t head_dim, int64_t longest) {
  const Tensor& embedding = positions.distance_embedding;
  const Tensor& projection = positions.projection;
  if (embedding.defined()) {
    if (projection.defined()) {
      refuse(kOp, "position_projection", describe_with_device(projection),
             "undefined, since distance_embedding is given");
    }
    const int64_t rows = embedding.dim() == 2 ? embedding.size(0) : 0;
    check_on(device, kOp, "distance_embedding", embedding, dtype,
             {std::max<int64_t>(rows, 1), head_dim});
    if (positions.left < 0 || positions.left >= rows) {
      refuse(kOp, "left", std::to_string(positions.left),
             "at least 0 and below the rows of distance_embedding, " + std::to_string(rows));
    }
  }
  if (projection.defined()) {
    const int64_t rows = projection.dim() == 2 ? projection.size(0) : 0;
    if (rows % 2 == 0 || rows < 2 * longest - 1) {
      refuse(kOp, "position_projection", describe_with_device(projection),
             "an odd number of rows, at least 2 * (longest utterance) - 1 = " +
                 std::to_string(2 * std::max<int64_t>(longest, 1) - 1));
    }
    check_on(device, kOp, "position_projection", projection, dtype, {rows, heads * head_dim});
    check_on(device, kOp, "bias_u", positions.bias_u, dtype, {heads, head_dim});
    check_on(device, kOp, "bias_v", positions.bias_v, dtype, {heads, head_dim});
  }
}

// The rows may be views into wider ones; within a row the elements must be neighbours.
Tensor dense_rows(const Tensor& x) { return x.stride(1) == 1 ? x : aten::contiguous(x); }
Tensor dense(const Tensor& x) { return x.defined() ? aten::contiguous(x) : x; }

// `longest` is that of offsets on the device; 0 if it is not known.
std::tuple<Tensor, Tensor> attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                  const Tensor& offsets, int64_t heads,
                                  const OptionalTensor& key_mask, const Positions& positions,
                                  bool return_weights, int64_t longest) {
  check_rows(kOp, "query", query);
  const int64_t total = query.size(0);
  if (heads < 1) refuse(kOp, "heads", std::to_string(heads), "at least 1");
  if (query.size(1) % heads != 0) {
    refuse(kOp, "the width of query", std::to_string(query.size(1)),
           "a positive multiple of heads, " + std::to_string(heads));
  }
  const int64_t head_dim = query.size(1) / heads;
  const DType dtype = query.dtype();
  const CudaDevice device(query);
  check_on(device, kOp, "key", key, dtype, query.shape());
  check_on(device, kOp, "value", value, dtype, query.shape());
  const Tensor bounds = device_offsets(device, kOp, offsets, total);
  const Utterances utterances = offsets.is_cpu() ? measure(offsets) : Utterances{longest, -1};
  if (longest < 0 || longest > total) {
    refuse(kOp, "longest", std::to_string(longest), "0 to " + std::to_string(total));
  }
  const Tensor mask = key_mask.value_or(Tensor());
  if (mask.defined()) check_on(device, kOp, "key_mask", mask, DType::kBool, {total});
  check_positions(device, positions, dtype, heads, head_dim, utterances.longest);
  if (return_weights && utterances.squares < 0) {
    refuse(kOp, "offsets", describe_with_device(offsets),
           "int64 [utterances + 1] on the CPU, since the weights are to be returned");
  }

  const Tensor output = device.empty(query.shape(), dtype);
  const Tensor weights = device.empty({return_weights ? heads * utterances.squares : 0}, dtype);
  if (total == 0) return {output, weights};
  const Tensor q = dense_rows(query);
  const Tensor k = dense_rows(key);
  const Tensor v = dense_rows(value);
  const Tensor valid = dense(mask);
  const Tensor embedding = dense(positions.distance_embedding);
  const Tensor projection = dense(positions.projection);
  const Tensor u_bias = dense(positions.bias_u);
  const Tensor v_bias = dense(positions.bias_v);
  with_storage_type(dtype, [&](auto type) {
    using T = decltype(type);
    RelativePositionAttentionParams<T> p{};
    p.query = data<T>(q);
    p.key = data<T>(k);
    p.value = data<T>(v);
    p.query_stride = q.stride(0);
    p.key_stride = k.stride(0);
    p.value_stride = v.stride(0);
    p.offsets = data<int64_t>(bounds);
    p.utterances = bounds.numel() - 1;
    p.total_time = total;
    p.longest = utterances.longest > 0 ? utterances.longest : total;
    p.key_mask = data<bool>(valid);
    p.heads = heads;
    p.head_dim = head_dim;
    p.position = AttentionPosition::kNone;
    if (embedding.defined()) {
      p.position = AttentionPosition::kRelativeKey;
      p.distance_embedding = data<T>(embedding);
      p.left = positions.left;
      p.right = embedding.size(0) - 1 - positions.left;
    } else if (projection.defined()) {
      p.position = AttentionPosition::kRelative;
      p.position_projection = data<T>(projection);
      p.table = (projection.size(0) + 1) / 2;
      p.bias_u = data<T>(u_bias);
      p.bias_v = data<T>(v_bias);
    }
    p.output = data<T>(output);
    p.weights = return_weights ? data<T>(weights) : nullptr;
    w2vbert::cuda::relative_position_attention(p, device.stream());
  });
  return {output, weights};
}

Positions positions_of(const OptionalTensor& distance_embedding, int64_t left,
                       const OptionalTensor& position_projection, const OptionalTensor& bias_u,
                       const OptionalTensor& bias_v) {
  return {distance_embedding.value_or(Tensor()), left, position_projection.value_or(Tensor()),
          bias_u.value_or(Tensor()), bias_v.value_or(Tensor())};
}

std::tuple<Tensor, Tensor> attend_with_weights(
    const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& offsets,
    int64_t heads, const OptionalTensor& key_mask, const OptionalTensor& distance_embedding,
    int64_t left, const OptionalTensor& position_projection, const OptionalTensor& bias_u,
    const OptionalTensor& bias_v, bool return_weights) {
  return attend(query, key, value, offsets, heads, key_mask,
                positions_of(distance_embedding, left, position_projection, bias_u, bias_v),
                return_weights, 0);
}

Tensor attend_up_to(const Tensor& query, const Tensor& key, const Tensor& value,
                    const Tensor& offsets, int64_t heads, const OptionalTensor& key_mask,
                    const OptionalTensor& distance_embedding, int64_t left,
                    const OptionalTensor& position_projection, const OptionalTensor& bias_u,
                    const OptionalTensor& bias_v, int64_t longest) {
  return std::get<0>(attend(
      query, key, value, offsets, heads, key_mask,
      positions_of(distance_embedding, left, position_projection, bias_u, bias_v), false, longest));
}

const KernelRegistrations registrations{
    kOp, {{"CUDA", boxed<&attend_with_weights>}, {"AutogradCUDA", boxed<&attend_with_weights>}}};

// The same without weights, of offsets on the device: no utterance has more than `longest` rows.
const OperatorRegistration up_to_registration{
    "relative_position_attention_up_to(Tensor query, Tensor key, Tensor value, Tensor offsets, int "
    "heads, Tensor? key_mask, Tensor? distance_embedding, int left, Tensor? position_projection, "
    "Tensor? bias_u, Tensor? bias_v, int longest) -> Tensor",
    "relative_position_attention_up_to",
    {{"CUDA", boxed<&attend_up_to>}, {"AutogradCUDA", boxed<&attend_up_to>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
