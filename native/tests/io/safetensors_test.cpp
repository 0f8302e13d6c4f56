#include "w2vbert/io/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>

#include "golden_files.h"
#include "temporary_folder.h"

namespace w2vbert {
namespace {

std::string length_bytes(uint64_t length) {
  return {reinterpret_cast<const char*>(&length), sizeof length};
}

std::string file_bytes(const std::string& header, size_t data_bytes) {
  return length_bytes(header.size()) + header + std::string(data_bytes, '\1');
}

std::string message_of(const std::string& path) {
  try {
    SafetensorsFile file(path);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), text.npos) << text << "\n  does not contain: " << part;
}

TEST(SafetensorsTest, ReadsEveryGoldenFile) {
  const auto files = golden_files(".safetensors");
  ASSERT_GT(files.size(), 300u);
  for (const auto& path : files) {
    const SafetensorsFile file(path.string());
    EXPECT_EQ("pt", file.metadata().at("format")) << path;
    ASSERT_FALSE(file.entries().empty()) << path;
    for (const TensorEntry& entry : file.entries()) {
      EXPECT_EQ(&entry, &file.tensor(entry.name));
      EXPECT_TRUE(entry.aligned());
      EXPECT_EQ(entry.byte_size(), entry.element_count() * safetensors_dtype_size(entry.dtype));
    }
  }
}

TEST(SafetensorsTest, ReadsTheValuesOfAGoldenTensor) {
  const SafetensorsFile file((golden_dir() / "features/filterbank/outputs.safetensors").string());
  const TensorEntry& window = file.tensor("window");
  ASSERT_EQ(SafetensorsDType::kF64, window.dtype);
  ASSERT_EQ(std::vector<int64_t>{400}, window.shape);
  for (int i = 0; i < 400; ++i) {
    double value = 0;
    std::memcpy(&value, window.data + 8 * i, sizeof value);
    EXPECT_NEAR(std::pow(0.5 - 0.5 * std::cos(2 * M_PI * i / 399), 0.85), value, 1e-12);
  }
}

TEST(SafetensorsTest, EveryDTypeComesBack) {
  const TemporaryFolder folder;
  const std::string path = folder.file("all \xC3\xA9.safetensors");
  std::vector<unsigned char> data(6 * 8 + 1);
  std::mt19937 random(7);
  for (auto& byte : data) {
    byte = static_cast<unsigned char>(random());
  }
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < static_cast<int>(SafetensorsDType::kOther); ++i) {
    const auto dtype = static_cast<SafetensorsDType>(i);
    const std::string name = safetensors_dtype_name(dtype);
    tensors.push_back({name, dtype, {2, 3}, data.data() + 1});  // unaligned
    tensors.push_back({name + ".scalar", dtype, {}, data.data()});
    tensors.push_back({name + ".empty", dtype, {4, 0, 5}, nullptr});
  }
  const std::map<std::string, std::string> metadata = {{"format", "pt"},
                                                       {"\xE4\xBD\xA0 \"\n", "\\"}};
  write_safetensors(path, tensors, metadata);

  const SafetensorsFile file(path);
  EXPECT_EQ(metadata, file.metadata());
  EXPECT_EQ(tensors.size(), file.entries().size());
  EXPECT_EQ(0, reinterpret_cast<uintptr_t>(file.entries()[0].data) % 64);
  for (const TensorToWrite& tensor : tensors) {
    const TensorEntry& entry = file.tensor(tensor.name);
    EXPECT_EQ(tensor.dtype, entry.dtype);
    EXPECT_EQ(tensor.shape, entry.shape);
    EXPECT_TRUE(entry.aligned()) << entry.name;
    if (entry.byte_size() > 0) {
      EXPECT_EQ(0, std::memcmp(tensor.data, entry.data, entry.byte_size())) << entry.name;
    }
  }
}

TEST(SafetensorsTest, WritesTheSameBytesWhateverTheOrder) {
  const TemporaryFolder folder;
  const double value = 1;
  std::vector<TensorToWrite> tensors = {{"b", SafetensorsDType::kF32, {1}, &value},
                                        {"a", SafetensorsDType::kF32, {2}, &value},
                                        {"c", SafetensorsDType::kF64, {1}, &value},
                                        {"d", SafetensorsDType::kU8, {1}, &value}};
  write_safetensors(folder.file("one"), tensors);
  std::swap(tensors[0], tensors[3]);
  std::swap(tensors[1], tensors[2]);
  write_safetensors(folder.file("two"), tensors);
  EXPECT_EQ(read_bytes(folder.file("one")), read_bytes(folder.file("two")));
  std::string names;
  const SafetensorsFile file(folder.file("one"));
  for (const TensorEntry& entry : file.entries()) {
    names += entry.name;
  }
  EXPECT_EQ("cabd", names);
}

