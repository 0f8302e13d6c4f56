// Runs a CTC model on recordings and says what it gave and how long it took, without Java: for
// benchmarks/gpu.
//
//   w2vbert_model_runner MODEL CASES OUT [--device cpu] [--dtype float32] [--threads 1]
//                        [--warm-up 2] [--calls 10] [--seconds 10]
//
// MODEL is a model folder. A line of the file CASES is a batch: its name and the files of its clips
// (16 kHz, raw float32, about -1 to 1), separated by tabs. Of each batch OUT/NAME.logits gets the
// logits, raw float32 [time of all clips, vocabulary], and OUT/NAME.tokens the token ids, raw
// int32; a line on standard output tells the rest as a JSON object:
//   case, time (rows of each clip), tokens (of each clip), vocabulary
//   samples_to_tokens_ms, features_to_logits_ms   every call's time
//   peak_bytes   CPU: the highest resident set of the process so far
// The first begins with samples and ends with token ids in the host's memory; the second begins
// with features where the model computes and ends when it has computed the logits. Once warm-up and
// calls of one kind have taken --seconds, there are fewer calls than were asked for, but one.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "w2vbert/audio/feature_extractor.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/models/config.h"
#include "w2vbert/models/for_ctc.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

using nlohmann::json;

constexpr int kMostCalls = 1000000;
constexpr int kMostSeconds = 86400;

struct Options {
  std::string model;
  std::string cases;
  std::string out;
  std::string device = "cpu";
  std::string dtype = "float32";
  int threads = 1;
  int warm_up = 2;
  int calls = 10;
  int seconds = 10;
};

int whole_number(const std::string& name, const std::string& value, int least, int most) {
  size_t read = 0;
  int64_t number = -1;
  try {
    number = std::stoll(value, &read);
  } catch (const std::logic_error&) {  // not a number, or too large
  }
  if (read == 0 || read != value.size() || number < least || number > most) {
    throw std::invalid_argument(name + " is '" + value + "', expected a whole number from " +
                                std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(number);
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  std::vector<std::string*> places{&options.model, &options.cases, &options.out};
  size_t place = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      if (place == places.size()) throw std::invalid_argument("unexpected argument '" + name + "'");
      *places[place++] = name;
      continue;
    }
    if (++i == arguments.size()) throw std::invalid_argument(name + " needs a value");
    const std::string& value = arguments[i];
    if (name == "--device") {
      options.device = value;
    } else if (name == "--dtype") {
      options.dtype = value;
    } else if (name == "--threads") {
      options.threads = whole_number(name, value, 1, kMostThreads);
    } else if (name == "--warm-up") {
      options.warm_up = whole_number(name, value, 0, kMostCalls);
    } else if (name == "--calls") {
      options.calls = whole_number(name, value, 0, kMostCalls);
    } else if (name == "--seconds") {
      options.seconds = whole_number(name, value, 1, kMostSeconds);
    } else {
      throw std::invalid_argument("unknown option " + name);
    }
  }
  if (place < places.size()) throw std::invalid_argument("expected MODEL CASES OUT");
  return options;
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) throw std::runtime_error("cannot read " + path);
  if (bytes.empty()) throw std::runtime_error(path + " is missing or empty");
  return bytes;
}

void write_bytes(const std::string& path, const void* data, int64_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), bytes);
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

struct Batch {
  std::string name;
  std::vector<std::vector<float>> samples;

  std::vector<Clip> clips() const {
    std::vector<Clip> result;
    for (const std::vector<float>& clip : samples) {
      result.push_back({clip.data(), static_cast<int64_t>(clip.size())});
    }
    return result;
  }
};

