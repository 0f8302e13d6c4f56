#include "w2vbert/ops/relative_position_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "autograd.h"
#include "reference/relative_position_attention.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert::ops {
namespace {

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(random);
  return tensor;
}

Tensor as_float64(const Tensor& x) { return x.defined() ? aten::to(x, DType::kFloat64) : x; }

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  const Tensor x = aten::contiguous(tensor);
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}

void expect_near(const Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> numbers = values<double>(as_float64(actual));
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    ASSERT_NEAR(numbers[i], expected[i], tolerance) << "element " << i;
  }
}

enum class Kind { kNone, kRelativeKey, kRelative };
constexpr Kind kKinds[] = {Kind::kNone, Kind::kRelativeKey, Kind::kRelative};

struct Inputs {
  int64_t heads;
  std::vector<int64_t> offsets;
  Tensor query, key, value;
  Tensor mask;
  RelativePositions positions;

  // Query, key and value are columns of one tensor, as a fused projection leaves them.
  Inputs(Kind kind, bool masked, const std::vector<int64_t>& bounds, int64_t heads_,
         int64_t head_dim)
      : heads(heads_), offsets(bounds) {
    const int64_t rows = offsets.back();
    const int64_t hidden = heads * head_dim;
    const Tensor fused = random_tensor({rows, 3 * hidden}, 1);
    query = aten::narrow(fused, 1, 0, hidden);
    key = aten::narrow(fused, 1, hidden, hidden);
    value = aten::narrow(fused, 1, 2 * hidden, hidden);
    if (kind == Kind::kRelativeKey) {
      positions.distance_embedding = random_tensor({12, head_dim}, 2);
      positions.left = 8;
    } else if (kind == Kind::kRelative) {
      int64_t longest = 0;
      for (size_t u = 1; u < offsets.size(); ++u) {
        longest = std::max(longest, offsets[u] - offsets[u - 1]);
      }
      positions.position_projection = random_tensor({2 * longest + 3, hidden}, 3);
      positions.bias_u = random_tensor({heads, head_dim}, 4);
      positions.bias_v = random_tensor({heads, head_dim}, 5);
    }
    if (!masked) return;
    // The second utterance has no valid key at all.
    mask = Tensor::empty({rows}, DType::kBool);
    for (int64_t t = 0; t < rows; ++t) {
      mask.data<bool>()[t] = t % 5 != 2 && (t < offsets[1] || t >= offsets[2]);
    }
  }

  void to_float64() {
    for (Tensor* x : {&query, &key, &value, &positions.distance_embedding,
                      &positions.position_projection, &positions.bias_u, &positions.bias_v}) {
      *x = as_float64(*x);
    }
  }

  AttentionOutput run() const {
    return relative_position_attention(query, key, value, Tensor::of(offsets), heads, mask,
                                       positions, true);
  }

  reference::AttentionResult expected() const {
    const auto data = [](const Tensor& x) { return x.defined() ? x.data<float>() : nullptr; };
    cpu::RelativePositionAttentionParams p{};
    p.query = query.data<float>();
    p.key = key.data<float>();
    p.value = value.data<float>();
    p.query_stride = p.key_stride = p.value_stride = query.stride(0);
    p.offsets = offsets.data();
    p.utterances = static_cast<int64_t>(offsets.size()) - 1;
    p.key_mask = mask.defined() ? mask.data<bool>() : nullptr;
    p.heads = heads;
    p.head_dim = query.size(1) / heads;
    p.position = cpu::AttentionPosition::kNone;
    if (positions.distance_embedding.defined()) {
      p.position = cpu::AttentionPosition::kRelativeKey;
      p.distance_embedding = data(positions.distance_embedding);
      p.left = positions.left;
      p.right = positions.distance_embedding.size(0) - 1 - p.left;
    } else if (positions.position_projection.defined()) {
      p.position = cpu::AttentionPosition::kRelative;
      p.position_projection = data(positions.position_projection);
      p.table = (positions.position_projection.size(0) + 1) / 2;
      p.bias_u = data(positions.bias_u);
      p.bias_v = data(positions.bias_v);
    }
    return reference::relative_position_attention(p);
  }
};

