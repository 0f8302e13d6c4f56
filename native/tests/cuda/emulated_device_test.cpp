#include "cuda/emulated_device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cuda/guarded_array.h"
#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {
namespace {

class EmulatedDeviceTest : public ::testing::TestWithParam<emulated::Order> {
 protected:
  void SetUp() override { emulated::set_order(GetParam()); }
  void TearDown() override { emulated::set_order(emulated::Order::kForward); }

  // Runs one block of a kernel without parameters and returns what it is refused for.
  static std::string refusal(void (*kernel)(), int threads = 64, size_t shared = 1024) {
    try {
      launch("kernel", kernel, {{1, 1, 1}, threads, shared}, nullptr);
    } catch (const emulated::EmulationError& e) {
      return e.what();
    }
    return "not refused";
  }
};

std::string order_name(const ::testing::TestParamInfo<emulated::Order>& order) {
  return order.param == emulated::Order::kForward ? "Forward" : "Backward";
}
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedDeviceTest,
                         ::testing::Values(emulated::Order::kForward, emulated::Order::kBackward),
                         order_name);

// Grid: (x, y, z). Adds the numbers of its threads, with one barrier per halving.
__global__ void sum_of_block(float* sums, float* total) {
  SharedMemory memory;
  const SharedArray<float> values = memory.take<float>(static_cast<int>(blockDim.x));
  const int i = static_cast<int>(threadIdx.x);
  values.store(i, static_cast<float>(i));
  for (int half = static_cast<int>(blockDim.x) / 2; half > 0; half /= 2) {
    sync_threads();
    if (i < half) values.store(i, values.load(i) + values.load(i + half));
  }
  if (i == 0) {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    sums[block] = values.load(0) + static_cast<float>(1000 * block);
    atomic_add(total, values.load(0));
  }
}

TEST_P(EmulatedDeviceTest, RunsEveryThreadOfEveryBlock) {
  GuardedArray<float> sums(2 * 3 * 4);
  GuardedArray<float> total(std::vector<float>{5});
  launch("sum_of_block", &sum_of_block, {{2, 3, 4}, 256, shared_bytes<float>(256)}, nullptr,
         sums.data(), total.data());
  const float sum = 255 * 256 / 2;
  for (size_t i = 0; i < 24; ++i) {
    EXPECT_EQ(sums.values()[i], sum + static_cast<float>(1000 * i)) << i;
  }
  EXPECT_EQ(total.values()[0], 5 + 24 * sum);
}

__global__ void collectives(float* out, uint32_t* bits) {
  const int i = lane();
  const float own = static_cast<float>(threadIdx.x);
  float* row = out + threadIdx.x * 6;
  row[0] = shuffle(own, 5);
  row[1] = shuffle_xor(own, 3);
  row[2] = shuffle_down(own, 4);
  row[3] = shuffle_up(own, 4);
  row[4] = warp_sum(own);
  row[5] = warp_max(i == 7 ? own + 100 : own);
  bits[threadIdx.x] = ballot(i % 3 == 0);
}

TEST_P(EmulatedDeviceTest, CollectivesStayInTheirWarp) {
  GuardedArray<float> out(96 * 6);
  GuardedArray<uint32_t> bits(96);
  launch("collectives", &collectives, {{1, 1, 1}, 96}, nullptr, out.data(), bits.data());
  for (size_t thread = 0; thread < 96; ++thread) {
    const size_t first = thread / 32 * 32;
    const size_t i = thread % 32;
    const size_t expected[] = {first + 5,
                               first + (i ^ 3),
                               i + 4 < 32 ? thread + 4 : thread,
                               i >= 4 ? thread - 4 : thread,
                               32 * first + 31 * 32 / 2,
                               first + 107};
    for (size_t k = 0; k < 6; ++k) {
      EXPECT_EQ(out.values()[thread * 6 + k], static_cast<float>(expected[k]))
          << thread << " " << k;
    }
    EXPECT_EQ(bits.values()[thread], 0x49249249u);
  }
}

// c [16, 8] = a [16, 16] b [16, 8] from shared memory: b's rows are loaded transposed.
template <typename T>
__global__ void product(const T* a, const T* b, float* c) {
  SharedMemory memory;
  const SharedArray<T> a_tile = memory.take<T>(16 * 16);
  const SharedArray<T> b_tile = memory.take<T>(16 * 8);
  const int i = lane();
  copy_async(a_tile, i * 8, a + i * 8);
  copy_async_commit();
  if (i < 16) copy_async(b_tile, i * 8, b + i * 8);
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  uint32_t a_registers[4];
  uint32_t b_registers[4];
  load_matrices<false>(a_registers, a_tile, i % 16 * 16 + i / 16 * 8);
  load_matrices<true>(b_registers, b_tile, i % 16 * 8);
  float d[4] = {};
  mma<T>(d, a_registers, {b_registers[0], b_registers[1]});
  for (int k = 0; k < 4; ++k) c[(i / 4 + k / 2 * 8) * 8 + 2 * (i % 4) + k % 2] = d[k];
}

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

