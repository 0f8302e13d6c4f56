// The weight files of a model folder as the reference saves them, without LibTorch.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "w2vbert/io/safetensors.h"

namespace w2vbert {

// model.safetensors, or the shards that model.safetensors.index.json lists. Both there: the single
// file, as in the reference. Immutable, so any number of threads may use it.
class CheckpointFiles {
 public:
  // `folder` is UTF-8. Throws std::invalid_argument if the folder holds no such files (with the way
  // out if it holds pickles), if an index and its shards do not agree, if a shard lies outside the
  // folder or if two shards hold the same name; otherwise as SafetensorsFile.
  explicit CheckpointFiles(const std::string& folder);

  const std::string& folder() const { return folder_; }

  const std::vector<std::shared_ptr<const SafetensorsFile>>& files() const { return files_; }

  // Every tensor, file by file, in the order of the data. The pointers live as long as this object.
  const std::vector<const TensorEntry*>& entries() const { return entries_; }

  // nullptr if there is no such tensor.
  const TensorEntry* find(const std::string& name) const;

  // Throws std::invalid_argument if there is no such tensor or its dtype is kOther.
  const TensorEntry& tensor(const std::string& name) const;

 private:
  void add_file(const std::string& path);
  void add_shards(const std::string& index_path);

  std::string folder_;
  std::vector<std::shared_ptr<const SafetensorsFile>> files_;
  std::vector<const TensorEntry*> entries_;
  std::unordered_map<std::string, const SafetensorsFile*> file_of_;
};

}  // namespace w2vbert