TEST(RelativePositionAttentionTest, KernelAndCompositeMatchReference) {
  for (const Kind kind : kKinds) {
    for (const bool masked : {false, true}) {
      SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", masked " +
                   std::to_string(masked));
      Inputs x(kind, masked, {0, 33, 40, 40, 41, 250}, 3, 20);
      const reference::AttentionResult expected = x.expected();
      for (const bool grad : {false, true}) {
        const GradMode mode(grad);
        const AttentionOutput result = x.run();
        EXPECT_EQ(result.output.shape(), x.query.shape());
        expect_near(result.output, expected.output, 5e-6);
        expect_near(result.weights, expected.weights, 5e-6);
      }
      x.to_float64();
      const AttentionOutput result = x.run();
      EXPECT_EQ(result.output.dtype(), DType::kFloat64);
      expect_near(result.output, expected.output, 1e-12);
      expect_near(result.weights, expected.weights, 1e-13);
    }
  }
}

class Threads {
 public:
  explicit Threads(int count) : before_(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before_); }

 private:
  int before_;
};

AttentionOutput run_with_threads(const Inputs& x, int count) {
  const Threads threads(count);
  return x.run();
}

TEST(RelativePositionAttentionTest, ThreadsDoNotChangeTheResult) {
  const GradMode off(false);
  const Inputs x(Kind::kRelativeKey, true, {0, 300, 310, 900}, 3, 24);
  const AttentionOutput one = run_with_threads(x, 1);
  const AttentionOutput four = run_with_threads(x, 4);
  EXPECT_EQ(values<float>(one.output), values<float>(four.output));
  EXPECT_EQ(values<float>(one.weights), values<float>(four.weights));
}

TEST(RelativePositionAttentionTest, WeightsAreUndefinedUnlessAskedFor) {
  const Inputs x(Kind::kNone, false, {0, 5}, 1, 4);
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    EXPECT_FALSE(relative_position_attention(x.query, x.key, x.value, Tensor::of(x.offsets),
                                             x.heads, x.mask, x.positions, false)
                     .weights.defined());
  }
}

TEST(RelativePositionAttentionTest, FactorsAreThoseOfTheWeights) {
  const Inputs in(Kind::kRelativeKey, true, {0, 9, 12, 30}, 2, 4);
  const AttentionOutput plain = relative_position_attention(
      in.query, in.key, in.value, Tensor::of(in.offsets), in.heads, in.mask, in.positions, true);
  const Tensor factors = random_tensor(plain.weights.shape(), 8);
  for (const bool gradients : {false, true}) {
    const GradMode mode(gradients);
    const AttentionOutput scaled =
        relative_position_attention(in.query, in.key, in.value, Tensor::of(in.offsets), in.heads,
                                    in.mask, in.positions, true, factors);
    std::vector<double> expected;
    for (const float weight : values<float>(aten::mul(plain.weights, factors))) {
      expected.push_back(static_cast<double>(weight));
    }
    expect_near(scaled.weights, expected, 1e-5);
    // What the last query of the first utterance sees, in the first head.
    const int64_t keys = 9;
    double sum = 0;
    for (int64_t j = 0; j < keys; ++j) {
      sum += expected[static_cast<size_t>((keys - 1) * keys + j)] *
             static_cast<double>(aten::contiguous(in.value).data<float>()[j * 8]);
    }
    EXPECT_NEAR(static_cast<double>(scaled.output.data<float>()[(keys - 1) * 8]), sum, 1e-5);
  }
}

