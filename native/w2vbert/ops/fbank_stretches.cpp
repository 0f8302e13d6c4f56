#include "w2vbert/ops/fbank_stretches.h"

#include <algorithm>

#include "w2vbert/torch/parallel.h"

namespace w2vbert::ops {

void fbank_stretches(const cpu::FbankPlan& plan, const std::vector<FbankStretch>& stretches) {
  std::vector<int64_t> offsets = {0};  // where each stretch begins among all frames
  for (const FbankStretch& stretch : stretches) {
    offsets.push_back(offsets.back() + stretch.frames);
  }
  const cpu::FbankTables tables = plan.tables();
  const cpu::SimdLevel level = cpu::simd_level();
  constexpr int64_t kFramesPerTask = 64;  // about 50 us
  parallel_for(offsets.back(), kFramesPerTask, [&](int64_t begin, int64_t end) {
    auto i = static_cast<size_t>(std::upper_bound(offsets.begin(), offsets.end(), begin) -
                                 offsets.begin() - 1);
    for (; begin < end; begin = offsets[++i]) {
      cpu::fbank(level, {tables, stretches[i].samples, stretches[i].out}, begin - offsets[i],
                 std::min(end, offsets[i + 1]) - offsets[i]);
    }
  });
}

}  // namespace w2vbert::ops