TEST(SafetensorsTest, WritesNoTensorsAtAll) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("none"), {});
  EXPECT_TRUE(SafetensorsFile(folder.file("none")).entries().empty());
}

TEST(SafetensorsTest, ReplacingAFileLeavesItsReadersAlone) {
  const TemporaryFolder folder;
  const int32_t one = 1;
  const int32_t two = 2;
  write_safetensors(folder.file("x"), {{"t", SafetensorsDType::kI32, {1}, &one}});
  const SafetensorsFile before(folder.file("x"));
  write_safetensors(folder.file("x"), {{"t", SafetensorsDType::kI32, {1}, &two}});
  const SafetensorsFile after(folder.file("x"));
  EXPECT_EQ(0, std::memcmp(before.tensor("t").data, &one, 4));
  EXPECT_EQ(0, std::memcmp(after.tensor("t").data, &two, 4));
}

TEST(SafetensorsTest, AnEntryKeepsItsData) {
  const TemporaryFolder folder;
  const int32_t one = 1;
  write_safetensors(folder.file("x"), {{"t", SafetensorsDType::kI32, {1}, &one}});
  const TensorEntry entry = SafetensorsFile(folder.file("x")).tensor("t");
  EXPECT_EQ(0, std::memcmp(entry.data, &one, 4));
}

TEST(SafetensorsTest, AFailedWriteLeavesNothingBehind) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("target"));
  EXPECT_THROW(write_safetensors(folder.file("target"), {}), std::runtime_error);
  EXPECT_THROW(write_safetensors(folder.file("no/such/folder"), {}), std::runtime_error);
  EXPECT_EQ(1, std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(SafetensorsTest, RefusesToWriteWhatNoFileCanHold) {
  const TemporaryFolder folder;
  const float value = 1;
  const auto refused = [&](const std::vector<TensorToWrite>& tensors,
                           const std::map<std::string, std::string>& metadata = {}) {
    EXPECT_THROW(write_safetensors(folder.file("x"), tensors, metadata), std::invalid_argument);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  };
  constexpr auto kF32 = SafetensorsDType::kF32;
  refused({{"t", kF32, {1}, &value}, {"t", kF32, {1}, &value}});
  refused({{"__metadata__", kF32, {1}, &value}});
  refused({{"t\xFF", kF32, {1}, &value}});
  refused({{"t", kF32, {-1}, &value}});
  refused({{"t", kF32, {int64_t{1} << 32, int64_t{1} << 30}, &value}});
  refused({{"t", kF32, {0, int64_t{1} << 62, int64_t{1} << 62}, &value}});
  refused({{"t", kF32, std::vector<int64_t>(65, 1), &value}});
  refused({{"t", kF32, {1}, nullptr}});
  refused({{"t", SafetensorsDType::kOther, {1}, &value}});
  refused({}, {{"key", "\xC3"}});
  refused({}, {{"\xC3", "value"}});
  EXPECT_THROW(write_safetensors("", {}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(std::string("a\0b", 3), {}), std::invalid_argument);
}

struct Lie {
  const char* name;
  std::string bytes;
  std::string expected;  // part of the message
};

class SafetensorsLieTest : public testing::TestWithParam<Lie> {};

TEST_P(SafetensorsLieTest, IsRefusedByName) {
  const TemporaryFolder folder;
  const std::string path = folder.write("lie.safetensors", GetParam().bytes);
  const std::string message = message_of(path);
  expect_contains(message, path + ": ");
  expect_contains(message, GetParam().expected);
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}}";
}

Lie lie(const char* name, const std::string& header, size_t data_bytes,
        const std::string& expected) {
  return {name, file_bytes(header, data_bytes), expected};
}

std::string ones(int count) {
  std::string text = "[1";
  for (int i = 1; i < count; ++i) {
    text += ",1";
  }
  return text + "]";
}