void expect_product(const std::vector<float>& a, const std::vector<float>& b, size_t depth,
                    const std::vector<float>& c) {
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      double sum = 0;
      for (size_t k = 0; k < depth; ++k) {
        sum += double{a[row * depth + k]} * double{b[k * 8 + column]};
      }
      EXPECT_EQ(c[row * 8 + column], static_cast<float>(sum)) << row << " " << column;
    }
  }
}

template <typename T>
void expect_product_of_halves() {
  GuardedArray<T> a(rounded<T>(random_values(16 * 16, 1)));
  GuardedArray<T> b(rounded<T>(random_values(16 * 8, 2)));
  GuardedArray<float> c(16 * 8);
  const size_t shared = shared_bytes<T>(16 * 16) + shared_bytes<T>(16 * 8);
  launch("product", &product<T>, {{1, 1, 1}, 32, shared}, nullptr, a.data(), b.data(), c.data());
  expect_product(widened(a.values()), widened(b.values()), 16, c.values());
}

TEST_P(EmulatedDeviceTest, TensorCoresMultiplyHalves) {
  expect_product_of_halves<Float16>();
  expect_product_of_halves<BFloat16>();
}

__global__ void product_tf32(const float* a, const float* b, float* c) {
  const int g = lane() / 4;
  const int t = lane() % 4;
  const uint32_t a_registers[4] = {to_tf32(a[g * 8 + t]), to_tf32(a[(g + 8) * 8 + t]),
                                   to_tf32(a[g * 8 + t + 4]), to_tf32(a[(g + 8) * 8 + t + 4])};
  const uint32_t b_registers[2] = {to_tf32(b[t * 8 + g]), to_tf32(b[(t + 4) * 8 + g])};
  float d[4] = {};
  mma_tf32(d, a_registers, b_registers);
  for (int k = 0; k < 4; ++k) c[(g + k / 2 * 8) * 8 + 2 * t + k % 2] = d[k];
}

// Ten bits of mantissa below the leading one, ties away from zero.
float rounded_to_tf32(float value) {
  int exponent;
  const double mantissa = std::frexp(double{value}, &exponent);
  return static_cast<float>(std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11));
}

TEST_P(EmulatedDeviceTest, TensorCoresMultiplyTf32) {
  std::vector<float> a = random_values(16 * 8, 3);
  std::vector<float> b = random_values(8 * 8, 4);
  GuardedArray<float> a_array(a);
  GuardedArray<float> b_array(b);
  GuardedArray<float> c(16 * 8);
  launch("product_tf32", &product_tf32, {{1, 1, 1}, 32}, nullptr, a_array.data(), b_array.data(),
         c.data());
  for (float& value : a) value = rounded_to_tf32(value);
  for (float& value : b) value = rounded_to_tf32(value);
  expect_product(a, b, 8, c.values());
}

__global__ void copy_or_zero(const float* from, float* to) {
  SharedMemory memory;
  const SharedArray<float> values = memory.take<float>(4 * 32);
  const int i = 4 * lane();
  copy_async(values, i, from + i, lane() % 2 == 0);
  copy_async_commit();
  copy_async_wait<0>();
  store_vector(to + i, values.load_vector<4>(i));
}

TEST_P(EmulatedDeviceTest, CopiesWhatIsValidAndZeros) {
  const std::vector<float> from = random_values(128, 5);
  GuardedArray<float> from_array(from);
  GuardedArray<float> to(128);
  launch("copy_or_zero", &copy_or_zero, {{1, 1, 1}, 32, 512}, nullptr, from_array.data(),
         to.data());
  for (size_t i = 0; i < 128; ++i) EXPECT_EQ(to.values()[i], i / 4 % 2 == 0 ? from[i] : 0.0f);
}

TEST_P(EmulatedDeviceTest, ConversionsRoundToNearest) {
  EXPECT_EQ(to_float(from_float<Float16>(2049.0f)), 2048.0f);
  EXPECT_EQ(to_float(from_float<BFloat16>(257.0f)), 256.0f);
  EXPECT_EQ(pack<Float16>(1.0f, -2.0f), 0xC0003C00u);
  EXPECT_EQ(pack<BFloat16>(1.0f, -2.0f), 0xC0003F80u);
  EXPECT_EQ(to_tf32(1.0f + 0x1p-11f), 0x3F802000u);
  EXPECT_EQ(to_tf32(std::numeric_limits<float>::infinity()), 0x7F800000u);
}

SharedArray<float> some_memory() { return SharedMemory().take<float>(64); }

TEST_P(EmulatedDeviceTest, RefusesAccessesOutsideOfTheArray) {
  EXPECT_EQ(refusal([] {
              if (threadIdx.x == 9) some_memory().store(64, 1.0f);
            }),
            "kernel, block 0 0 0: shared memory: elements from 64 to 64 of an array of 64");
  EXPECT_EQ(refusal([] {
              if (threadIdx.x == 9) some_memory().load_vector<4>(-4);
            }),
            "kernel, block 0 0 0: shared memory: elements from -4 to -1 of an array of 64");
  EXPECT_EQ(refusal([] { some_memory(); }, 64, 255),
            "kernel, block 0 0 0: shared memory: 256 bytes taken of 255");
}

