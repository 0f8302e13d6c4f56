// TDNNLayer: a dilated convolution over time without padding, then ReLU (Snyder et al. 2018).
#pragma once

#include <vector>

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/layout.h"

namespace w2vbert {

class Tdnn {
 public:
  // Layers `tdnn.0`, `tdnn.1`, ... of `scope`; the first reads tdnn_dim[0] columns.
  Tdnn(const Scope& scope, const Config& config);

  struct Output {
    Tensor hidden;  // [layout.total(), tdnn_dim.back()]
    Layout layout;  // all rows valid; on the device of the rows where nothing is recorded
  };
  // Throws std::invalid_argument unless every utterance has context() + 1 rows.
  Output operator()(const Tensor& x, const Layout& layout) const;

  // How many rows an utterance loses: the sum of (kernel - 1) * dilation.
  int64_t context() const;

 private:
  struct Layer {
    Linear kernel;  // weight [out, kernel * in], the input of the earliest frame first
    int64_t width;  // of the convolution
    int64_t dilation;
  };
  std::vector<Layer> layers_;
};

}  // namespace w2vbert
