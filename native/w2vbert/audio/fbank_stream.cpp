#include "w2vbert/audio/fbank_stream.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace w2vbert {

using cpu::kFbankFrameSamples;
using cpu::kFbankHopSamples;

FbankStream::FbankStream(int64_t num_mel_bins, int64_t sampling_rate_hz, cpu::SimdLevel level)
    : plan_(cpu::FbankPlan::get(num_mel_bins, sampling_rate_hz)), level_(level) {}

int64_t FbankStream::push(const float* samples, int64_t count, std::vector<float>& frames) {
  if (count < 0) {
    throw std::invalid_argument("count is " + std::to_string(count) + "; expected at least 0");
  }
  if (finished_) throw std::logic_error("push() was called after finish()");

  const auto held = static_cast<int64_t>(pending_.size());
  const int64_t ready = std::max<int64_t>(0, cpu::fbank_frames(held + count));
  // The frames that begin in pending_ are cut from it, with the samples that they lack; the others
  // from `samples` directly.
  const int64_t crossing = std::min(ready, (held + kFbankHopSamples - 1) / kFbankHopSamples);
  if (crossing > 0) {
    const int64_t needed = (crossing - 1) * kFbankHopSamples + kFbankFrameSamples - held;
    pending_.insert(pending_.end(), samples, samples + std::max<int64_t>(0, needed));
    append(pending_.data(), crossing, frames);
    pending_.resize(static_cast<size_t>(held));
  }
  const int64_t next = ready * kFbankHopSamples;  // counted from the first of the held samples
  if (ready > crossing) {
    append(samples + crossing * kFbankHopSamples - held, ready - crossing, frames);
  }
  pending_.erase(pending_.begin(), pending_.begin() + std::min(next, held));
  pending_.insert(pending_.end(), samples + std::max<int64_t>(0, next - held), samples + count);
  started_ = started_ || ready > 0;
  return ready;
}

int64_t FbankStream::finish() {
  finished_ = true;
  const auto held = static_cast<int64_t>(pending_.size());
  return started_ ? held - (kFbankFrameSamples - kFbankHopSamples) : held;
}

void FbankStream::append(const float* samples, int64_t count, std::vector<float>& frames) const {
  const cpu::FbankTables tables = plan_->tables();
  const size_t before = frames.size();
  frames.resize(before + static_cast<size_t>(count * tables.num_mel_bins));
  cpu::fbank(level_, {tables, samples, frames.data() + before}, 0, count);
}

}  // namespace w2vbert
