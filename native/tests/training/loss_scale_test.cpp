#include "w2vbert/training/loss_scale.h"

#include <gtest/gtest.h>

namespace w2vbert {
namespace {

void update(LossScale& scale, bool finite, int64_t times) {
  for (int64_t i = 0; i < times; ++i) scale.update(finite);
}

TEST(LossScaleTest, DoublesAfterTwoThousandStepsInARow) {
  LossScale scale;
  EXPECT_EQ(65536, scale.value());
  update(scale, true, 1999);
  EXPECT_EQ(65536, scale.value());
  scale.update(true);
  EXPECT_EQ(131072, scale.value());
  EXPECT_EQ(0, scale.steps);
  update(scale, true, 1999);
  EXPECT_EQ(131072, scale.value());
}

TEST(LossScaleTest, HalvesAndCountsAnewWithoutFiniteGradients) {
  LossScale scale;
  update(scale, true, 1999);
  scale.update(false);
  EXPECT_EQ(32768, scale.value());
  update(scale, true, 1999);
  EXPECT_EQ(32768, scale.value());
  scale.update(true);
  EXPECT_EQ(65536, scale.value());
}

TEST(LossScaleTest, StaysANumberOfFloat32) {
  LossScale scale;
  update(scale, false, 1000);
  EXPECT_GT(static_cast<float>(scale.value()), 0);
  update(scale, true, 300 * LossScale::kStepsToGrow);
  EXPECT_EQ(static_cast<double>(static_cast<float>(scale.value())), scale.value());
}

}  // namespace
}  // namespace w2vbert
