// Where modules take their parameters from: a checkpoint, or a random draw. Modules ask by the
// names of the checkpoint, so that a state dict needs no renaming table.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "w2vbert/modules/matrix.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// How a fresh parameter is drawn (Wav2Vec2BertPreTrainedModel._init_weights of the reference).
struct Init {
  enum class Kind { kConstant, kNormal, kUniform };
  Kind kind;
  double scale = 0;  // the constant, standard deviation, or largest value of a uniform draw
  double low = 0;    // the smallest value of a uniform draw

  static Init constant(double value) { return {Kind::kConstant, value}; }
  static Init zeros() { return constant(0); }
  static Init ones() { return constant(1); }
  static Init normal(double std) { return {Kind::kNormal, std}; }
  static Init uniform(double low, double high) { return {Kind::kUniform, high, low}; }
  // Kaiming normal, for a convolution whose outputs each read `fan_in` inputs.
  static Init kaiming(int64_t fan_in) {
    return normal(std::sqrt(2.0 / static_cast<double>(fan_in)));
  }
  // Between -1 / sqrt(fan_in) and 1 / sqrt(fan_in).
  static Init fan_in_uniform(int64_t fan_in) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    return uniform(-bound, bound);
  }
  // Xavier uniform.
  static Init xavier(int64_t rows, int64_t columns) {
    const double bound = std::sqrt(6.0 / static_cast<double>(rows + columns));
    return uniform(-bound, bound);
  }
};

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // The parameter as a contiguous float32 tensor. A source may record a failure and return an
  // undefined tensor instead of throwing, so that all failures can be told at once.
  virtual Tensor get(const std::string& name, const Shape& shape, const Init& init) = 0;
  // Whether the tensors are to stay where they are, since others look at their memory.
  virtual bool in_place() const { return false; }
  // As get, for the weights of a linear layer that may be stored in fewer bits; but not in as few
  // as 8 if they are `sensitive`.
  virtual Matrix get_matrix(const std::string& name, const Shape& shape, const Init& init,
                            bool /*sensitive*/) {
    return {get(name, shape, init)};
  }
};

// A source seen from inside a module: names are completed with the module's prefix.
class Scope {
 public:
  Scope(ParameterSource& source, std::string prefix)
      : source_(&source), prefix_(std::move(prefix)) {}
  // The scope of the submodule `name`.
  Scope operator/(const std::string& name) const {
    Scope scope = *this;
    scope.prefix_ += name + ".";
    return scope;
  }
  // This scope, where matrices may be stored in fewer bits than float32.
  Scope compact() const {
    Scope scope = *this;
    scope.compact_ = true;
    return scope;
  }
  // This scope, where matrices need more than 8 bits.
  Scope sensitive() const {
    Scope scope = *this;
    scope.sensitive_ = true;
    return scope;
  }
  Matrix get_matrix(const std::string& name, const Shape& shape, const Init& init) const {
    return compact_ ? source_->get_matrix(prefix_ + name, shape, init, sensitive_)
                    : Matrix{get(name, shape, init)};
  }
  bool in_place() const { return source_->in_place(); }
  Tensor get(const std::string& name, const Shape& shape, const Init& init) const {
    return source_->get(prefix_ + name, shape, init);
  }

 private:
  ParameterSource* source_;
  std::string prefix_;  // "" or ends with a dot
  bool compact_ = false;
  bool sensitive_ = false;
};

// Fresh parameters, the same for the same seed.
class RandomParameters : public ParameterSource {
 public:
  explicit RandomParameters(uint64_t seed, const Device& device = {})
      : seed_(seed), device_(device) {}
  Tensor get(const std::string& name, const Shape& shape, const Init& init) override;

 private:
  uint64_t seed_;
  Device device_;
};

}  // namespace w2vbert
