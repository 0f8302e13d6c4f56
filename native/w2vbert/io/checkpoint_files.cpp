#include "w2vbert/io/checkpoint_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <system_error>

#include "w2vbert/io/json.h"

namespace w2vbert {
namespace {

namespace fs = std::filesystem;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr uintmax_t kMaxIndexBytes = 100'000'000;

[[noreturn]] void refuse(const std::string& source, const std::string& what) {
  throw std::invalid_argument(source + ": " + what);
}

bool present(const fs::path& path) {
  std::error_code error;  // what cannot be examined will be refused by name when it is opened
  const fs::file_status status = fs::status(path, error);
  return status.type() != fs::file_type::not_found;
}

bool is_pickle(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".pkl" ||
         extension == ".ckpt";
}

// Says what the folder has instead of weights.
[[noreturn]] void refuse_folder(const std::string& folder) {
  std::set<std::string> pickles;
  std::set<std::string> sub_folders;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;  // an entry that cannot be examined is not worth naming
    if (is_pickle(it->path()) && it->path().filename() != "training_args.bin") {
      pickles.insert(it->path().filename().string());
    } else if (it->is_directory(ignored) &&
               (present(it->path() / kSingleFile) || present(it->path() / kIndexFile))) {
      sub_folders.insert(it->path().filename().string());
    }
  }
  if (error) {
    throw std::runtime_error(folder + ": cannot be listed: " + error.message());
  }
  std::string what = "no " + std::string(kSingleFile) + " and no " + kIndexFile;
  if (!sub_folders.empty()) {
    what += "; the sub-folder " + printable(*sub_folders.begin()) + " has one, name it instead";
  }
  if (!pickles.empty()) {
    what +=
        "; found " + printable(*pickles.begin()) +
        ", but pickles are not read, since a pickle can run any program. Convert it once in "
        "Python: "
        "transformers.AutoModel.from_pretrained(\"...\").save_pretrained(\"...\", "
        "safe_serialization=True), with the class that config.json names under architectures, such "
        "as AutoModelForCTC, in place of AutoModel";
  }
  refuse(folder, what);
}

// A shard may be a link (the download cache of the hub is made of links), but its name must not
// lead out of the folder.
void require_inside(const std::string& shard, const std::string& source) {
  const fs::path path(shard);
  const bool leaves = path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
  if (shard.empty() || leaves || shard.find('\0') != std::string::npos) {
    refuse(source,
           "names the file " + printable(shard) + "; expected a file inside the model's folder");
  }
}

}  // namespace

CheckpointFiles::CheckpointFiles(const std::string& folder) : folder_(folder) {
  if (folder.find('\0') != std::string::npos) {
    refuse(printable(folder), "the path holds a null character; expected a model folder");
  }
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (error && status.type() != fs::file_type::not_found) {
    throw std::runtime_error(folder + ": cannot be examined: " + error.message());
  }
  if (!fs::is_directory(status)) {
    refuse(folder, fs::exists(status) ? "is not a folder; expected the folder of a model"
                                      : "does not exist; expected the folder of a model");
  }
  const fs::path root(folder);
  if (present(root / kSingleFile)) {
    add_file((root / kSingleFile).string());
  } else if (present(root / kIndexFile)) {
    add_shards((root / kIndexFile).string());
  } else {
    refuse_folder(folder);
  }
}

void CheckpointFiles::add_file(const std::string& path) {
  auto file = std::make_shared<const SafetensorsFile>(path);
  for (const TensorEntry& entry : file->entries()) {
    const auto [found, added] = file_of_.emplace(entry.name, file.get());
    if (!added) {
      refuse(path, "tensor " + printable(entry.name) + " is also in " + found->second->path() +
                       "; expected every name in one shard");
    }
    entries_.push_back(&entry);
  }
  files_.push_back(std::move(file));
}

void CheckpointFiles::add_shards(const std::string& index_path) {
  const auto index_file = MappedFile::open(index_path);
  if (index_file->size() > kMaxIndexBytes) {
    refuse(index_path, "has " + std::to_string(index_file->size()) + " bytes; expected at most " +
                           std::to_string(kMaxIndexBytes));
  }
  const Json index = parse_json(index_file->text(), index_path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty()) {
    refuse(index_path, "no \"weight_map\" from tensor names to file names");
  }
  const Json& weight_map = index["weight_map"];
  std::set<std::string> shards;
  for (const auto& [name, shard] : weight_map.items()) {
    const std::string source = index_path + ": weight_map " + printable(name);
    if (!shard.is_string()) {
      refuse(source, "is " + printable(shard) + "; expected a file name");
    }
    require_inside(shard.get_ref<const std::string&>(), source);
    shards.insert(shard.get<std::string>());
  }
  for (const std::string& shard : shards) {
    const fs::path path = fs::path(folder_) / shard;
    if (!present(path)) {
      refuse(index_path, "names the file " + printable(shard) + ", which is not in the folder");
    }
    add_file(path.string());
  }
  for (const auto& [name, shard] : weight_map.items()) {
    const auto found = file_of_.find(name);
    const std::string path = (fs::path(folder_) / shard.get_ref<const std::string&>()).string();
    if (found == file_of_.end() || found->second->path() != path) {
      refuse(index_path,
             "promises tensor " + printable(name) + " in " + printable(shard) + ", but it is " +
                 (found == file_of_.end() ? "in no shard" : "in " + found->second->path()));
    }
  }
}

const TensorEntry* CheckpointFiles::find(const std::string& name) const {
  const auto found = file_of_.find(name);
  return found == file_of_.end() ? nullptr : found->second->find(name);
}

const TensorEntry& CheckpointFiles::tensor(const std::string& name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) {
    refuse(folder_, "no weight file has a tensor " + printable(name));
  }
  return found->second->tensor(name);
}

}  // namespace w2vbert
