#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "reference/relative_position_attention.h"

namespace w2vbert::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Around the vectors, tiles and blocks of the kernel and around the ends of the 64/8 window.
const std::vector<int64_t> kSizes = {1,  2,  31, 63, 64,  65,  72,  73,
                                     74, 96, 97, 0,  127, 129, 193, 331};

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

// Inputs and outputs of one call. Query, key and value lie side by side, as a fused projection
// would leave them.
struct Problem {
  Heads heads;
  Positions positions;
  int64_t table = 0;
  std::vector<int64_t> offsets{0};
  std::vector<float> qkv;
  std::unique_ptr<bool[]> mask;
  std::vector<float> embedding;
  std::vector<float> projection;
  std::vector<float> bias_u;
  std::vector<float> bias_v;
  std::vector<float> output;
  std::vector<float> weights;

  template <typename Draw>
  Problem(const std::vector<int64_t>& sizes, Heads h, Positions p, Mask masked, const Draw& draw)
      : heads(h), positions(p) {
    int64_t weight_count = 0;
    for (const int64_t size : sizes) {
      offsets.push_back(offsets.back() + size);
      table = std::max(table, size);
      weight_count += heads.count * size * size;
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
    output.assign(static_cast<size_t>(offsets.back() * hidden()), kNan);
    weights.assign(static_cast<size_t>(weight_count), kNan);
    if (masked == Mask::kNone) return;
    mask = std::make_unique<bool[]>(static_cast<size_t>(offsets.back()));
    for (size_t u = 0; u < sizes.size(); ++u) {
      const int64_t size = sizes[u];
      for (int64_t j = 0; j < size; ++j) {
        bool valid = false;
        if (masked == Mask::kRightPadding) valid = j < (size + 1) * 2 / 3;
        if (masked == Mask::kLeftPadding) valid = j >= size / 3;
        // Holes of all lengths, one of them a whole block of keys.
        if (masked == Mask::kHoles) valid = (j * j / 7) % 3 != 1 && (j < 128 || j > 255);
        mask[static_cast<size_t>(offsets[u] + j)] = valid;
      }
    }
  }

  int64_t hidden() const { return heads.count * heads.dim; }

  // Of the utterances begin .. end - 1.
  RelativePositionAttentionParams params(size_t begin, size_t end) {
    RelativePositionAttentionParams p{};
    p.query = qkv.data();
    p.key = qkv.data() + hidden();
    p.value = qkv.data() + 2 * hidden();
    p.query_stride = p.key_stride = p.value_stride = 3 * hidden();
    p.offsets = offsets.data() + begin;
    p.utterances = static_cast<int64_t>(end - begin);
    p.key_mask = mask.get();
    p.heads = heads.count;
    p.head_dim = heads.dim;
    p.position = positions.kind;
    p.distance_embedding = embedding.data();
    p.left = positions.left;
    p.right = positions.right;
    p.position_projection = projection.data();
    p.table = table;
    p.bias_u = bias_u.data();
    p.bias_v = bias_v.data();
    p.output = output.data();
    p.weights = weights.data();
    return p;
  }
  RelativePositionAttentionParams params() { return params(0, offsets.size() - 1); }
};

// Runs the items in parts of `part`, from the last to the first, in scratch memory full of NaN
// whose end is watched.
void run(SimdLevel level, const RelativePositionAttentionParams& p, int64_t part) {
  const int64_t items = relative_position_attention_items(p);
  const size_t floats = static_cast<size_t>(relative_position_attention_scratch(p));
  constexpr float kUntouched = 12345.0f;
  for (int64_t end = items; end > 0; end -= part) {
    std::vector<float> scratch(floats + 1, kNan);
    scratch.back() = kUntouched;
    relative_position_attention(level, p, std::max<int64_t>(end - part, 0), end, scratch.data());
    ASSERT_EQ(scratch.back(), kUntouched);
  }
}

void run_all(SimdLevel level, const RelativePositionAttentionParams& p) {
  run(level, p, std::max<int64_t>(relative_position_attention_items(p), 1));
}

void expect_near(const std::vector<float>& actual, const std::vector<double>& expected,
                 double tolerance, const char* what) {
  ASSERT_EQ(actual.size(), expected.size());
  double worst = 0.0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    ASSERT_LE(error, tolerance) << what << " " << i << " is " << actual[i] << ", expected "
                                << expected[i];
    worst = std::max(worst, error);
  }
  ::testing::Test::RecordProperty(what, std::to_string(worst));
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

using Case = std::tuple<SimdLevel, Positions, Mask>;

class RelativePositionAttentionKernelTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!simd_supported(level())) GTEST_SKIP() << simd_name(level()) << " is not supported here";
  }
  SimdLevel level() const { return std::get<0>(GetParam()); }

  Problem problem(Heads heads, uint32_t seed = 7) const {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f);
    return Problem(kSizes, heads, std::get<1>(GetParam()), std::get<2>(GetParam()),
                   [&] { return normal(random); });
  }
};

