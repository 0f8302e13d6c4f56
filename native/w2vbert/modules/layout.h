// How utterances lie in packed rows [total_time, ...]: one after the other, without padding unless
// the caller brought padding along.
#pragma once

#include <cstdint>
#include <vector>

#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {

struct Layout {
  std::vector<int64_t>
      offsets;            // [utterances + 1]: utterance u owns rows offsets[u] .. offsets[u + 1]
  Tensor offsets_tensor;  // the same, int64, as the operators take them, on the device of the rows
  Tensor valid;           // bool [total_time], there, or undefined: every row is valid
  Tensor valid_on_host;   // the same on the CPU

  // Utterances of the given lengths, all rows valid; on the CPU.
  static Layout ragged(const std::vector<int64_t>& lengths);
  // `batch` utterances of `time` rows each; `valid` may be undefined. On the CPU.
  static Layout padded(int64_t batch, int64_t time, const Tensor& valid);

  // Of the same rows on a device.
  Layout to(const Device& device) const;

  int64_t utterances() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t total() const { return offsets.back(); }
  int64_t length(int64_t utterance) const {
    return offsets[static_cast<size_t>(utterance) + 1] - offsets[static_cast<size_t>(utterance)];
  }
  int64_t longest() const;
  // The sum of the squares of all lengths.
  int64_t squares() const;
  // The number of valid rows of each utterance.
  std::vector<int64_t> valid_lengths() const;
  // Marks rows of a layout on the CPU: `rows` as `valid`.
  void set_valid(const Tensor& rows);

 private:
  std::vector<int64_t> valid_lengths_;  // counted where the marks were set; empty without any
};

// For every output row of a convolution over time its input rows, one after the other: int64
// [output.total() * kernel]. A row of the padding is input.total().
Tensor window_rows(const Layout& input, const Layout& output,
                   const ops::cuda_operators::Conv& conv);

}  // namespace w2vbert
