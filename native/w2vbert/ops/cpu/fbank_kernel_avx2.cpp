#include "w2vbert/ops/cpu/fbank_kernel.h"

namespace w2vbert::cpu {
namespace {

constexpr int kLanes = 4;
typedef double Vec __attribute__((vector_size(32)));
typedef float VecF __attribute__((vector_size(16)));
typedef uint64_t VecU __attribute__((vector_size(32)));

inline VecF load_row(const float* row) {
  VecF x;
  __builtin_memcpy(&x, row, sizeof x);
  return x * 32768.0f;
}

inline void load_samples(const float* const* rows, int64_t i, Vec* x) {
  const VecF a = load_row(rows[0] + i), b = load_row(rows[1] + i);
  const VecF c = load_row(rows[2] + i), d = load_row(rows[3] + i);
  const VecF ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const VecF ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const VecF cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const VecF cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  x[0] = __builtin_convertvector(__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), Vec);
  x[1] = __builtin_convertvector(__builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7), Vec);
  x[2] = __builtin_convertvector(__builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), Vec);
  x[3] = __builtin_convertvector(__builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7), Vec);
}

#include "w2vbert/ops/cpu/fbank_impl.inc"

}  // namespace

void fbank_avx2(const FbankParams& params, int64_t begin, int64_t end) {
  frames(params, begin, end);
}

}  // namespace w2vbert::cpu