// Scores of these inputs reach 10 to 20; half a unit in the last place of such a score is 1e-6 of
// its weight.
constexpr double kTolerance = 4e-6;

TEST_P(RelativePositionAttentionKernelTest, MatchesReference) {
  for (const Heads heads :
       {Heads{3, 6}, Heads{1, 12}, Heads{2, 32}, Heads{1, 64}, Heads{1, 80}, Heads{5, 1}}) {
    SCOPED_TRACE("heads " + std::to_string(heads.count) + " of " + std::to_string(heads.dim));
    Problem x = problem(heads);
    const auto expected = reference::relative_position_attention(x.params());
    run_all(level(), x.params());
    expect_near(x.output, expected.output, kTolerance, "output");
    expect_near(x.weights, expected.weights, kTolerance, "weights");
  }
}

TEST_P(RelativePositionAttentionKernelTest, BatchEqualsSingles) {
  Problem batch = problem({2, 20});
  run_all(level(), batch.params());
  Problem singles = problem({2, 20});
  float* weights = singles.weights.data();
  for (size_t u = 0; u < kSizes.size(); ++u) {
    RelativePositionAttentionParams p = singles.params(u, u + 1);
    p.weights = weights;
    run_all(level(), p);
    weights += 2 * kSizes[u] * kSizes[u];
  }
  EXPECT_TRUE(same_bits(batch.output, singles.output));
  EXPECT_TRUE(same_bits(batch.weights, singles.weights));
}

TEST_P(RelativePositionAttentionKernelTest, SplittingTheItemsChangesNothing) {
  Problem whole = problem({3, 16});
  run_all(level(), whole.params());
  for (const int64_t part : {1, 4}) {
    Problem parts = problem({3, 16});
    run(level(), parts.params(), part);
    EXPECT_TRUE(same_bits(whole.output, parts.output));
    EXPECT_TRUE(same_bits(whole.weights, parts.weights));
  }
}

TEST_P(RelativePositionAttentionKernelTest, AskingForWeightsDoesNotChangeTheOutput) {
  Problem with = problem({2, 64});
  run_all(level(), with.params());
  Problem without = problem({2, 64});
  RelativePositionAttentionParams p = without.params();
  p.weights = nullptr;
  run_all(level(), p);
  EXPECT_TRUE(same_bits(with.output, without.output));
}

using RelativePositionAttentionKernelMaskTest = RelativePositionAttentionKernelTest;

TEST_P(RelativePositionAttentionKernelMaskTest, ExcludedKeysAreNeverRead) {
  Problem clean = problem({2, 64});
  run_all(level(), clean.params());
  Problem spoilt = problem({2, 64});
  const int64_t hidden = spoilt.hidden();
  for (size_t u = 0; u < kSizes.size(); ++u) {
    for (int64_t row = spoilt.offsets[u]; row < spoilt.offsets[u + 1]; ++row) {
      if (spoilt.mask[static_cast<size_t>(row)]) continue;
      for (int64_t c = hidden; c < 3 * hidden; ++c) {
        spoilt.qkv[static_cast<size_t>(row * 3 * hidden + c)] = kNan;
      }
    }
  }
  run_all(level(), spoilt.params());
  EXPECT_TRUE(same_bits(clean.output, spoilt.output));
  EXPECT_TRUE(same_bits(clean.weights, spoilt.weights));
}