TEST(RelativePositionAttentionTest, ExcludedKeysMayHoldNan) {
  for (const Kind kind : kKinds) {
    const std::vector<int64_t> offsets = {0, 70};
    const Inputs clean(kind, false, offsets, 2, 16);
    const Tensor mask = Tensor::zeros({70}, DType::kBool);
    for (int64_t t = 0; t < 60; ++t) mask.data<bool>()[t] = t % 3 != 0;
    const Tensor key = aten::call("aten::clone", "", {{clean.key}, {aten::None{}}});
    const Tensor value = aten::call("aten::clone", "", {{clean.value}, {aten::None{}}});
    for (const Tensor& x : {key, value}) {
      for (int64_t t = 0; t < 70; ++t) {
        if (mask.data<bool>()[t]) continue;
        x.data<float>()[t * x.stride(0)] = std::numeric_limits<float>::quiet_NaN();
      }
    }
    for (const bool grad : {false, true}) {
      const GradMode mode(grad);
      const auto run = [&](const Tensor& k, const Tensor& v) {
        return values<float>(relative_position_attention(clean.query, k, v, Tensor::of(offsets), 2,
                                                         mask, clean.positions, false)
                                 .output);
      };
      EXPECT_EQ(run(key, value), run(clean.key, clean.value));
    }
  }
}

TEST(RelativePositionAttentionTest, NoRowsGiveNoRows) {
  for (const Kind kind : kKinds) {
    for (const std::vector<int64_t>& offsets :
         {std::vector<int64_t>{0}, std::vector<int64_t>{0, 0, 0}}) {
      const Inputs x(kind, false, offsets, 2, 8);
      for (const bool grad : {false, true}) {
        const GradMode mode(grad);
        const AttentionOutput result = x.run();
        EXPECT_EQ(result.output.shape(), (Shape{0, 16}));
        EXPECT_EQ(result.weights.shape(), (Shape{0}));
      }
    }
  }
}

// Compares the gradients of a weighted sum of f() with central differences.
void expect_gradients(const std::vector<Tensor>& inputs, const std::function<Tensor()>& f) {
  const Threads one(1);  // thousands of tiny matrices: starting threads would take all the time
  const GradMode on(true);
  for (const Tensor& input : inputs) input.set_requires_grad(true);
  const Tensor output = f();
  const Tensor factors = as_float64(random_tensor(output.shape(), 99));
  const std::vector<Tensor> gradients = testing::gradients(aten::mul(output, factors), inputs);
  const GradMode off(false);
  const auto loss = [&] {
    double sum = 0.0;
    for (const double x : values<double>(aten::mul(f(), factors))) sum += x;
    return sum;
  };
  for (size_t n = 0; n < inputs.size(); ++n) {
    const std::vector<double> gradient = values<double>(gradients[n]);
    double* data = inputs[n].data<double>();
    for (size_t i = 0; i < gradient.size(); ++i) {
      constexpr double kStep = 1e-5;
      const double before = data[i];
      data[i] = before + kStep;
      const double above = loss();
      data[i] = before - kStep;
      const double below = loss();
      data[i] = before;
      ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-7)
          << "input " << n << ", element " << i;
    }
  }
}

TEST(RelativePositionAttentionTest, GradientsEqualFiniteDifferences) {
  for (const Kind kind : kKinds) {
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)));
    Inputs x(kind, true, {0, 6, 8, 13}, 2, 3);
    x.to_float64();
    std::vector<Tensor> inputs;
    for (Tensor* input :
         {&x.query, &x.key, &x.value, &x.positions.distance_embedding,
          &x.positions.position_projection, &x.positions.bias_u, &x.positions.bias_v}) {
      if (!input->defined()) continue;
      *input = aten::contiguous(*input);
      inputs.push_back(*input);
    }
    expect_gradients(inputs, [&] {
      const AttentionOutput result = x.run();
      return aten::cat({aten::reshape(result.output, {-1}), result.weights}, 0);
    });
  }
}

