// Wav2Vec2BertAdapter: convolutional attention layers that shorten the encoder's output.
#pragma once

#include <optional>
#include <vector>

#include "w2vbert/modules/feed_forward.h"
#include "w2vbert/modules/layout.h"
#include "w2vbert/modules/self_attention.h"

namespace w2vbert {

// A Conv1d over time.
struct StridedConv1d {
  StridedConv1d(const Scope& scope, const Config& config, int64_t in, int64_t out);
  // x [total_time, in] to [output rows, out]. `windows` holds the kernel's input rows for each
  // output row; total_time stands for a row of zeros.
  Tensor operator()(const Tensor& x, const Tensor& windows) const;

  Tensor weight;  // [out, in, kernel]
  Tensor bias;    // [out]
};

struct AdapterLayer {
  AdapterLayer(const Scope& scope, const Config& config);
  // `output` is the layout after the convolutions; its valid rows are the keys of the attention.
  Tensor operator()(const Tensor& x, const Tensor& windows, const Layout& output,
                    TrainingPass* training) const;

  LayerNorm residual_layer_norm;
  StridedConv1d residual_conv;
  LayerNorm self_attn_layer_norm;
  StridedConv1d self_attn_conv;
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
  // leaves out leaves the rows as they are, but valid rows are counted as if it were there.
  Output operator()(const Tensor& x, const Layout& layout, TrainingPass* training) const;

  std::optional<Linear> proj;
  std::optional<LayerNorm> proj_layer_norm;
  std::vector<AdapterLayer> layers;
  Config config;
};

}  // namespace w2vbert