TEST_P(EmulatedDeviceTest, RefusesReadingWhatNobodyWrote) {
  EXPECT_EQ(refusal([] {
              if (threadIdx.x == 3) some_memory().load(2);
            }),
            "kernel, block 0 0 0: shared memory at byte 8 is read before it is written");
}

TEST_P(EmulatedDeviceTest, RefusesWhatIsNotAligned) {
  EXPECT_EQ(refusal([] {
              if (threadIdx.x == 3) some_memory().store_vector(1, Vector<float, 2>{});
            }),
            "kernel, block 0 0 0: shared memory: elements 1 and 1 more are not aligned");
  alignas(16) static float global[8];
  EXPECT_EQ(refusal([] {
              if (threadIdx.x == 3) load_vector<4>(global + 2);
            }),
            "kernel, block 0 0 0: global memory: a vector of 16 bytes is not aligned");
}

TEST_P(EmulatedDeviceTest, RefusesRacesBetweenWarps) {
  // The neighbour may be in the other warp, for which sync_warp does nothing.
  EXPECT_NE(refusal([] {
              const SharedArray<float> memory = some_memory();
              const int i = static_cast<int>(threadIdx.x);
              memory.store(i, 1.0f);
              sync_threads();
              memory.store(i, 2.0f);
              sync_warp();
              memory.load(63 - i);
            }).find("with no barrier between"),
            std::string::npos);
  // Read by several warps before it is written.
  EXPECT_NE(refusal([] {
              const SharedArray<float> memory = some_memory();
              const int i = static_cast<int>(threadIdx.x);
              memory.store(i, 1.0f);
              sync_threads();
              memory.load(3);
              sync_warp();
              if (i == 3) memory.store(3, 2.0f);
            }).find("with no barrier between"),
            std::string::npos);
}

TEST_P(EmulatedDeviceTest, RefusesRacesInAWarp) {
  EXPECT_EQ(refusal(
                [] {
                  const SharedArray<float> memory = some_memory();
                  memory.store(lane(), 1.0f);
                  sync_warp();
                  memory.load(lane() ^ 1);
                  ballot(true);  // orders no memory
                  if (lane() == 4) memory.store(4, 2.0f);
                },
                32),
            "kernel, block 0 0 0: shared memory at byte 16: thread 4 writes what thread 5 read, "
            "with no barrier between");
  EXPECT_EQ(refusal(
                [] {
                  const SharedArray<float> memory = some_memory();
                  memory.store(lane(), 1.0f);
                  sync_warp();
                  memory.load(lane() ^ 1);
                  sync_warp();
                  if (lane() == 4) memory.store(4, 2.0f);
                },
                32),
            "not refused");
}

TEST_P(EmulatedDeviceTest, RefusesReadingBeforeTheCopyIsThere) {
  alignas(16) static float global[128];
  EXPECT_EQ(refusal(
                [] {
                  const SharedArray<float> memory = SharedMemory().take<float>(128);
                  copy_async(memory, 4 * lane(), global + 4 * lane());
                  copy_async_commit();
                  copy_async_wait<1>();
                  sync_threads();
                  memory.load(0);
                },
                32),
            "kernel, block 0 0 0: shared memory at byte 0 is read while it is being copied to");
}

// Outside of a macro, where lines have numbers of their own.
__global__ void barriers_in_branches() {
  if (threadIdx.x < 32) {
    sync_threads();
  } else {
    sync_threads();
  }
}

TEST_P(EmulatedDeviceTest, RefusesBarriersThatNotAllReach) {
  EXPECT_NE(refusal([] {
              if (threadIdx.x != 40) sync_threads();
            }).find("thread 40 has ended"),
            std::string::npos);
  EXPECT_NE(refusal(&barriers_in_branches).find("threads meet at different places"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              if (lane() < 16) shuffle(1.0f, 0);
            }).find("waits at shuffle"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              if (lane() == 0) {
                sync_threads();
              } else {
                sync_warp();
              }
            }).find("waits at sync_threads"),
            std::string::npos);
}

TEST_P(EmulatedDeviceTest, RefusesLaunchesThatNoDeviceTakes) {
  EXPECT_EQ(refusal([] {}, 48),
            "kernel, block 0 0 0: a block of 48 threads; expected a multiple of 32 up to 1024");
  EXPECT_EQ(refusal([] {}, 32, size_t{200} * 1024),
            "kernel, block 0 0 0: 204800 bytes of shared memory; a block has at most 166912");
}

TEST_P(EmulatedDeviceTest, WorksAfterARefusal) {
  refusal([] { sync_warp(), some_memory().load(0); });
  GuardedArray<float> sums(1);
  GuardedArray<float> total(std::vector<float>{0});
  launch("sum_of_block", &sum_of_block, {{1, 1, 1}, 64, shared_bytes<float>(64)}, nullptr,
         sums.data(), total.data());
  EXPECT_EQ(total.values()[0], 63 * 64 / 2);
}

}  // namespace
}  // namespace w2vbert::cuda