TEST_P(RelativePositionAttentionKernelTest, WeightsSumToOneAndExcludedOnesAreZero) {
  Problem x = problem({2, 12});
  run_all(level(), x.params());
  const float* row = x.weights.data();
  for (size_t u = 0; u < kSizes.size(); ++u) {
    for (int64_t i = 0; i < 2 * kSizes[u]; ++i, row += kSizes[u]) {
      double sum = 0.0;
      for (int64_t j = 0; j < kSizes[u]; ++j) {
        sum += row[j];
        if (x.mask != nullptr && std::get<2>(GetParam()) != Mask::kNoValidKey &&
            !x.mask[static_cast<size_t>(x.offsets[u] + j)]) {
          ASSERT_EQ(row[j], 0.0f);
        }
      }
      ASSERT_NEAR(sum, 1.0, 1e-5);
    }
  }
}

// Small integers, so that float32 holds the scores of up to +-15000 exactly.
TEST_P(RelativePositionAttentionKernelTest, LargeScoresNeitherOverflowNorLoseAccuracy) {
  std::mt19937 random(11);
  std::uniform_int_distribution<int> integer(-40, 40);
  Problem x(kSizes, {2, 64}, std::get<1>(GetParam()), std::get<2>(GetParam()),
            [&] { return static_cast<float>(integer(random)); });
  const auto expected = reference::relative_position_attention(x.params());
  run_all(level(), x.params());
  expect_near(x.output, expected.output, 40 * kTolerance, "output");
  expect_near(x.weights, expected.weights, kTolerance, "weights");
}

TEST_P(RelativePositionAttentionKernelTest, ANanQueryStaysInItsRow) {
  Problem clean = problem({1, 64});
  run_all(level(), clean.params());
  Problem spoilt = problem({1, 64});
  const size_t row = static_cast<size_t>(spoilt.offsets.back() - 100);  // of the longest utterance
  spoilt.qkv[row * 3 * 64 + 5] = kNan;
  run_all(level(), spoilt.params());
  const bool uniform = std::get<2>(GetParam()) == Mask::kNoValidKey;
  for (size_t i = 0; i < clean.output.size(); ++i) {
    if (i / 64 == row && !uniform) {
      ASSERT_TRUE(std::isnan(spoilt.output[i]));
    } else {
      ASSERT_EQ(spoilt.output[i], clean.output[i]);
    }
  }
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  const auto [level, positions, mask] = info.param;
  std::string name = simd_name(level);
  if (positions.kind == AttentionPosition::kNone) name += "NoPosition";
  if (positions.kind == AttentionPosition::kRelative) name += "Relative";
  if (positions.kind == AttentionPosition::kRelativeKey) {
    name +=
        "RelativeKey" + std::to_string(positions.left) + "And" + std::to_string(positions.right);
  }
  constexpr const char* kMaskNames[] = {"NoMask", "RightPadding", "LeftPadding", "Holes",
                                        "NoValidKey"};
  return name + kMaskNames[static_cast<int>(mask)];
}

const auto kLevels = ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2, SimdLevel::kAvx512);
const auto kPositions = ::testing::Values(Positions{AttentionPosition::kNone, 0, 0},
                                          Positions{AttentionPosition::kRelative, 0, 0},
                                          Positions{AttentionPosition::kRelativeKey, 64, 8},
                                          Positions{AttentionPosition::kRelativeKey, 0, 3},
                                          Positions{AttentionPosition::kRelativeKey, 8, 0},
                                          Positions{AttentionPosition::kRelativeKey, 0, 0},
                                          Positions{AttentionPosition::kRelativeKey, 500, 400});

INSTANTIATE_TEST_SUITE_P(All, RelativePositionAttentionKernelTest,
                         ::testing::Combine(kLevels, kPositions,
                                            ::testing::Values(Mask::kNone, Mask::kRightPadding,
                                                              Mask::kLeftPadding, Mask::kHoles,
                                                              Mask::kNoValidKey)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(All, RelativePositionAttentionKernelMaskTest,
                         ::testing::Combine(kLevels, kPositions,
                                            ::testing::Values(Mask::kRightPadding,
                                                              Mask::kLeftPadding, Mask::kHoles)),
                         case_name);

}  // namespace
}  // namespace w2vbert::cpu
