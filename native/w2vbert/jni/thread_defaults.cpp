// A library of its own, loaded before libgomp and OpenBLAS, which read their settings when they are
// loaded: how long their threads spin while they wait for work.
//
// OpenMP's spin, by default, 300,000 rounds. Where other processes want the same cores (containers
// that share a machine, say), waiting threads then hold up working ones. A forward pass of a tiny
// model on two cores took, in ms, by the number of rounds:
//                        1,000       10,000      300,000
//   idle machine         1.7 - 1.9   0.9 - 1.3   0.8 - 1.2
//   both cores wanted    2.8 - 3.2   2.6 - 3.1   16 - 75
// Set GOMP_SPINCOUNT or OMP_WAIT_POLICY to choose otherwise.
//
// OpenBLAS has threads of its own beside OpenMP's, which spin for 2^26 cycles after each matrix
// product: in training, where products and other operators take turns, each pool's waiting threads
// take the cores of the other's. A step of a model of 4 million parameters on two cores took 2.6 s
// so, and 1.1 s with 2^4 cycles. Set OPENBLAS_THREAD_TIMEOUT to choose otherwise.

#include <cstdlib>

namespace {

__attribute__((constructor)) void set_thread_defaults() {
  if (std::getenv("GOMP_SPINCOUNT") == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", "10000", 0);
  }
  setenv("OPENBLAS_THREAD_TIMEOUT", "4", 0);
}

}  // namespace
