// Runs a CTC model on recordings and says what it gave and how long it took, without Java: for
// benchmarks/gpu.
//
//   w2vbert_model_runner MODEL CASES OUT [--device cpu] [--dtype float32] [--threads 1]
//                        [--warm-up 2] [--calls 10] [--seconds 10]
//                        [--torch-cuda libtorch_cuda.so] [--plugin libw2vbert_cuda.so]
//                        [--graphs 50,100,200]
//
// The libraries, paths or sonames, are opened for a device such as cuda:0; there the model computes
// in float32, float16, bfloat16, or bfloat16 with weights of float8, and clips of a batch of their
// own replay CUDA graphs for up to so many frames, unless they are longer. MODEL is a model folder.
// A line of the file CASES is a batch: its name and the files of its clips (16 kHz, raw float32,
// about -1 to 1), separated by tabs. Of each batch OUT/NAME.logits gets the logits, raw float32
// [time of all clips, vocabulary], and OUT/NAME.tokens the token ids, raw int32; a line on standard
// output tells the rest as a JSON object:
//   case, time (rows of each clip), tokens (of each clip), vocabulary
//   samples_to_tokens_ms, features_to_logits_ms   every call's time
//   peak_bytes   so far; CPU: the highest resident set of the process; CUDA: the memory of the
//                device that is taken since before the weights came there (LibTorch keeps what it
//                has taken), absent where the CUDA runtime does not tell
//   graphs, graph_problem   with --graphs: how many are captured so far; why one could not be
// The first begins with samples and ends with token ids in the host's memory; the second begins
// with features, of what may replay a graph in the host's memory and otherwise where the model
// computes, and ends when the logits are computed. Once warm-up and
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
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/device_memory.h"
#include "w2vbert/audio/feature_extractor.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/models/config.h"
#include "w2vbert/models/cuda_sessions.h"
#include "w2vbert/models/for_ctc.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_plugin.h"
#include "w2vbert/torch/cuda_runtime.h"
#include "w2vbert/torch/device_memory.h"
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
  std::string torch_cuda;
  std::string plugin;
  std::vector<int64_t> graphs;  // frames
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

// Ascending, separated by commas.
std::vector<int64_t> frame_counts(const std::string& name, const std::string& value) {
  constexpr int kMostFrames = 100000;
  std::vector<int64_t> counts;
  std::istringstream items(value);
  for (std::string item; std::getline(items, item, ',');) {
    const int least = counts.empty() ? 1 : static_cast<int>(counts.back()) + 1;
    counts.push_back(whole_number(name, item, least, kMostFrames));
  }
  return counts;
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
    } else if (name == "--torch-cuda") {
      options.torch_cuda = value;
    } else if (name == "--plugin") {
      options.plugin = value;
    } else if (name == "--graphs") {
      options.graphs = frame_counts(name, value);
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

// The most probable token of every row of logits on the CPU, the first of equals.
std::vector<int32_t> best_tokens(const Tensor& logits) {
  const int64_t vocabulary = logits.size(1);
  const float* row = logits.data<float>();
  std::vector<int32_t> best(static_cast<size_t>(logits.size(0)));
  for (int32_t& token : best) {
    token = static_cast<int32_t>(std::max_element(row, row + vocabulary) - row);
    row += vocabulary;
  }
  return best;
}

// The best path of every clip: the tokens of its frames, repetitions joined, without blanks.
Tokens collapse(const std::vector<int32_t>& best, const Layout& layout, int64_t blank) {
  Tokens tokens;
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    const size_t before = tokens.ids.size();
    int64_t last = blank;
    const auto end = layout.offsets[static_cast<size_t>(u) + 1];
    for (int64_t t = layout.offsets[static_cast<size_t>(u)]; t < end; ++t) {
      const int32_t token = best[static_cast<size_t>(t)];
      if (token != last && token != blank) tokens.ids.push_back(token);
      last = token;
    }
    tokens.counts.push_back(static_cast<int64_t>(tokens.ids.size() - before));
  }
  return tokens;
}

DType parse_dtype(const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat8}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  throw std::invalid_argument("--dtype is '" + name +
                              "', expected float32, float16, bfloat16 or float8");
}

// The model on its device: all that depends on where and in which type is computed.
class Engine {
 public:
  explicit Engine(const Options& options)
      : device_(Device::parse(options.device)),
        dtype_(parse_dtype(options.dtype)),
        torch_cuda_(options.torch_cuda),
        extractor_(FeatureExtractorOptions::from_json(
            read_bytes(options.model + "/preprocessor_config.json"))) {
    if (device_.cuda) {
      open_device(options);
    } else if (dtype_ != DType::kFloat32) {
      throw std::invalid_argument("on the device cpu models compute in float32; got " +
                                  options.dtype);
    } else if (!options.torch_cuda.empty() || !options.plugin.empty() || !options.graphs.empty()) {
      throw std::invalid_argument(
          "--torch-cuda, --plugin and --graphs are for a CUDA device; got " + options.device);
    }
    const Config config = parse_config(read_bytes(options.model + "/config.json"));
    if (!config.pad_token_id) {
      throw std::invalid_argument(options.model +
                                  "/config.json has no pad_token_id, the blank of CTC");
    }
    const CheckpointFiles files(options.model);
    CheckpointOptions checkpoint;
    checkpoint.device = device_;
    checkpoint.matrices = dtype_;
    CheckpointParameters source(files, checkpoint);
    model_ = std::make_unique<Wav2Vec2BertForCTC>(Scope(source, ""), config);
    source.finish("Wav2Vec2BertForCTC");
    if (options.graphs.empty()) return;
    if (dtype_ == DType::kFloat8 &&
        !ops::float8_capture_problem(Tensor::zeros({1}, DType::kFloat32, device_)).empty()) {
      return;
    }
    w2vbert::wait_for(device_);  // sessions have streams of their own
    CudaOptions cuda;
    cuda.sessions = 1;
    cuda.graph_frames = options.graphs;
    sessions_ = std::make_unique<CudaSessions>(*model_, cuda, std::make_shared<MemoryBudget>(0));
  }

