#include "w2vbert/ops/cuda/relative_position_attention.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "cuda/guarded_array.h"
#include "reference/relative_position_attention.h"

namespace w2vbert::cuda {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

enum class Mask { kNone, kRightPadding, kLeftPadding, kHoles, kNoValidKey };

struct Positions {
  AttentionPosition kind;
  int64_t left;
  int64_t right;
};

struct Heads {
  int64_t count;
  int64_t dim;
};

enum class Element { kFloat32, kFloat16, kBFloat16 };

// Whose unit roundoff is what a rounding to the type changes, relatively, at most.
struct Type {
  Element element;
  double roundoff;
  const char* name;
};
constexpr Type kFloat32{Element::kFloat32, 0x1p-24, "Float32"};
constexpr Type kFloat16{Element::kFloat16, 0x1p-11, "Float16"};
constexpr Type kBFloat16{Element::kBFloat16, 0x1p-8, "BFloat16"};

// What float32 may cost: scores of these inputs reach 10 to 20, and half a unit in the last place
// of such a score is 1e-6 of its weight. As in the tests of the CPU's kernel.
constexpr double kFloat32Error = 4e-6;

// One call, in float32 that every type holds exactly. Query, key and value lie side by side, as a
// fused projection would leave them.
struct Problem {
  Heads heads;
  Positions positions;
  int64_t table = 0;
  std::vector<int64_t> offsets{0};
  std::vector<float> qkv;
  std::vector<char> mask;  // as bool; empty if all keys count
  std::vector<float> embedding;
  std::vector<float> projection;
  std::vector<float> bias_u;
  std::vector<float> bias_v;

  template <typename Draw>
  Problem(const std::vector<int64_t>& sizes, Heads h, Positions p, Mask masked, Draw draw)
      : heads(h), positions(p) {
    for (const int64_t size : sizes) {
      offsets.push_back(offsets.back() + size);
      table = std::max(table, size);
    }
    table += 3;  // a table may be longer than the batch needs
    const auto fill = [&](std::vector<float>* to, int64_t count) {
      to->resize(static_cast<size_t>(count));
      for (float& x : *to) x = draw();
    };
    fill(&qkv, offsets.back() * 3 * hidden());
    if (p.kind == AttentionPosition::kRelativeKey) {
      fill(&embedding, (p.left + p.right + 1) * heads.dim);
    } else if (p.kind == AttentionPosition::kRelative) {
      fill(&projection, (2 * table - 1) * hidden());
      fill(&bias_u, hidden());
      fill(&bias_v, hidden());
    }
    if (masked == Mask::kNone) return;
    for (const int64_t size : sizes) {
      for (int64_t j = 0; j < size; ++j) {
        bool valid = false;
        if (masked == Mask::kRightPadding) valid = j < (size + 1) * 2 / 3;
        if (masked == Mask::kLeftPadding) valid = j >= size / 3;
        // Holes of all lengths, one of them a whole tile of keys.
        if (masked == Mask::kHoles) valid = (j * j / 7) % 3 != 1 && (j < 64 || j > 127);
        mask.push_back(valid ? 1 : 0);
      }
    }
  }

  int64_t hidden() const { return heads.count * heads.dim; }
  bool valid(int64_t row) const { return mask.empty() || mask[static_cast<size_t>(row)] != 0; }

  // In float64. `absolute`: with |value| in place of value.
  reference::AttentionResult expected(bool absolute = false) const {
    std::vector<float> rows = qkv;
    if (absolute) {
      for (size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<int64_t>(i) / hidden() % 3 == 2) rows[i] = std::abs(rows[i]);
      }
    }
    cpu::RelativePositionAttentionParams p{};
    p.query = rows.data();
    p.key = rows.data() + hidden();
    p.value = rows.data() + 2 * hidden();
    p.query_stride = p.key_stride = p.value_stride = 3 * hidden();
    p.offsets = offsets.data();
    p.utterances = static_cast<int64_t>(offsets.size()) - 1;
    p.key_mask = mask.empty() ? nullptr : reinterpret_cast<const bool*>(mask.data());
    p.heads = heads.count;
    p.head_dim = heads.dim;
    p.position = static_cast<cpu::AttentionPosition>(positions.kind);
    p.distance_embedding = embedding.data();
    p.left = positions.left;
    p.right = positions.right;
    p.position_projection = projection.data();
    p.table = table;
    p.bias_u = bias_u.data();
    p.bias_v = bias_v.data();
    return reference::relative_position_attention(p);
  }
};

