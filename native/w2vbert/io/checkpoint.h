// Parameters from a model folder: names of the file to names of the model, and what did not fit.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "w2vbert/io/checkpoint_files.h"
#include "w2vbert/modules/parameters.h"

namespace w2vbert {

struct CheckpointOptions {
  // Draw parameters that the files do not have (with the given seed) instead of refusing.
  bool initialize_missing = false;
  // The same for parameters of another shape.
  bool ignore_mismatched_sizes = false;
  int64_t seed = 0;
  // Copy all tensors, so that nothing depends on the files once the model is there.
  bool copy = false;
  // How matrices that may have fewer bits are stored: float32, float16, bfloat16, int8 or float8.
  // Sensitive ones are int16 where others are int8; then the rest is copied, too.
  DType matrices = DType::kFloat32;
  // Where the model computes. On a CUDA device all parameters are there and of the type above,
  // which is not int8, and nothing depends on the files. Only there it may be float8: then what is
  // sensitive, what has a shape without a product of float8, and all that is no such matrix is
  // bfloat16.
  Device device = {};
};

// Names that the files and the model do not share, as the files spell them (missing ones as the
// model does).
struct LoadReport {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> mismatched;  // "name: [20, 32] in the checkpoint, [9, 32] in the model"
};

// A tensor of the files that has the wanted type is used in place, unless a copy is asked for or
// its address is not aligned; others are converted, and do not take memory afterwards. F16 and BF16
// are widened, F64 is rounded. A base checkpoint's names have no `wav2vec2_bert.` prefix, a
// fine-tuned one's have: either serves every model.
class CheckpointParameters : public ParameterSource {
 public:
  CheckpointParameters(const CheckpointFiles& files, const CheckpointOptions& options)
      : files_(&files), options_(options), random_(static_cast<uint64_t>(options.seed)) {}

  Tensor get(const std::string& name, const Shape& shape, const Init& init) override;
  Matrix get_matrix(const std::string& name, const Shape& shape, const Init& init,
                    bool sensitive) override;

  // To be called when the model has asked for everything. Throws std::invalid_argument with all
  // names if parameters are missing or of another shape and the options do not allow it.
  // `model_class` is for the message.
  LoadReport finish(const std::string& model_class) const;

 private:
  const TensorEntry* find(const std::string& name) const;
  // The tensor of the files with the parameter's values, or nullptr, with a record of why.
  const TensorEntry* matching(const std::string& name, const Shape& shape);
  // What stands for a parameter without one: undefined, or a fresh draw if the options allow it.
  Tensor substitute(const std::string& name, const Shape& shape, const Init& init);
  // On the device of the options.
  Matrix get_as(const std::string& name, const Shape& shape, const Init& init, DType dtype);

  const CheckpointFiles* files_;
  CheckpointOptions options_;
  RandomParameters random_;
  std::set<std::string> used_;  // names of the files
  LoadReport report_;
};

// Remembers the parameters that pass through it, in order.
class RecordingParameters : public ParameterSource {
 public:
  explicit RecordingParameters(ParameterSource& source) : source_(&source) {}
  Tensor get(const std::string& name, const Shape& shape, const Init& init) override {
    Tensor tensor = source_->get(name, shape, init);
    parameters.emplace_back(name, Matrix{tensor});
    return tensor;
  }
  Matrix get_matrix(const std::string& name, const Shape& shape, const Init& init,
                    bool sensitive) override {
    Matrix matrix = source_->get_matrix(name, shape, init, sensitive);
    parameters.emplace_back(name, matrix);
    return matrix;
  }

  std::vector<std::pair<std::string, Matrix>> parameters;

 private:
  ParameterSource* source_;
};

}  // namespace w2vbert