std::string pair(const std::string& a, const std::string& b) {
  return "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + a +
         "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + b + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    Lies, SafetensorsLieTest,
    testing::Values(
        Lie{"EmptyFile", "", "has 0 bytes"}, Lie{"SevenBytes", "1234567", "has 7 bytes"},
        Lie{"NoHeader", length_bytes(0), "does not begin with '{'"},
        Lie{"HeaderBeyondTheFile", length_bytes(3) + "{}", "only 2 bytes follow"},
        Lie{"HugeHeader", length_bytes(100'000'001) + "{}", "expected at most 100000000"},
        Lie{"HeaderLengthOfAllOnes", length_bytes(~uint64_t{0}) + "{}", "18446744073709551615"},
        lie("NotUtf8", "{\"\xFF\":1}", 0, "expected JSON in UTF-8"),
        lie("NotJson", "{\"a\":", 0, "expected JSON in UTF-8"),
        lie("TextAfterTheHeader", "{} x", 0, "expected JSON in UTF-8"),
        lie("NullByte", std::string("{}\0 ", 4), 0, "found a null byte"),
        lie("LongNumber", "{\"t\":1e" + std::string(10'000, '9') + "}", 0, "99... ("),
        lie("LongName", "{\"" + std::string(10'000, 'n') + "\":1}", 0, "nn... (10002 bytes)"),
        lie("AList", "[]", 0, "does not begin with '{'"),
        lie("LeadingSpace", " {}", 0, "does not begin with '{'"),
        lie("DuplicateNames", "{\"t\":{},\"t\":{}}", 0, "key \"t\" occurs twice"),
        lie("DuplicateFields", "{\"t\":{\"dtype\":\"U8\",\"dtype\":\"I8\"}}", 0,
            "key \"dtype\" occurs twice"),
        lie("TooDeep", "{\"t\":{\"shape\":[[1]]}}", 0, "nested deeper than the 3 levels"),
        lie("VeryDeep", "{\"t\":" + std::string(1'000'000, '['), 0, "nested deeper"),
        lie("TooManyValues", tensor("\"U8\"", ones(4'000'001), "[0,1]"), 1,
            "more than 4000000 values"),
        lie("TensorIsANumber", "{\"t\":5}", 0, "tensor \"t\": is 5; expected an object"),
        lie("NoDType", "{\"t\":{\"shape\":[],\"data_offsets\":[0,0]}}", 0,
            "tensor \"t\": has no \"dtype\""),
        lie("NoShape", "{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,0]}}", 0, "has no \"shape\""),
        lie("NoOffsets", "{\"t\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0, "has no \"data_offsets\""),
        lie("DTypeIsANumber", tensor("4", "[1]", "[0,1]"), 1, "dtype is 4; expected a name"),
        lie("ShapeIsANumber", tensor("\"U8\"", "1", "[0,1]"), 1, "shape is 1; expected a list"),
        lie("ShapeHoldsAText", tensor("\"U8\"", "[\"1\"]", "[0,1]"), 1,
            "holds \"1\"; expected integers"),
        lie("ShapeHoldsAFraction", tensor("\"U8\"", "[1.0]", "[0,1]"), 1,
            "holds 1.0; expected integers"),
        lie("NegativeSize", tensor("\"U8\"", "[-1]", "[0,1]"), 1, "shape [-1] holds -1"),
        lie("HugeSize", tensor("\"U8\"", "[9223372036854775808]", "[0,1]"), 1,
            "9223372036854775808; expected"),
        lie("OverflowingShape", tensor("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0,
            "overflows"),
        lie("OverflowingBytes", tensor("\"F64\"", "[2305843009213693952]", "[0,0]"), 0,
            "overflows"),
        lie("OverflowBehindAZero", tensor("\"U8\"", "[0,4294967296,4294967296]", "[0,0]"), 0,
            "overflows"),
        lie("ManyDimensions", tensor("\"U8\"", ones(65), "[0,1]"), 1, "at most 64 sizes"),
        lie("OneOffset", tensor("\"U8\"", "[1]", "[1]"), 1,
            "data_offsets is [1]; expected [begin, end]"),
        lie("OffsetIsAText", tensor("\"U8\"", "[1]", "[0,\"1\"]"), 1, "expected [begin, end]"),
        lie("NegativeOffset", tensor("\"U8\"", "[1]", "[-1,0]"), 1, "data_offsets is [-1,0]"),
        lie("HugeOffset", tensor("\"U8\"", "[1]", "[0,1e400]"), 1, "expected JSON"),
        lie("BeginAfterEnd", tensor("\"U8\"", "[1]", "[1,0]"), 1, "expected begin <= end <= 1"),
        lie("OutsideTheData", tensor("\"U8\"", "[2]", "[0,2]"), 1, "expected begin <= end <= 1"),
        lie("FarOutsideTheData",
            tensor("\"U8\"", "[1]", "[18446744073709551614,18446744073709551615]"), 1,
            "expected begin <= end <= 1"),
        lie("TooFewBytes", tensor("\"F32\"", "[2,3]", "[0,23]"), 23,
            "shape [2,3] of F32 needs 24 bytes, but data_offsets [0,23] hold 23"),
        lie("TooManyBytes", tensor("\"F32\"", "[2,3]", "[0,25]"), 25, "needs 24 bytes"),
        lie("Overlap", pair("[0,4]", "[3,7]"), 7,
            "tensor \"b\": begins at byte 3 of the data, inside"),
        lie("SameBytes", pair("[0,4]", "[0,4]"), 4,
            "tensor \"b\": begins at byte 0 of the data, inside"),
        lie("Hole", pair("[0,4]", "[5,9]"), 9,
            "tensor \"b\": begins at byte 5 of the data, after a hole"),
        lie("HoleAtTheStart", pair("[1,5]", "[5,9]"), 9, "tensor \"a\": begins at byte 1"),
        lie("BytesAfterTheLast", pair("[0,4]", "[4,8]"), 9,
            "end at byte 8 of the data; expected 9"),
        lie("DataWithoutTensors", "{}", 1, "end at byte 0 of the data; expected 1"),
        lie("MetadataIsAList", "{\"__metadata__\":[]}", 0, "__metadata__ is []"),
        lie("MetadataHoldsANumber", "{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ \"k\" is 1")),
    [](const auto& lie) { return std::string(lie.param.name); });

TEST(SafetensorsTest, RefusesOtherThingsThanFiles) {
  const TemporaryFolder folder;
  expect_contains(message_of(folder.path().string()), "is a directory; expected a file");
  expect_contains(message_of(folder.file("absent")), "absent: cannot be opened: No such file");
  expect_contains(message_of(std::string("a\0b", 3)), "null character");
  ASSERT_EQ(0, ::mkfifo(folder.file("pipe").c_str(), 0600));
  expect_contains(message_of(folder.file("pipe")), "is not a regular file; expected a file");
}

TEST(SafetensorsTest, ReportsWhatTheSystemCannotOpen) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("loop", folder.file("loop"));
  EXPECT_THROW(SafetensorsFile(folder.file("loop")), std::runtime_error);
}

TEST(SafetensorsTest, ToleratesATensorOfUnknownTypeUntilItIsUsed) {
  const TemporaryFolder folder;
  const SafetensorsFile file(
      folder.write("x", file_bytes(tensor("\"F8_E4M3\"", "[2]", "[0,2]"), 2)));
  const TensorEntry* entry = file.find("t");
  ASSERT_NE(nullptr, entry);
  EXPECT_EQ("F8_E4M3", entry->dtype_name);
  try {
    file.tensor("t");
    FAIL();
  } catch (const std::invalid_argument& error) {
    expect_contains(error.what(), "tensor \"t\": dtype is \"F8_E4M3\"; expected one of");
  }
}

TEST(SafetensorsTest, NamesAMissingTensor) {
  const TemporaryFolder folder;
  const SafetensorsFile file(folder.write("x", file_bytes("{}", 0)));
  EXPECT_EQ(nullptr, file.find("t"));
  EXPECT_THROW(file.tensor("t"), std::invalid_argument);
}

TEST(SafetensorsTest, SeesThatATensorIsNotAligned) {
  const TemporaryFolder folder;
  std::string header = tensor("\"F32\"", "[1]", "[0,4]");
  header.resize((header.size() / 4 + 1) * 4 + 1, ' ');
  const SafetensorsFile file(folder.write("x", file_bytes(header, 4)));
  EXPECT_FALSE(file.tensor("t").aligned());
}

std::string small_file() {
  const TemporaryFolder folder;
  const float values[6] = {1, 2, 3, 4, 5, 6};
  write_safetensors(folder.file("x"),
                    {{"weight", SafetensorsDType::kF32, {2, 3}, values},
                     {"mask", SafetensorsDType::kBool, {3}, values},
                     {"empty", SafetensorsDType::kI64, {0}, nullptr}},
                    {{"format", "pt"}});
  return read_bytes(folder.file("x"));
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const TemporaryFolder folder;
  const std::string whole = small_file();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(SafetensorsFile(folder.write("x", whole.substr(0, size))), std::invalid_argument)
        << size;
  }
}

TEST(SafetensorsTest, SurvivesEveryFlippedByteOfTheHeader) {
  const TemporaryFolder folder;
  const std::string whole = small_file();
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, whole.data(), 8);
  std::mt19937 random(1234);
  int refused = 0;
  int accepted = 0;
  const auto open = [&](const std::string& bytes) {
    try {
      const SafetensorsFile file(folder.write("x", bytes));
      unsigned sum = 0;  // touches every byte that the header promises
      for (const TensorEntry& entry : file.entries()) {
        for (uint64_t i = 0; i < entry.byte_size(); ++i) {
          sum += std::to_integer<unsigned>(entry.data[i]);
        }
      }
      EXPECT_GT(sum, 0u);
      ++accepted;
    } catch (const std::invalid_argument&) {
      ++refused;
    }
  };
  for (size_t i = 0; i < 8 + header_bytes; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      open(bytes);
    }
  }
  for (int i = 0; i < 1000; ++i) {  // several bytes at once
    std::string bytes = whole;
    for (int change = 0; change < 3; ++change) {
      bytes[8 + random() % header_bytes] = "0123456789[]{},:\"- \\"[random() % 20];
    }
    open(bytes);
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(accepted, 10);  // a letter of a name
}

}  // namespace
}  // namespace w2vbert