std::vector<Batch> read_batches(const std::string& path) {
  std::vector<Batch> batches;
  std::istringstream lines(read_bytes(path));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    Batch batch;
    std::getline(fields, batch.name, '\t');
    for (std::string field; std::getline(fields, field, '\t');) {
      const std::string bytes = read_bytes(field);
      const auto* first = reinterpret_cast<const float*>(bytes.data());
      batch.samples.emplace_back(first, first + bytes.size() / sizeof(float));
    }
    if (batch.samples.empty()) {
      throw std::invalid_argument(path + ": expected NAME<tab>FILE..., got '" + line + "'");
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

struct Tokens {
  std::vector<int32_t> ids;  // of all clips
  std::vector<int64_t> counts;
};

// The best path of every clip: the most probable token of each frame, repetitions joined, without
// blanks.
Tokens best_paths(const Tensor& logits, const Layout& layout, int64_t blank) {
  const int64_t vocabulary = logits.size(1);
  const float* const scores = logits.data<float>();
  Tokens tokens;
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    const size_t before = tokens.ids.size();
    int64_t last = blank;
    const auto end = layout.offsets[static_cast<size_t>(u) + 1];
    for (int64_t t = layout.offsets[static_cast<size_t>(u)]; t < end; ++t) {
      const float* const frame = scores + t * vocabulary;
      const int64_t best = std::max_element(frame, frame + vocabulary) - frame;
      if (best != last && best != blank) tokens.ids.push_back(static_cast<int32_t>(best));
      last = best;
    }
    tokens.counts.push_back(static_cast<int64_t>(tokens.ids.size() - before));
  }
  return tokens;
}

// The model on its device: all that depends on where and in which type is computed.
class Engine {
 public:
  Engine(const std::string& folder, const std::string& device, const std::string& dtype)
      : extractor_(
            FeatureExtractorOptions::from_json(read_bytes(folder + "/preprocessor_config.json"))) {
    if (device != "cpu" || dtype != "float32") {
      throw std::invalid_argument("models compute in float32 on the device cpu; got " + dtype +
                                  " on " + device);
    }
    const Config config = parse_config(read_bytes(folder + "/config.json"));
    if (!config.pad_token_id) {
      throw std::invalid_argument(folder + "/config.json has no pad_token_id, the blank of CTC");
    }
    const CheckpointFiles files(folder);
    CheckpointParameters source(files, {});
    model_ = std::make_unique<Wav2Vec2BertForCTC>(Scope(source, ""), config);
    source.finish("Wav2Vec2BertForCTC");
  }

  // The features are where the model computes.
  PackedFeatures features(const std::vector<Clip>& clips) const {
    return extractor_.extract_packed(clips);
  }

  HeadOutput logits(const PackedFeatures& packed) const {
    std::vector<int64_t> lengths;
    for (size_t i = 0; i + 1 < packed.offsets.size(); ++i) {
      lengths.push_back(packed.offsets[i + 1] - packed.offsets[i]);
    }
    return model_->forward(ragged_input(packed.features, lengths, model_->base().config()), {});
  }

  Tokens tokens(const HeadOutput& output) const {
    return best_paths(output.logits, output.base.layout, *model_->base().config().pad_token_id);
  }

  // float32 on the host.
  Tensor on_host(const HeadOutput& output) const { return output.logits; }

  // Returns when everything that was asked for has been computed.
  void synchronize() const {}

  int64_t peak_bytes() const {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
    }
    return 0;
  }

 private:
  FeatureExtractor extractor_;
  std::unique_ptr<Wav2Vec2BertForCTC> model_;
};

template <typename Body>
std::vector<double> time_ms(const Options& options, const Body& body) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  const auto ms_since = [](Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  const auto in_time = [&] { return ms_since(begin) < options.seconds * 1e3; };
  std::vector<double> times;
  if (options.calls == 0) return times;
  for (int i = 0; i < options.warm_up && in_time(); ++i) body();
  while (static_cast<int>(times.size()) < options.calls && (times.empty() || in_time())) {
    const Clock::time_point start = Clock::now();
    body();
    times.push_back(ms_since(start));
  }
  return times;
}

json run(const Engine& engine, const Batch& batch, const Options& options) {
  const std::vector<Clip> clips = batch.clips();
  const PackedFeatures features = engine.features(clips);
  const HeadOutput output = engine.logits(features);
  const Tensor logits = engine.on_host(output);
  const Tokens tokens = engine.tokens(output);
  const std::string path = options.out + "/" + batch.name;
  write_bytes(path + ".logits", logits.raw_data(), logits.numel() * 4);
  write_bytes(path + ".tokens", tokens.ids.data(), static_cast<int64_t>(tokens.ids.size()) * 4);
  std::vector<int64_t> time;
  for (int64_t u = 0; u < output.base.layout.utterances(); ++u) {
    time.push_back(output.base.layout.length(u));
  }
  json result{{"case", batch.name},
              {"time", time},
              {"tokens", tokens.counts},
              {"vocabulary", logits.size(1)}};
  result["samples_to_tokens_ms"] =
      time_ms(options, [&] { engine.tokens(engine.logits(engine.features(clips))); });
  result["features_to_logits_ms"] = time_ms(options, [&] {
    engine.logits(features);
    engine.synchronize();
  });
  result["peak_bytes"] = engine.peak_bytes();
  return result;
}

void run_all(const Options& options) {
  const GradMode no_gradients(false);
  const ComputeScope scope(options.threads);
  const std::vector<Batch> batches = read_batches(options.cases);
  const Engine engine(options.model, options.device, options.dtype);
  for (const Batch& batch : batches) {
    std::cout << run(engine, batch, options).dump() << std::endl;
  }
}

}  // namespace
}  // namespace w2vbert

int main(int count, char** arguments) {
  try {
    w2vbert::run_all(w2vbert::parse({arguments + 1, arguments + count}));
  } catch (const std::exception& e) {
    std::cerr << "w2vbert_model_runner: " << e.what() << std::endl;
    return 1;
  }
  return 0;
}