struct Result {
  std::vector<float> output;
  std::vector<float> weights;
};

// Which utterances are called for, and how.
struct Call {
  size_t begin = 0;
  size_t end = 0;  // 0: all
  bool weights = false;
  int64_t spare = 0;     // by which `longest` is greater than needed
  int64_t misplace = 0;  // elements by which the rows begin off a multiple of 16 bytes
};

template <typename T>
Result run(const Problem& x, const Call& call) {
  std::vector<float> shifted(static_cast<size_t>(call.misplace), kNan);
  shifted.insert(shifted.end(), x.qkv.begin(), x.qkv.end());
  GuardedArray<T> qkv(rounded<T>(shifted));
  GuardedArray<char> mask(x.mask);
  GuardedArray<int64_t> offsets(x.offsets);
  GuardedArray<T> embedding(rounded<T>(x.embedding));
  GuardedArray<T> projection(rounded<T>(x.projection));
  GuardedArray<T> bias_u(rounded<T>(x.bias_u));
  GuardedArray<T> bias_v(rounded<T>(x.bias_v));
  GuardedArray<T> output(static_cast<size_t>(x.offsets.back() * x.hidden()));
  const size_t end = call.end == 0 ? x.offsets.size() - 1 : call.end;
  int64_t weight_count = 0;
  RelativePositionAttentionParams<T> p{};
  for (size_t u = call.begin; u < end; ++u) {
    const int64_t time = x.offsets[u + 1] - x.offsets[u];
    p.longest = std::max(p.longest, time + call.spare);
    weight_count += x.heads.count * time * time;
  }
  GuardedArray<T> weights(static_cast<size_t>(call.weights ? weight_count : 0));
  const T* rows = qkv.data() + call.misplace;
  p.query = rows;
  p.key = rows + x.hidden();
  p.value = rows + 2 * x.hidden();
  p.query_stride = p.key_stride = p.value_stride = 3 * x.hidden();
  p.offsets = offsets.data() + call.begin;
  p.utterances = static_cast<int64_t>(end - call.begin);
  p.total_time = x.offsets.back();
  p.key_mask = x.mask.empty() ? nullptr : reinterpret_cast<const bool*>(mask.data());
  p.heads = x.heads.count;
  p.head_dim = x.heads.dim;
  p.position = x.positions.kind;
  p.distance_embedding = embedding.data();
  p.left = x.positions.left;
  p.right = x.positions.right;
  p.position_projection = projection.data();
  p.table = x.table;
  p.bias_u = bias_u.data();
  p.bias_v = bias_v.data();
  p.output = output.data();
  p.weights = call.weights ? weights.data() : nullptr;
  relative_position_attention(p, Stream());
  return {widened(output.values()), widened(weights.values())};
}

Result run(const Problem& x, Element element, const Call& call = {}) {
  switch (element) {
    case Element::kFloat32:
      return run<float>(x, call);
    case Element::kFloat16:
      return run<Float16>(x, call);
    case Element::kBFloat16:
      return run<BFloat16>(x, call);
  }
  return {};
}

// Numbers that all types hold exactly, and of which they hold the sum of two: eighths up to 4, as
// normal as can be. So the only roundings to the type are those of the weights and of the result.
class Eighths {
 public:
  explicit Eighths(uint32_t seed) : random_(seed) {}
  float operator()() { return std::clamp(std::round(normal_(random_) * 8.0f) / 8.0f, -4.0f, 4.0f); }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
};

