// A library of its own, loaded before libgomp, which reads its settings when it is loaded: while
// its threads wait for work they spin, by default 300,000 rounds. Where other processes want the
// same cores (containers that share a machine, say), waiting threads then hold up working ones. A
// forward pass of a tiny model on two cores took, in ms, by the number of rounds:
//                        1,000       10,000      300,000
//   idle machine         1.7 - 1.9   0.9 - 1.3   0.8 - 1.2
//   both cores wanted    2.8 - 3.2   2.6 - 3.1   16 - 75
// Set GOMP_SPINCOUNT or OMP_WAIT_POLICY to choose otherwise.

#include <cstdlib>

namespace {

__attribute__((constructor)) void set_openmp_defaults() {
  if (std::getenv("GOMP_SPINCOUNT") == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", "10000", 0);
  }
}

}  // namespace
