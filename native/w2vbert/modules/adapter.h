// Wav2Vec2BertAdapter: convolutional attention layers that shorten the encoder's output.
#pragma once

#include <optional>
#include <vector>

#include "w2vbert/modules/feed_forward.h"
#include "w2vbert/modules/layout.h"
#include "w2vbert/modules/self_attention.h"
#include "w2vbert/ops/cuda_operators.h"

namespace w2vbert {

// The rows that a convolution reads for each of its output rows.
struct ConvWindows {
  // Kernel rows of each output row, one after the other: int64 [output rows * kernel]; total_time
  // stands for a row of zeros. Undefined where a CUDA device finds them itself, from:
  Tensor rows;
  Tensor offsets;         // before the convolution, int64 [utterances + 1]
  Tensor output_offsets;  // after it
  int64_t output_rows;    // at least as many as the offsets tell
  ops::cuda_operators::Conv conv;
};

// A Conv1d over time with a gated linear unit.
struct GatedConv1d {
  GatedConv1d(const Scope& scope, const Config& config, int64_t size);
  // x [total_time, size] to [output rows, size].
  Tensor operator()(const Tensor& x, const ConvWindows& windows) const;

  Tensor weight;  // [2 * size, size, kernel]
  Tensor bias;    // [2 * size]
};

struct AdapterLayer {
  AdapterLayer(const Scope& scope, const Config& config);
  // `output` is the layout after the convolutions; its valid rows are the keys of the attention.
  Tensor operator()(const Tensor& x, const ConvWindows& windows, const Layout& output,
                    TrainingPass* training) const;

  LayerNorm residual_layer_norm;
  GatedConv1d residual_conv;
  LayerNorm self_attn_layer_norm;
  GatedConv1d self_attn_conv;
  SelfAttention self_attn;
  LayerNorm ffn_layer_norm;
  FeedForward ffn;
};

struct Adapter {
  struct Output {
    Tensor hidden;  // [total_time, output_hidden_size]
    Layout layout;
  };

  Adapter(const Scope& scope, const Config& config);
  // With `layout.valid` it computes what the reference computes: the rows of padding enter the
  // convolutions as they are, and an utterance of n valid rows has
  // config.adapter_layer_output_length(n) valid keys. Without it, nothing is masked. Throws
  // std::invalid_argument if an utterance is too short for the convolutions. A layer that training
  // leaves out leaves the rows as they are, but valid rows are counted as if it were there. On a
  // CUDA device, the layout's tensors there decide where utterances end; the host's lengths, which
  // may be larger, only how much memory there is.
  Output operator()(const Tensor& x, const Layout& layout, TrainingPass* training) const;

  std::optional<Linear> proj;
  std::optional<LayerNorm> proj_layer_norm;
  std::vector<AdapterLayer> layers;
  Config config;
};

}  // namespace w2vbert