TEST(RelativePositionAttentionTest, TheRegisteredOperatorIsTheSame) {
  ASSERT_EQ(registration_failure(), "");
  const auto optional = [](const Tensor& x) {
    return x.defined() ? aten::Boxable{x, true} : aten::Boxable{aten::None{}};
  };
  for (const Kind kind : kKinds) {
    for (const bool grad : {false, true}) {
      const GradMode mode(grad);
      const Inputs x(kind, kind != Kind::kNone, {0, 20, 30, 45}, 2, 8);
      const AttentionOutput expected = x.run();
      for (const bool with_weights : {false, true}) {
        const std::vector<Tensor> results =
            aten::call_many("w2vbert::relative_position_attention", "",
                            {{x.query},
                             {x.key},
                             {x.value},
                             {Tensor::of(x.offsets)},
                             {x.heads},
                             optional(x.mask),
                             optional(x.positions.distance_embedding),
                             {x.positions.left},
                             optional(x.positions.position_projection),
                             optional(x.positions.bias_u),
                             optional(x.positions.bias_v),
                             {with_weights}},
                            2);
        EXPECT_EQ(values<float>(results[0]), values<float>(expected.output));
        EXPECT_EQ(values<float>(results[1]),
                  with_weights ? values<float>(expected.weights) : std::vector<float>());
      }
    }
  }
}

void expect_refusal(const std::function<void()>& call, const std::string& message) {
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    try {
      call();
      ADD_FAILURE() << "not refused: " << message;
    } catch (const std::invalid_argument& e) {
      EXPECT_EQ(e.what(), message);
    }
  }
}

