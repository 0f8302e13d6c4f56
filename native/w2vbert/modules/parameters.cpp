#include "w2vbert/modules/parameters.h"

#include <algorithm>
#include <random>

namespace w2vbert {
namespace {

// FNV-1a: a parameter's values depend on its name and the seed, not on the order of the calls.
uint64_t hash(const std::string& name) {
  uint64_t value = 0xcbf29ce484222325u;
  for (const char c : name) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return value;
}

}  // namespace

Tensor RandomParameters::get(const std::string& name, const Shape& shape, const Init& init) {
  Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  float* begin = tensor.data<float>();
  float* end = begin + tensor.numel();
  std::mt19937_64 random(seed_ ^ hash(name));
  switch (init.kind) {
    case Init::Kind::kConstant:
      std::fill(begin, end, static_cast<float>(init.scale));
      break;
    case Init::Kind::kNormal: {
      if (init.scale ==
          0) {  // initializer_range may be 0; the distribution wants a positive number
        std::fill(begin, end, 0.0f);
        break;
      }
      std::normal_distribution<double> draw(0, init.scale);
      std::generate(begin, end, [&] { return static_cast<float>(draw(random)); });
      break;
    }
    case Init::Kind::kUniform: {
      std::uniform_real_distribution<double> draw(init.low, init.scale);
      std::generate(begin, end, [&] { return static_cast<float>(draw(random)); });
      break;
    }
  }
  return tensor.to(device_);
}

}  // namespace w2vbert