// out = sum_j w_j v_j, each w_j off by a rounding, and the sum by another one.
void expect_matches_reference(const Problem& x, const Type& type, const Call& call = {}) {
  const Result actual = run(x, type.element, call);
  const auto expected = x.expected();
  const auto absolute = x.expected(true);
  ASSERT_EQ(actual.output.size(), expected.output.size());
  double worst = 0.0;
  for (size_t i = 0; i < actual.output.size(); ++i) {
    const double tolerance = type.roundoff * (absolute.output[i] + std::abs(expected.output[i])) +
                             kFloat32Error * std::max(1.0, absolute.output[i]);
    const double error = std::abs(double{actual.output[i]} - expected.output[i]);
    ASSERT_LE(error, tolerance) << "output " << i << " is " << actual.output[i] << ", expected "
                                << expected.output[i];
    worst = std::max(worst, error / tolerance);
  }
  ::testing::Test::RecordProperty("output", std::to_string(worst));
  if (!call.weights) return;
  ASSERT_EQ(actual.weights.size(), expected.weights.size());
  for (size_t i = 0; i < actual.weights.size(); ++i) {
    ASSERT_NEAR(actual.weights[i], expected.weights[i],
                type.roundoff * expected.weights[i] + kFloat32Error)
        << "weight " << i;
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

const Positions kNoPosition{AttentionPosition::kNone, 0, 0};
const Positions kRelative{AttentionPosition::kRelative, 0, 0};
const Positions kShaw{AttentionPosition::kRelativeKey, 64, 8};

using Case = std::tuple<Type, Positions>;

class CudaRelativePositionAttentionTest : public ::testing::TestWithParam<Case> {
 protected:
  Type type() const { return std::get<0>(GetParam()); }
  Problem problem(const std::vector<int64_t>& sizes, Heads heads, Mask mask = Mask::kNone) const {
    return Problem(sizes, heads, std::get<1>(GetParam()), mask, Eighths(7));
  }
};

// Around the tiles of 32 and 64 and the ends of the window of 64 and 8.
TEST_P(CudaRelativePositionAttentionTest, MatchesReferenceAroundTiles) {
  expect_matches_reference(problem({1, 63, 64, 0, 65, 129, 2}, {1, 64}), type());
  expect_matches_reference(problem({31, 33, 97, 64}, {2, 32}), type());
  expect_matches_reference(problem({33, 96, 65}, {1, 128}), type());
}

TEST_P(CudaRelativePositionAttentionTest, MatchesReferenceForAnyHeadSize) {
  for (const Heads heads : {Heads{2, 1}, Heads{3, 6}, Heads{1, 80}}) {
    SCOPED_TRACE("heads of " + std::to_string(heads.dim));
    expect_matches_reference(problem({1, 33, 0, 66}, heads), type());
  }
  expect_matches_reference(problem({34}, {1, 300}), type());
}

TEST_P(CudaRelativePositionAttentionTest, MatchesReferenceUnderMasks) {
  for (const Mask mask : {Mask::kRightPadding, Mask::kLeftPadding, Mask::kNoValidKey}) {
    SCOPED_TRACE("mask " + std::to_string(static_cast<int>(mask)));
    expect_matches_reference(problem({1, 70}, {1, 32}, mask), type());
    expect_matches_reference(problem({1, 40}, {1, 6}, mask), type());
  }
  for (const int64_t dim : {32, 128, 6}) {
    expect_matches_reference(problem({65, 131}, {1, dim}, Mask::kHoles), type());
  }
}

TEST_P(CudaRelativePositionAttentionTest, WeightsMatchReference) {
  for (const Mask mask : {Mask::kNone, Mask::kHoles, Mask::kNoValidKey}) {
    Call call;
    call.weights = true;
    expect_matches_reference(problem({5, 0, 66}, {2, 32}, mask), type(), call);
  }
}

TEST_P(CudaRelativePositionAttentionTest, RowsMayBeginAnywhere) {
  Call call;
  call.misplace = 1;
  expect_matches_reference(problem({40}, {2, 32}), type(), call);
}

// Neither do the order of the utterances, nor blocks past the end of an utterance.
TEST_P(CudaRelativePositionAttentionTest, BatchEqualsSingles) {
  const std::vector<int64_t> sizes = {65, 3, 33};
  for (const int64_t dim : {64, 10}) {
    const Problem x = problem(sizes, {2, dim}, Mask::kHoles);
    Call longer;
    longer.spare = 100;
    const Result batch = run(x, type().element, longer);
    for (size_t u = 0; u < sizes.size(); ++u) {
      Call one;
      one.begin = u;
      one.end = u + 1;
      const Result single = run(x, type().element, one);
      const auto first = static_cast<size_t>(x.offsets[u] * x.hidden());
      const auto count = static_cast<size_t>(sizes[u] * x.hidden());
      EXPECT_EQ(0, std::memcmp(&batch.output[first], &single.output[first], count * sizeof(float)));
    }
  }
}

// Offsets on a device are not checked before. GuardedArray tells.
TEST_P(CudaRelativePositionAttentionTest, WrongOffsetsTouchNoOtherMemory) {
  for (const int64_t dim : {32, 10}) {
    Problem x = problem({25, 40}, {1, dim});
    x.offsets = {-9, 200, 20, 65};
    run(x, type().element);
  }
}

TEST_P(CudaRelativePositionAttentionTest, TheOrderOfThreadsChangesNothing) {
  const Problem x = problem({100}, {1, 64}, Mask::kHoles);
  const Result forward = run(x, type().element);
  emulated::set_order(emulated::Order::kBackward);
  const Result backward = run(x, type().element);
  emulated::set_order(emulated::Order::kForward);
  EXPECT_TRUE(same_bits(forward.output, backward.output));
}

TEST_P(CudaRelativePositionAttentionTest, ExcludedKeysAreNeverRead) {
  for (const int64_t dim : {64, 10}) {
    const Problem clean = problem({100}, {1, dim}, Mask::kHoles);
    Problem spoilt = clean;
    for (int64_t row = 0; row < 100; ++row) {
      if (clean.valid(row)) continue;
      std::fill_n(spoilt.qkv.begin() + row * 3 * dim + dim, 2 * dim, kNan);
    }
    EXPECT_TRUE(same_bits(run(clean, type().element).output, run(spoilt, type().element).output));
  }
}

TEST_P(CudaRelativePositionAttentionTest, ANanQueryStaysInItsRow) {
  for (const int64_t dim : {64, 10}) {
    const Problem clean = problem({90}, {1, dim}, Mask::kHoles);
    Problem spoilt = clean;
    spoilt.qkv[static_cast<size_t>(40 * 3 * dim + 5)] = kNan;
    const Result expected = run(clean, type().element);
    const Result actual = run(spoilt, type().element);
    for (size_t i = 0; i < expected.output.size(); ++i) {
      if (static_cast<int64_t>(i) / dim == 40) {
        ASSERT_TRUE(std::isnan(actual.output[i]));
      } else {
        ASSERT_EQ(actual.output[i], expected.output[i]);
      }
    }
  }
}

// Integers, so that float32 holds the scores of up to some thousands exactly.
TEST_P(CudaRelativePositionAttentionTest, LargeScoresNeitherOverflowNorLoseAccuracy) {
  std::mt19937 random(11);
  std::uniform_int_distribution<int> integer(-40, 40);
  const Problem x({70}, {1, 64}, std::get<1>(GetParam()), Mask::kNone,
                  [&] { return static_cast<float>(integer(random)); });
  expect_matches_reference(x, type());
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  const auto [type, positions] = info.param;
  std::string name = type.name;
  if (positions.kind == AttentionPosition::kNone) name += "NoPosition";
  if (positions.kind == AttentionPosition::kRelative) name += "Relative";
  if (positions.kind == AttentionPosition::kRelativeKey) {
    name +=
        "RelativeKey" + std::to_string(positions.left) + "And" + std::to_string(positions.right);
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, CudaRelativePositionAttentionTest,
                         ::testing::Combine(::testing::Values(kFloat32, kFloat16, kBFloat16),
                                            ::testing::Values(kNoPosition, kRelative, kShaw)),
                         case_name);

using CudaRelativeKeyTest = CudaRelativePositionAttentionTest;

// Windows narrower and wider than tiles, on one side only, and none at all.
TEST_P(CudaRelativeKeyTest, MatchesReferenceForAnyWindow) {
  expect_matches_reference(problem({131, 70}, {1, 32}), type());
  expect_matches_reference(problem({100}, {1, 128}), type());
}

const auto kWindows = ::testing::Values(Positions{AttentionPosition::kRelativeKey, 0, 3},
                                        Positions{AttentionPosition::kRelativeKey, 8, 0},
                                        Positions{AttentionPosition::kRelativeKey, 0, 0},
                                        Positions{AttentionPosition::kRelativeKey, 70, 130},
                                        Positions{AttentionPosition::kRelativeKey, 500, 400});
INSTANTIATE_TEST_SUITE_P(All, CudaRelativeKeyTest,
                         ::testing::Combine(::testing::Values(kFloat32, kFloat16, kBFloat16),
                                            kWindows),
                         case_name);

}  // namespace
}  // namespace w2vbert::cuda
