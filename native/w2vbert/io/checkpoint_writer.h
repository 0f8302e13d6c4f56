// Writes the weight files of a model folder as the reference does, without LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "w2vbert/io/safetensors.h"

namespace w2vbert {

// Writes config.json and model.safetensors; or, if the tensors have more than `max_shard_bytes` (0:
// no limit), shards of at most that many bytes, a larger tensor alone, and
// model.safetensors.index.json. The files take their places when all are on the disk; then weight
// files of an earlier model in the folder are removed. A failure before that leaves the folder as
// it was; a crash between two renames can leave shards without index, which are refused when they
// are read. One call at a time in a process; two processes must not write into one folder at once.
// `folder` (UTF-8) exists. Throws std::invalid_argument for tensors that no file can hold,
// std::runtime_error if the system refuses.
void write_checkpoint(const std::string& folder, const std::string& config,
                      const std::vector<TensorToWrite>& tensors, uint64_t max_shard_bytes);

}  // namespace w2vbert
