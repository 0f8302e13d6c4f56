// Wav2Vec2BertSelfAttention with all its position kinds.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/layout.h"
#include "w2vbert/modules/training_pass.h"

namespace w2vbert {

// Sinusoids of the offsets longest-1 .. -(longest-1), float32 [2 * longest - 1, size]: sine in the
// even columns, cosine in the odd ones (Dai et al. 2019; Wav2Vec2BertRelPositionalEmbedding).
Tensor relative_position_table(int64_t longest, int64_t size);

// The same on a device, in a type of floating point. Made once for lengths up to kLongest: the
// table of a shorter utterance is a part of that of a longer one. For several threads.
class RelativePositionTables {
 public:
  // `longest` is at least 1.
  Tensor get(int64_t longest, int64_t size, const Device& device, DType dtype);

  static constexpr int64_t kLongest = 4096;

 private:
  std::mutex mutex_;
  // Each for at least twice the length of the one before. None is given up: a device may still have
  // to read what a call has already left behind.
  std::vector<Tensor> tables_;
};

struct SelfAttention {
  struct Output {
    ops::LinearInput hidden;  // x [total_time, size], for the reader
    Tensor weights;  // float32, per utterance [heads, time, time] one after the other, if asked for
  };

  // `size` is the width of its input and output. The attention inside the adapter has no positions,
  // whatever the configuration says, and another dropout of its output.
  SelfAttention(const Scope& scope, const Config& config, int64_t size,
                PositionEmbeddings position_embeddings, double output_dropout);

  // `positions` is relative_position_table for the longest utterance where the kind is `relative`,
  // else undefined. Rows that are not valid are no keys. `residual` is added to the result, which
  // is for a reader, see ops::linear.
  Output operator()(const ops::LinearInput& x, const Layout& layout, const Tensor& positions,
                    bool return_weights, const Tensor& residual, ops::LinearInput reader,
                    TrainingPass* training) const;

  // The queries, keys and values of the rows.
  std::vector<Tensor> project(const ops::LinearInput& x, const Tensor& offsets) const;

  Linear linear_q;
  Linear linear_k;
  Linear linear_v;
  // On a CUDA device queries and keys are one product, and so are values, without rotation and if
  // their weights are of the same type.
  ops::LinearParameters stacked;
  Linear linear_out;
  PositionEmbeddings position_embeddings;
  int64_t heads;
  int64_t rotary_base;
  int64_t left;                      // `relative_key`: distances are clipped to -left .. right
  Tensor distance_embedding;         // `relative_key`: [left + right + 1, head_dim]
  std::optional<Linear> linear_pos;  // `relative`
  Tensor pos_bias_u;                 // `relative`: [heads, head_dim]
  Tensor pos_bias_v;
  double weight_dropout;
  double output_dropout;
};

}  // namespace w2vbert