TEST(RelativePositionAttentionTest, RefusalsNameArgumentValueAndExpectation) {
  const auto refuse = [](Kind kind, const std::function<void(Inputs*)>& spoil,
                         const std::string& message) {
    Inputs x(kind, false, {0, 5}, 2, 4);
    spoil(&x);
    expect_refusal([&] { x.run(); }, "relative_position_attention: " + message);
  };
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(shape, DType::kFloat32); };
  const std::string rows =
      "; expected float32 or float64 [total_time, heads * head_dim] on the CPU";
  refuse(
      Kind::kNone, [](Inputs* x) { x->query = Tensor(); }, "query is undefined" + rows);
  refuse(
      Kind::kNone, [&](Inputs* x) { x->query = zeros({5}); }, "query is float32 [5]" + rows);
  refuse(
      Kind::kNone,
      [](Inputs* x) {
        x->query = Tensor::zeros({5, 8}, DType::kInt64);
      },
      "query is int64 [5, 8]" + rows);
  refuse(
      Kind::kNone, [](Inputs* x) { x->heads = 0; }, "heads is 0; expected at least 1");
  refuse(
      Kind::kNone, [](Inputs* x) { x->heads = 3; },
      "the width of query is 8; expected a positive multiple of heads, 3");
  refuse(
      Kind::kNone,
      [&](Inputs* x) {
        x->key = zeros({5, 4});
      },
      "key is float32 [5, 4]; expected float32 [5, 8] on the CPU");
  refuse(
      Kind::kNone, [](Inputs* x) { x->value = as_float64(x->value); },
      "value is float64 [5, 8]; expected float32 [5, 8] on the CPU");
  refuse(
      Kind::kNone,
      [](Inputs* x) {
        x->offsets = {1, 5};
      },
      "offsets[0] is 1; expected 0");
  refuse(
      Kind::kNone,
      [](Inputs* x) {
        x->offsets = {0, 6, 5};
      },
      "offsets[2] is 5; expected at least offsets[1] = 6");
  refuse(
      Kind::kNone,
      [](Inputs* x) {
        x->offsets = {0, 6};
      },
      "offsets[1] is 6; expected the number of rows, 5");
  refuse(
      Kind::kNone, [](Inputs* x) { x->offsets = {}; },
      "offsets is int64 [0]; expected int64 [utterances + 1] on the CPU");
  refuse(
      Kind::kNone, [](Inputs* x) { x->mask = Tensor::zeros({4}, DType::kBool); },
      "key_mask is bool [4]; expected bool [5] on the CPU");
  refuse(
      Kind::kNone, [&](Inputs* x) { x->mask = zeros({5}); },
      "key_mask is float32 [5]; expected bool [5] on the CPU");
  refuse(
      Kind::kRelativeKey,
      [&](Inputs* x) {
        x->positions.distance_embedding = zeros({12, 5});
      },
      "distance_embedding is float32 [12, 5]; expected float32 [12, 4] on the CPU");
  refuse(
      Kind::kRelativeKey,
      [&](Inputs* x) {
        x->positions.distance_embedding = zeros({0, 4});
      },
      "distance_embedding is float32 [0, 4]; expected float32 [1, 4] on the CPU");
  refuse(
      Kind::kRelativeKey, [](Inputs* x) { x->positions.left = 12; },
      "left is 12; expected at least 0 and below the rows of distance_embedding, 12");
  refuse(
      Kind::kRelativeKey, [](Inputs* x) { x->positions.left = -1; },
      "left is -1; expected at least 0 and below the rows of distance_embedding, 12");
  refuse(
      Kind::kRelativeKey,
      [&](Inputs* x) {
        x->positions.position_projection = zeros({9, 8});
      },
      "position_projection is float32 [9, 8]; expected undefined, since distance_embedding is "
      "given");
  for (const int64_t count : {7, 10}) {
    refuse(
        Kind::kRelative,
        [&](Inputs* x) {
          x->positions.position_projection = zeros({count, 8});
        },
        "position_projection is float32 [" + std::to_string(count) +
            ", 8]; expected an odd number of rows, at least 2 * (longest utterance) - 1 = 9");
  }
  refuse(
      Kind::kRelative,
      [&](Inputs* x) {
        x->positions.position_projection = zeros({9, 4});
      },
      "position_projection is float32 [9, 4]; expected float32 [9, 8] on the CPU");
  refuse(
      Kind::kRelative,
      [&](Inputs* x) {
        x->positions.bias_u = zeros({4, 2});
      },
      "bias_u is float32 [4, 2]; expected float32 [2, 4] on the CPU");
  refuse(
      Kind::kRelative, [](Inputs* x) { x->positions.bias_v = Tensor(); },
      "bias_v is undefined; expected float32 [2, 4] on the CPU");
}

// `as_float32` rounds the angles to float32, as the op does for float32.
std::vector<double> expected_rotation(const Tensor& x, const std::vector<int64_t>& offsets,
                                      int64_t heads, double base, bool as_float32) {
  const std::vector<double> in = values<double>(as_float64(x));
  std::vector<double> out(in.size());
  const int64_t hidden = x.size(1);
  const int64_t half = hidden / heads / 2;
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    for (int64_t row = offsets[u]; row < offsets[u + 1]; ++row) {
      for (int64_t h = 0; h < heads; ++h) {
        for (int64_t i = 0; i < half; ++i) {
          const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * half);
          const float rate = 1.0f / static_cast<float>(std::pow(base, double{exponent}));
          double angle = static_cast<double>(row - offsets[u]) * double{rate};
          if (as_float32) angle = double{static_cast<float>(angle)};
          const size_t low = static_cast<size_t>(row * hidden + h * 2 * half + i);
          const size_t high = low + static_cast<size_t>(half);
          out[low] = in[low] * std::cos(angle) - in[high] * std::sin(angle);
          out[high] = in[high] * std::cos(angle) + in[low] * std::sin(angle);
        }
      }
    }
  }
  return out;
}

