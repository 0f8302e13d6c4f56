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
  if (valid.defined()) layout.set_valid(valid);
  return layout;
}

Layout Layout::to(const Device& device) const {
  Layout layout = *this;
  layout.offsets_tensor = offsets_tensor.to(device);
  layout.valid = valid.to(device);
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
  if (valid.defined()) return valid_lengths_;
  std::vector<int64_t> lengths;
  for (int64_t u = 0; u < utterances(); ++u) lengths.push_back(length(u));
  return lengths;
}

void Layout::set_valid(const Tensor& rows) {
  valid = rows;
  valid_on_host = rows;
  valid_lengths_.clear();
  const bool* const row_valid = rows.data<bool>();
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    valid_lengths_.push_back(std::count(row_valid + offsets[u], row_valid + offsets[u + 1], true));
  }
}

Tensor window_rows(const Layout& input, const Layout& output,
                   const ops::cuda_operators::Conv& conv) {
  Tensor index = Tensor::empty({output.total() * conv.kernel}, DType::kInt64);
  int64_t* next = index.data<int64_t>();
  for (int64_t u = 0; u < output.utterances(); ++u) {
    const int64_t begin = input.offsets[static_cast<size_t>(u)];
    const int64_t end = begin + input.length(u);
    for (int64_t t = 0; t < output.length(u); ++t) {
      for (int64_t k = 0; k < conv.kernel; ++k) {
        const int64_t row = begin + t * conv.stride - conv.padding + k * conv.dilation;
        *next++ = row >= begin && row < end ? row : input.total();
      }
    }
  }
  return index;
}

}  // namespace w2vbert