  // Whether a batch may replay a graph.
  bool single(size_t clips) const { return sessions_ != nullptr && clips == 1; }

  // The features are where the model computes, or where sessions take them.
  PackedFeatures features(const std::vector<Clip>& clips) const {
    if (!device_.cuda) return extractor_.extract_packed(clips);
    std::vector<float> samples;
    std::vector<int64_t> counts;
    for (const Clip& clip : clips) {
      samples.insert(samples.end(), clip.samples, clip.samples + clip.count);
      counts.push_back(clip.count);
    }
    const Tensor host = Tensor::from_blob(samples.data(), {static_cast<int64_t>(samples.size())},
                                          DType::kFloat32, nullptr);
    const DType dtype = single(clips.size()) ? DType::kFloat32 : model_->base().dtype();
    PackedFeatures packed = extractor_.extract_packed(host.to(device_), counts, dtype);
    if (single(clips.size())) packed.features = packed.features.to({});
    return packed;
  }

  HeadOutput logits(const PackedFeatures& packed) const {
    const std::vector<int64_t> lengths = packed.lengths();
    const ModelInput input = ragged_input(packed.features, lengths, model_->base().config());
    return single(lengths.size()) ? sessions_->forward(input, {}) : model_->forward(input, {});
  }

  // From the samples on.
  Tokens tokens(const std::vector<Clip>& clips) const {
    if (!single(clips.size())) return tokens(logits(features(clips)));
    const Clip& clip = clips.front();
    const int64_t frames = extractor_.rows(clip.count);
    std::vector<int32_t> best(
        static_cast<size_t>(model_->base().config().conv_output_length(frames)));
    sessions_->best_path(extractor_, clip.samples, clip.count, best.data(),
                         static_cast<int64_t>(best.size()));
    return collapse(best, Layout::ragged({static_cast<int64_t>(best.size())}),
                    *model_->base().config().pad_token_id);
  }

  void add_graphs(json& result) const {
    if (sessions_ == nullptr) return;
    const CudaSessions::State state = sessions_->state();
    result["graphs"] = state.graphs;
    result["graph_problem"] = state.problem;
  }

  Tokens tokens(const HeadOutput& output) const {
    return collapse(best(output.logits), output.base.layout, *model_->base().config().pad_token_id);
  }

  // float32 on the host.
  Tensor on_host(const HeadOutput& output) const {
    return aten::contiguous(aten::to(output.logits.to({}), DType::kFloat32));
  }

  // Returns when the logits have been computed: a device computes in order, and the host waits for
  // the one number that it reads.
  void wait_for(const HeadOutput& output) const {
    if (!device_.cuda) return;
    const Tensor last = aten::narrow(output.logits, 0, output.logits.size(0) - 1, 1);
    aten::narrow(last, 1, 0, 1).to({});
  }

  std::optional<int64_t> peak_bytes() const {
    if (device_.cuda) {
      const std::optional<int64_t> free = testing::free_device_memory(torch_cuda_, device_.index);
      if (!free || !free_before_) return {};
      return *free_before_ - *free;
    }
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
    }
    return {};
  }

 private:
  void open_device(const Options& options) {
    if (options.torch_cuda.empty() || options.plugin.empty()) {
      throw std::invalid_argument("--device " + options.device +
                                  " needs --torch-cuda and --plugin, the paths of libtorch_cuda.so "
                                  "and libw2vbert_cuda.so");
    }
    open_cuda_plugin(cuda_driver(), options.torch_cuda, options.plugin);
    Tensor::zeros({1}, DType::kFloat32, device_);  // what the device itself takes is taken now
    free_before_ = testing::free_device_memory(torch_cuda_, device_.index);
  }

  std::vector<int32_t> best(const Tensor& logits) const {
    if (!device_.cuda) return best_tokens(logits);
    const Tensor ids = ops::cuda_operators::best_tokens(logits).to({});
    return {ids.data<int32_t>(), ids.data<int32_t>() + ids.numel()};
  }

  Device device_;
  DType dtype_;
  std::string torch_cuda_;
  std::optional<int64_t> free_before_;
  FeatureExtractor extractor_;
  std::unique_ptr<Wav2Vec2BertForCTC> model_;
  std::unique_ptr<CudaSessions> sessions_;  // with --graphs
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
  const Tokens tokens = engine.tokens(clips);
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
  result["samples_to_tokens_ms"] = time_ms(options, [&] { engine.tokens(clips); });
  result["features_to_logits_ms"] =
      time_ms(options, [&] { engine.wait_for(engine.logits(features)); });
  if (const auto peak = engine.peak_bytes()) result["peak_bytes"] = *peak;
  engine.add_graphs(result);
  return result;
}

void run_all(const Options& options) {
  const GradMode no_gradients(false);
  const ComputeScope scope(options.threads);
  const std::vector<Batch> batches = read_batches(options.cases);
  const Engine engine(options);
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
