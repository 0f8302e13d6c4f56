// What the three classification models share: which hidden states their heads read, pooling over
// time, and labels.
#pragma once

#include <vector>

#include "w2vbert/models/wav2vec2_bert.h"

namespace w2vbert {

// The encoder; with use_weighted_layer_sum its result is the sum of all hidden states, weighted by
// the softmax of a parameter (Yang et al. 2021, SUPERB), without an adapter.
class ClassificationEncoder {
 public:
  ClassificationEncoder(const Scope& scope, const Config& config);

  ModelOutput forward(const ModelInput& input, Encoder::Request request) const;

  const Wav2Vec2BertModel& model() const { return model_; }
  // The width of last_hidden_state.
  int64_t output_size() const;

 private:
  Wav2Vec2BertModel model_;
  Tensor layer_weights_;  // [num_hidden_layers + 1], or undefined
};

// config.num_labels(). Throws std::invalid_argument if there are none.
int64_t label_count(const Config& config);

// Throws std::invalid_argument for padded input of a model with an adapter: the reference refuses
// to build such a model, and padding would leak into the result. Ragged input is exact.
void refuse_padded_adapter(const char* model_class, const ModelInput& input, const Config& config);

// How many frames at the beginning of every utterance count: with a mask the reference's formula
// for the sum of its row, otherwise all.
std::vector<int64_t> counted_frames(const ModelOutput& output, const Config& config);

// Of each utterance of x [rows, size] its mean over time, and with `deviations` after it the
// standard deviation (n - 1 in the denominator): [utterances, size or 2 * size]. Of utterance u the
// first counts[u] rows count, at most all; without counts all do.
Tensor pool_over_time(const Tensor& x, const Layout& layout, const std::vector<int64_t>& counts,
                      bool deviations);

// Class numbers as cross entropy takes them, as a new tensor: int64 [rows], -100 to ignore a row.
// Their places are named by `columns` per row of the caller's labels, 0 for labels [rows]. Throws
// std::invalid_argument unless `labels` is int64 [rows] of such numbers.
Tensor class_labels(const Tensor& labels, int64_t rows, int64_t num_labels, int64_t columns = 0);

}  // namespace w2vbert
