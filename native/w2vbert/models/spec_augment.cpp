#include "w2vbert/models/spec_augment.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace w2vbert {

std::vector<int64_t> RandomSpanDraws::choose(int64_t population, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(population));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (int64_t i = 0; i < count; ++i) {  // the first steps of a shuffle (Durstenfeld 1964)
    const int64_t other = i + random_->below(population - i);
    std::swap(numbers[static_cast<size_t>(i)], numbers[static_cast<size_t>(other)]);
  }
  numbers.resize(static_cast<size_t>(count));
  return numbers;
}

std::vector<std::vector<uint8_t>> draw_spans(const std::vector<int64_t>& lengths, int64_t columns,
                                             const SpanMasking& masking, SpanDraws& draws) {
  const int64_t length = masking.length;
  if (length < 1 || length > columns) {
    throw std::invalid_argument(std::string(masking.name) + "_length is " + std::to_string(length) +
                                "; expected 1 to " + std::to_string(columns) +
                                ", what the batch has");
  }
  const double rounding = draws.rounding();
  const auto spans_of = [&](int64_t valid) {
    const double wanted =
        masking.probability * static_cast<double>(valid) / static_cast<double>(length) + rounding;
    const int64_t spans = std::max(static_cast<int64_t>(wanted), masking.min_spans);
    const int64_t starts = std::max<int64_t>(valid - (length - 1), 0);
    return std::min({spans, columns / length, starts});
  };
  std::vector<std::vector<uint8_t>> mask(
      lengths.size(), std::vector<uint8_t>(static_cast<size_t>(columns), uint8_t{0}));
  const int64_t most = spans_of(columns);
  if (most == 0) return mask;
  for (size_t row = 0; row < lengths.size(); ++row) {
    const int64_t starts = std::max<int64_t>(lengths[row] - (length - 1), 0);
    const int64_t count = spans_of(lengths[row]);
    std::vector<int64_t> chosen = draws.choose(starts, count);
    // Rows with fewer spans than the longest row has repeat their first one; those without any hide
    // the last column, which is padding.
    if (chosen.empty()) chosen.push_back(columns - 1);
    for (const int64_t start : chosen) {
      const int64_t end = std::min(start + length, columns);
      std::fill(mask[row].begin() + start, mask[row].begin() + end, uint8_t{1});
    }
  }
  return mask;
}

}  // namespace w2vbert
