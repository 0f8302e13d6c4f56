#include "w2vbert/io/checkpoint_files.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "golden_files.h"
#include "temporary_folder.h"

namespace w2vbert {
namespace {

class CheckpointFilesTest : public testing::Test {
 protected:
  void write_shard(const std::string& name, const std::vector<std::string>& tensors) const {
    const float value = 1;
    std::vector<TensorToWrite> list;
    for (const std::string& tensor : tensors) {
      list.push_back({tensor, SafetensorsDType::kF32, {1}, &value});
    }
    write_safetensors(folder_.file(name), list);
  }

  void write_index(const std::string& weight_map) const {
    folder_.write("model.safetensors.index.json",
                  "{\"metadata\":{},\"weight_map\":" + weight_map + "}");
  }

  void expect_refused(const std::string& part) const {
    try {
      CheckpointFiles files(folder_.path().string());
      FAIL() << "nothing was refused; expected: " << part;
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(part), message.npos) << message << "\n  does not contain: " << part;
      EXPECT_NE(message.find(folder_.path().string()), message.npos) << message;
    }
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointFilesTest, ReadsTheGoldenShardsLikeOneFile) {
  const CheckpointFiles sharded((golden_dir() / "models/ctc_sharded").string());
  EXPECT_EQ(3u, sharded.files().size());
  uint64_t bytes = 0;
  for (const TensorEntry* entry : sharded.entries()) {
    EXPECT_EQ(entry, &sharded.tensor(entry->name));
    bytes += entry->byte_size();
  }
  EXPECT_EQ(80864u, bytes);  // total_size of the index
}

TEST_F(CheckpointFilesTest, ReadsASingleFile) {
  write_shard("model.safetensors", {"a", "b"});
  const CheckpointFiles files(folder_.path().string());
  EXPECT_EQ(2u, files.entries().size());
  EXPECT_EQ("a", files.tensor("a").name);
  EXPECT_EQ(nullptr, files.find("c"));
  EXPECT_THROW(files.tensor("c"), std::invalid_argument);
}

TEST_F(CheckpointFilesTest, PrefersTheSingleFile) {
  write_shard("model.safetensors", {"a"});
  write_index("{\"a\":\"absent.safetensors\"}");
  EXPECT_EQ(1u, CheckpointFiles(folder_.path().string()).files().size());
}

TEST_F(CheckpointFilesTest, FollowsLinksAsTheDownloadCacheMakesThem) {
  write_shard("blob", {"a"});
  std::filesystem::create_directories(folder_.file("snapshots/1"));
  std::filesystem::create_symlink("../../blob", folder_.file("snapshots/1/model.safetensors"));
  EXPECT_EQ("a", CheckpointFiles(folder_.file("snapshots/1")).tensor("a").name);
}

TEST_F(CheckpointFilesTest, RefusesAMissingShard) {
  write_index("{\"a\":\"one.safetensors\"}");
  expect_refused("names the file \"one.safetensors\", which is not in the folder");
}

TEST_F(CheckpointFilesTest, RefusesAPromisedTensorThatIsNotThere) {
  write_shard("one.safetensors", {"a"});
  write_index("{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}");
  expect_refused("promises tensor \"b\" in \"one.safetensors\", but it is in no shard");
}

TEST_F(CheckpointFilesTest, RefusesATensorInAnotherShardThanPromised) {
  write_shard("one.safetensors", {"a"});
  write_shard("two.safetensors", {"b"});
  write_index("{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}");
  expect_refused("promises tensor \"a\" in \"two.safetensors\", but it is in ");
}

TEST_F(CheckpointFilesTest, RefusesOneNameInTwoShards) {
  write_shard("one.safetensors", {"a", "b"});
  write_shard("two.safetensors", {"b"});
  write_index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
  expect_refused("tensor \"b\" is also in");
}

TEST_F(CheckpointFilesTest, RefusesShardsOutsideTheFolder) {
  write_shard("one.safetensors", {"a"});
  std::filesystem::create_directories(folder_.file("sub"));
  for (const std::string& shard :
       {folder_.file("one.safetensors"), std::string("../one.safetensors"),
        std::string("sub/../one.safetensors"), std::string(".."), std::string(""),
        std::string("one\\u0000.safetensors")}) {
    write_index("{\"a\":\"" + shard + "\"}");
    expect_refused("expected a file inside the model's folder");
  }
}

TEST_F(CheckpointFilesTest, RefusesABrokenIndex) {
  for (const char* text :
       {"", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}", "{\"weight_map\":{\"a\":1}}",
        "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}"}) {
    folder_.write("model.safetensors.index.json", text);
    expect_refused("model.safetensors.index.json: ");
  }
}

TEST_F(CheckpointFilesTest, ExplainsWhyPicklesAreNotRead) {
  for (const char* name : {"pytorch_model.bin", "conformer_shaw.pt", "model.pkl", "model.ckpt"}) {
    const std::string path = folder_.write(name, "pickle");
    expect_refused(std::string("found \"") + name + "\", but pickles are not read");
    expect_refused("safe_serialization=True");
    std::filesystem::remove(path);
  }
  folder_.write("training_args.bin", "no weights");
  expect_refused("no model.safetensors and no model.safetensors.index.json");
}

TEST_F(CheckpointFilesTest, PointsToACheckpointInASubFolder) {
  std::filesystem::create_directories(folder_.file("checkpoint-500"));
  write_shard("checkpoint-500/model.safetensors", {"a"});
  expect_refused("the sub-folder \"checkpoint-500\" has one");
}

TEST_F(CheckpointFilesTest, RefusesWhatIsNoFolder) {
  folder_.write("file", "");
  EXPECT_THROW(CheckpointFiles(folder_.file("file")), std::invalid_argument);
  EXPECT_THROW(CheckpointFiles(folder_.file("absent")), std::invalid_argument);
  EXPECT_THROW(CheckpointFiles(std::string("a\0b", 3)), std::invalid_argument);
  EXPECT_THROW(CheckpointFiles(""), std::invalid_argument);
}

}  // namespace
}  // namespace w2vbert
