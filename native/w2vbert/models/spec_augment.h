// SpecAugment (Park et al. 2019): spans of frames or of features that training hides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "w2vbert/modules/random_stream.h"

namespace w2vbert {

// Where the positions of spans come from.
class SpanDraws {
 public:
  virtual ~SpanDraws() = default;
  // From [0, 1): how the number of spans is rounded, drawn once per mask.
  virtual double rounding() = 0;
  // `count` different numbers from 0 to population - 1.
  virtual std::vector<int64_t> choose(int64_t population, int64_t count) = 0;
};

class RandomSpanDraws : public SpanDraws {
 public:
  explicit RandomSpanDraws(RandomStream& random) : random_(&random) {}
  double rounding() override { return random_->uniform(); }
  std::vector<int64_t> choose(int64_t population, int64_t count) override;

 private:
  RandomStream* random_;
};

struct SpanMasking {
  const char* name;    // of the options, such as "mask_time"
  double probability;  // mask_time_prob: about the part of all columns that spans start from,
                       // times `length`
  int64_t length;      // mask_time_length
  int64_t min_spans;   // mask_time_min_masks
};

// Rows of bytes, 1 in the spans: what _compute_mask_indices of the reference returns for the same
// draws. `lengths` are the valid columns of every row. Throws std::invalid_argument if a span is
// longer than a row.
std::vector<std::vector<uint8_t>> draw_spans(const std::vector<int64_t>& lengths, int64_t columns,
                                             const SpanMasking& masking, SpanDraws& draws);

}  // namespace w2vbert
