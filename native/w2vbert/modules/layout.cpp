#include "w2vbert/modules/layout.h"

#include <algorithm>

namespace w2vbert {

Layout Layout::ragged(const std::vector<int64_t>& lengths) {
  Layout layout;
  layout.offsets = {0};
  for (const int64_t length : lengths) layout.offsets.push_back(layout.total() + length);
  layout.offsets_tensor = Tensor::of(layout.offsets);
  return layout;
}

Layout Layout::padded(int64_t batch, int64_t time, const Tensor& valid) {
  Layout layout = ragged(std::vector<int64_t>(static_cast<size_t>(batch), time));
  layout.valid = valid;
  return layout;
}

int64_t Layout::longest() const {
  int64_t longest = 0;
  for (int64_t u = 0; u < utterances(); ++u) longest = std::max(longest, length(u));
  return longest;
}

int64_t Layout::squares() const {
  int64_t sum = 0;
  for (int64_t u = 0; u < utterances(); ++u) sum += length(u) * length(u);
  return sum;
}

std::vector<int64_t> Layout::valid_lengths() const {
  const bool* row_valid = valid.defined() ? valid.data<bool>() : nullptr;
  std::vector<int64_t> lengths;
  for (int64_t u = 0; u < utterances(); ++u) {
    int64_t count = length(u);
    if (row_valid != nullptr) {
      const bool* first = row_valid + offsets[static_cast<size_t>(u)];
      count = std::count(first, first + length(u), true);
    }
    lengths.push_back(count);
  }
  return lengths;
}

}  // namespace w2vbert
