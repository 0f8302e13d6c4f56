// Where the recorded cases lie.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace w2vbert {

// The cases of this project, for tests that need a particular one.
inline std::filesystem::path golden_dir() { return W2VBERT_GOLDEN_DIR; }

// The cases to run: the folder that the environment variable W2VBERT_GOLDEN names (absolute, or
// relative to the working directory or one above it), or this project's.
inline std::filesystem::path chosen_golden_dir() {
  const char* folder = std::getenv("W2VBERT_GOLDEN");
  if (folder == nullptr || *folder == '\0') return golden_dir();
  std::filesystem::path parent = std::filesystem::current_path();
  while (!std::filesystem::is_directory(parent / folder)) {
    if (parent == parent.root_path()) {
      throw std::runtime_error(std::string("W2VBERT_GOLDEN names no folder: ") + folder);
    }
    parent = parent.parent_path();
  }
  return parent / folder;
}

// One group of the cases to run; a group that the chosen folder lacks is this project's.
inline std::filesystem::path golden_group(const std::string& group) {
  const std::filesystem::path folder = chosen_golden_dir() / group;
  return std::filesystem::is_directory(folder) ? folder : golden_dir() / group;
}

// Every file of this project's cases whose name ends in `ending`, in order.
inline std::vector<std::filesystem::path> golden_files(const std::string& ending) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden_dir())) {
    const std::string name = entry.path().filename().string();
    if (name.size() >= ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace w2vbert