TEST(RotaryEmbeddingTest, KernelAndCompositeMatchReference) {
  const std::vector<int64_t> offsets = {0, 0, 70, 71, 71, 400};
  for (const int64_t head_dim : {2, 12, 64}) {
    for (const double base : {10000.0, 500.0}) {
      const Tensor wide = random_tensor({400, 3 * head_dim + 5}, 6);
      const Tensor x = aten::narrow(wide, 1, 2, 3 * head_dim);
      for (const bool grad : {false, true}) {
        const GradMode mode(grad);
        expect_near(rotary_embedding(x, Tensor::of(offsets), 3, base),
                    expected_rotation(x, offsets, 3, base, true), 2e-6);
      }
      expect_near(rotary_embedding(as_float64(x), Tensor::of(offsets), 3, base),
                  expected_rotation(x, offsets, 3, base, false), 1e-12);
    }
  }
}

TEST(RotaryEmbeddingTest, BatchEqualsSingles) {
  const GradMode off(false);
  const Tensor x = random_tensor({150, 24}, 7);
  const std::vector<float> batch =
      values<float>(rotary_embedding(x, Tensor::of({0, 20, 150}), 2, 10000.0));
  const auto single = [&](int64_t first, int64_t time) {
    return values<float>(
        rotary_embedding(aten::narrow(x, 0, first, time), Tensor::of({0, time}), 2, 10000.0));
  };
  std::vector<float> singles = single(0, 20);
  const std::vector<float> second = single(20, 130);
  singles.insert(singles.end(), second.begin(), second.end());
  EXPECT_EQ(batch, singles);
}

TEST(RotaryEmbeddingTest, NoRowsGiveNoRows) {
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    const Tensor none = Tensor::empty({0, 8}, DType::kFloat32);
    EXPECT_EQ(rotary_embedding(none, Tensor::of({0, 0}), 2, 10000.0).shape(), (Shape{0, 8}));
  }
}

TEST(RotaryEmbeddingTest, GradientsEqualFiniteDifferences) {
  const Tensor x = as_float64(random_tensor({7, 12}, 8));
  expect_gradients({x}, [&] { return rotary_embedding(x, Tensor::of({0, 3, 7}), 2, 100.0); });
}

TEST(RotaryEmbeddingTest, TheRegisteredOperatorIsTheSame) {
  ASSERT_EQ(registration_failure(), "");
  const Tensor x = random_tensor({30, 12}, 9);
  const Tensor offsets = Tensor::of({0, 11, 30});
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    EXPECT_EQ(values<float>(aten::call("w2vbert::rotary_embedding", "",
                                       {{x}, {offsets}, {int64_t{3}}, {500.0}})),
              values<float>(rotary_embedding(x, offsets, 3, 500.0)));
  }
}

TEST(RotaryEmbeddingTest, RefusalsNameArgumentValueAndExpectation) {
  const Tensor x = Tensor::zeros({5, 12}, DType::kFloat32);
  const Tensor offsets = Tensor::of({0, 5});
  const auto refuse = [](const Tensor& x_, const Tensor& offsets_, int64_t heads, double base,
                         const std::string& message) {
    expect_refusal([&] { rotary_embedding(x_, offsets_, heads, base); },
                   "rotary_embedding: " + message);
  };
  refuse(Tensor(), offsets, 2, 10.0,
         "x is undefined; expected float32 or float64 [total_time, heads * head_dim] on the CPU");
  refuse(x, offsets, 0, 10.0, "heads is 0; expected at least 1");
  refuse(x, offsets, 5, 10.0, "the width of x is 12; expected a positive multiple of heads, 5");
  refuse(x, offsets, 4, 10.0, "the head_dim of x is 3; expected an even number");
  refuse(x, Tensor::of({0, 4}), 2, 10.0, "offsets[1] is 4; expected the number of rows, 5");
  refuse(x, offsets, 2, 0.0, "base is 0.000000; expected a positive number");
  refuse(x, offsets, 2, std::nan(""), "base is nan; expected a positive number");
}

}  // namespace
}  // namespace w2vbert::ops
