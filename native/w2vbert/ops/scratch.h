// Memory that operators need while they run. Blocks are kept for the next operator, so that a pass
// over a model asks the system for them once; what is kept is bounded, and the oldest goes first.
#pragma once

#include <cstdint>

namespace w2vbert::ops {

class Scratch {
 public:
  // Its content does not matter. Throws std::bad_alloc if there is no memory.
  explicit Scratch(int64_t floats);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  float* data() const { return data_; }  // aligned to a cache line

 private:
  float* data_;
  int64_t bytes_;
};

}  // namespace w2vbert::ops
