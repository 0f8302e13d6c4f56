#include "w2vbert/ops/cpu/fbank_kernel.h"

namespace w2vbert::cpu {
namespace {

// Two frames: what an SSE2 register holds.
constexpr int kLanes = 2;
typedef double Vec __attribute__((vector_size(16)));
typedef float VecF __attribute__((vector_size(8)));
typedef uint64_t VecU __attribute__((vector_size(16)));

inline void load_samples(const float* const* rows, int64_t i, Vec* x) {
  for (int j = 0; j < 4; ++j) {
    x[j] = Vec{rows[0][i + j] * 32768.0f, rows[1][i + j] * 32768.0f};
  }
}

#include "w2vbert/ops/cpu/fbank_impl.inc"

}  // namespace

void fbank_portable(const FbankParams& params, int64_t begin, int64_t end) {
  frames(params, begin, end);
}

void fbank(SimdLevel level, const FbankParams& params, int64_t begin, int64_t end) {
  if (level >= SimdLevel::kAvx2) {
    fbank_avx2(params, begin, end);
  } else {
    fbank_portable(params, begin, end);
  }
}

}  // namespace w2vbert::cpu
