#include "w2vbert/io/checkpoint_writer.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>

#include "w2vbert/io/json.h"

namespace w2vbert {
namespace {

namespace fs = std::filesystem;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kConfigFile[] = "config.json";
constexpr char kIndexFile[] = "model.safetensors.index.json";

struct Shard {
  std::vector<TensorToWrite> tensors;
  uint64_t bytes = 0;
};

uint64_t byte_size(const TensorToWrite& tensor) {
  uint64_t bytes = safetensors_dtype_size(tensor.dtype);
  for (const int64_t size : tensor.shape) bytes *= static_cast<uint64_t>(size);
  return bytes;
}

// In the order of the model, each filled before the next is begun.
std::vector<Shard> split(const std::vector<TensorToWrite>& tensors, uint64_t max_shard_bytes) {
  std::vector<Shard> shards(1);
  for (const TensorToWrite& tensor : tensors) {
    const uint64_t bytes = byte_size(tensor);
    if (max_shard_bytes > 0 && !shards.back().tensors.empty() &&
        shards.back().bytes + bytes > max_shard_bytes) {
      shards.emplace_back();
    }
    shards.back().tensors.push_back(tensor);
    shards.back().bytes += bytes;
  }
  return shards;
}

// "model-00001-of-00003.safetensors"
std::string shard_name(size_t number, size_t count) {
  const auto digits = [](size_t n) {
    const std::string text = std::to_string(n);
    return std::string(text.size() < 5 ? 5 - text.size() : 0, '0') + text;
  };
  return "model-" + digits(number) + "-of-" + digits(count) + ".safetensors";
}

bool is_shard(const std::string& name) {
  const std::string pattern = "model-#####-of-#####.safetensors";
  return name.size() == pattern.size() &&
         std::equal(name.begin(), name.end(), pattern.begin(),
                    [](char c, char p) { return p == '#' ? c >= '0' && c <= '9' : c == p; });
}

// Weight files of the folder that are not in `keep`.
void remove_others(const std::string& folder, const std::set<std::string>& keep) {
  std::set<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if ((is_shard(name) || name == kSingleFile || name == kIndexFile) && keep.count(name) == 0) {
      stale.insert(entry.path());
    }
  }
  for (const fs::path& path : stale) fs::remove(path);
}

}  // namespace

void write_checkpoint(const std::string& folder, const std::string& config,
                      const std::vector<TensorToWrite>& tensors, uint64_t max_shard_bytes) {
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  const std::vector<Shard> shards = split(tensors, max_shard_bytes);
  Json weight_map = Json::object();
  uint64_t total = 0;
  std::vector<std::unique_ptr<ReplacementFile>> files;
  std::set<std::string> names;
  const auto add = [&](const std::string& name) -> ReplacementFile& {
    const fs::path path = fs::path(folder) / name;
    if (fs::is_directory(fs::symlink_status(path))) {
      throw std::runtime_error(path.string() + ": is a folder; expected a file or nothing");
    }
    names.insert(name);
    files.push_back(std::make_unique<ReplacementFile>(path.string()));
    return *files.back();
  };
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shards.size() == 1 ? kSingleFile : shard_name(i + 1, shards.size());
    ReplacementFile& file = add(name);
    write_safetensors(file, shards[i].tensors, {{"format", "pt"}});
    file.finish();
    total += shards[i].bytes;
    for (const TensorToWrite& tensor : shards[i].tensors) weight_map[tensor.name] = name;
  }
  const auto write_text = [&](const std::string& name, const std::string& text) {
    ReplacementFile& file = add(name);
    file.write(text.data(), text.size());
    file.finish();
  };
  write_text(kConfigFile, config);
  if (shards.size() > 1) {
    const Json document{{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
    write_text(kIndexFile, document.dump(2) + "\n");
    // While shards of two models may lie side by side, none of them is to be read.
    fs::remove(fs::path(folder) / kIndexFile);
  }
  for (const auto& file : files) file->move_into_place();
  remove_others(folder, names);
}

}  // namespace w2vbert
