// The operators of the CUDA plug-in (ops/cuda), called by name: this library is not linked to it.
// For tensors on a CUDA device, float32, float16 or bfloat16, where no gradients are recorded.
#pragma once

#include "w2vbert/ops/linear.h"
#include "w2vbert/ops/relative_position_attention.h"

namespace w2vbert::ops {

// Whether x is where these operators compute, and nothing is recorded.
bool has_cuda_operators(const Tensor& x);

namespace cuda_operators {

// What becomes of y + bias; an undefined bias is none.
Tensor finish(const Tensor& y, const Tensor& bias, const LinearOutput& output);

// The same, as x of a reader with a norm, and its rows.
LinearInput finish_and_normalize(const Tensor& y, const Tensor& bias, const LinearOutput& output,
                                 LinearInput reader);

// The rows of an input with a norm.
Tensor normalize(const LinearInput& input);

// The first half of each row of y + bias times the sigmoid of its second half.
Tensor gate(const Tensor& y, const Tensor& bias);

// Rows as float8 with a scale each, see cuda/quantize_rows.cuh.
struct QuantizedRows {
  Tensor values;  // float8 [rows, columns]
  Tensor scales;  // float32 [rows, 1]
};
QuantizedRows quantize_rows(const Tensor& x);

// 10 * major + minor of the device where x is, for example 89.
int64_t compute_capability(const Tensor& x);

// causal_depthwise_conv1d of the first half of each row of x times the sigmoid of its second half.
Tensor gated_causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets);

AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& positions, bool return_weights,
                                            int64_t longest);

Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads, double base);

// Clips as fbank_features takes them, and what they are together; at most that, where the table is
// on the device.
struct FbankClips {
  // int64 [clips, 7], of each clip: first sample; frames; frames of the clips before it; first row;
  // rows of padding before, rows of features, rows of padding after it.
  Tensor table;
  int64_t frames;
  int64_t longest;  // in frames
  int64_t rows;
};

// Normalised features of samples [total_samples], float32 or int16: [rows, num_mel_bins].
Tensor fbank_features(const Tensor& samples, const FbankClips& clips, int64_t num_mel_bins,
                      int64_t sampling_rate, DType dtype);

// The most probable token of every row of logits [rows, tokens], the first of equals: int32 [rows].
Tensor best_tokens(const Tensor& logits);

// A convolution over the time of each utterance, without its weights.
struct Conv {
  int64_t kernel;
  int64_t stride;
  int64_t dilation;
  int64_t padding;  // rows of zeros at either end of an utterance
};

// The offsets of a convolution's output rows. An utterance too short for it has none.
Tensor conv_offsets(const Tensor& offsets, const Conv& conv);

// The rows of x that each output row reads: [rows, channels * kernel] if `channels_first`, else
// [rows, kernel * channels]. There may be more rows than output_offsets tell: they are zero.
Tensor conv_windows(const Tensor& x, const Tensor& offsets, const Tensor& output_offsets,
                    int64_t rows, const Conv& conv, bool channels_first);

// Of bool `valid` at `offsets`, what `layers` layers of an adapter leave, of which the last one's
// output is at output_offsets: bool [rows], see Adapter.
Tensor adapter_valid(const Tensor& valid, const Tensor& offsets, const Tensor& output_offsets,
                     int64_t rows, const Conv& conv, int64_t layers);

// Means over the first counts[u] rows of each utterance u (int64; undefined: all rows), with
// `deviations` followed by standard deviations as those of aten::unbiased_std: [utterances, columns
// of x or twice that].
Tensor pool_rows(const Tensor& x, const Tensor& offsets, const Tensor& counts, bool deviations);

}  // namespace cuda_operators
}  // namespace w2vbert::ops
