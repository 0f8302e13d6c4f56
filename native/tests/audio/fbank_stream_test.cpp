#include "w2vbert/audio/fbank_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "audio/noise.h"

namespace w2vbert {
namespace {

using testing::noise;

class FbankStreamTest : public ::testing::TestWithParam<cpu::SimdLevel> {
 protected:
  void SetUp() override {
    if (!cpu::simd_supported(GetParam())) GTEST_SKIP() << "no " << cpu::simd_name(GetParam());
  }

  static std::vector<float> whole(const std::vector<float>& samples) {
    const auto plan = cpu::FbankPlan::get(80, 16000);
    const int64_t frames =
        std::max<int64_t>(0, cpu::fbank_frames(static_cast<int64_t>(samples.size())));
    std::vector<float> out(static_cast<size_t>(frames * 80));
    cpu::fbank(GetParam(), {plan->tables(), samples.data(), out.data()}, 0, frames);
    return out;
  }

  // Pushes pieces of the lengths that `next_piece` returns. Each is a copy of its own, so that a
  // memory checker sees any access outside.
  template <typename NextPiece>
  static void expect_same_as_whole(const std::vector<float>& samples, const NextPiece& next_piece) {
    FbankStream stream(80, 16000, GetParam());
    std::vector<float> frames;
    for (size_t begin = 0; begin < samples.size();) {
      const size_t count = std::min(static_cast<size_t>(next_piece()), samples.size() - begin);
      const std::vector<float> piece(samples.begin() + static_cast<int64_t>(begin),
                                     samples.begin() + static_cast<int64_t>(begin + count));
      const size_t before = frames.size();
      const int64_t added = stream.push(piece.data(), static_cast<int64_t>(count), frames);
      ASSERT_EQ(frames.size() - before, static_cast<size_t>(added) * 80);
      begin += count;
      // Nothing is held back.
      ASSERT_EQ(static_cast<int64_t>(frames.size()) / 80,
                std::max<int64_t>(0, cpu::fbank_frames(static_cast<int64_t>(begin))));
    }
    EXPECT_EQ(frames, whole(samples));
    const auto covered = frames.empty() ? 0 : 160 * (frames.size() / 80 - 1) + 400;
    EXPECT_EQ(stream.finish(), static_cast<int64_t>(samples.size() - covered));
  }
};

TEST_P(FbankStreamTest, PieceSizeDoesNotMatter) {
  const auto samples = noise(5000, 0.1f);
  for (const int piece : {1,   7,   79,  80,  159, 160, 161, 239, 240, 241,  319,  320, 321,
                          399, 400, 401, 559, 560, 561, 640, 799, 800, 1600, 4999, 5000}) {
    SCOPED_TRACE(piece);
    expect_same_as_whole(samples, [&] { return piece; });
  }
}

TEST_P(FbankStreamTest, RandomPiecesDoNotMatter) {
  std::mt19937 generator(7);
  const auto samples = noise(20000, 0.1f);
  for (int run = 0; run < 20; ++run) {
    std::uniform_int_distribution<int> length(0, 1 << (run % 12));
    expect_same_as_whole(samples, [&] { return length(generator); });
  }
}

TEST_P(FbankStreamTest, ClipsOfAnyLength) {
  for (const int64_t count : {0, 1, 239, 240, 399, 400, 401, 559, 560, 561, 719, 720}) {
    SCOPED_TRACE(count);
    expect_same_as_whole(noise(count, 0.1f), [] { return 33; });
    expect_same_as_whole(noise(count, 0.1f), [] { return 1000; });
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, FbankStreamTest,
                         ::testing::Values(cpu::SimdLevel::kPortable, cpu::SimdLevel::kAvx2),
                         [](const auto& level) { return cpu::simd_name(level.param); });

TEST(FbankStreamErrorsTest, RefusesWhatCannotBe) {
  EXPECT_THROW(FbankStream(0, 16000), std::invalid_argument);
  FbankStream stream;
  std::vector<float> frames;
  EXPECT_THROW(stream.push(nullptr, -1, frames), std::invalid_argument);
  EXPECT_EQ(stream.push(nullptr, 0, frames), 0);
  EXPECT_EQ(stream.finish(), 0);
  EXPECT_THROW(stream.push(nullptr, 0, frames), std::logic_error);
}

}  // namespace
}  // namespace w2vbert
