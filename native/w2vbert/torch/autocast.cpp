#include "w2vbert/torch/autocast.h"

#include <utility>

namespace w2vbert {
namespace {

thread_local std::optional<DType> current;

}  // namespace

Autocast::Autocast(std::optional<DType> dtype) : before_(std::exchange(current, dtype)) {}

Autocast::~Autocast() { current = before_; }

std::optional<DType> Autocast::dtype() { return current; }

}  // namespace w2vbert
