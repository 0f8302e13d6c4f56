#include "w2vbert/jni/bindings.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "w2vbert/audio/fbank_stream.h"
#include "w2vbert/audio/feature_extractor.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/io/checkpoint_writer.h"
#include "w2vbert/io/half.h"
#include "w2vbert/models/config.h"
#include "w2vbert/models/cuda_sessions.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/ops/cpu/cpu_features.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/fbank.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_plugin.h"
#include "w2vbert/torch/cuda_runtime.h"
#include "w2vbert/torch/device_memory.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/parallel.h"
#include "w2vbert/training/model_training.h"

namespace w2vbert {
namespace jni {

struct NativeTensor::Impl {
  Tensor tensor;  // contiguous
};

struct NativeModelOutput::Impl {
  HeadOutput output;
  Tensor loss;  // undefined if absent
  int64_t heads;
};

struct NativeModel::Impl {
  std::string model_class;
  std::unique_ptr<PretrainedModel> model;
  std::vector<std::pair<std::string, Matrix>> parameters;
  std::vector<bool> mapped;  // per parameter
  LoadReport report;
  std::unique_ptr<CudaSessions> sessions;  // of a model on a CUDA device
};

struct NativeTraining::Impl {
  std::shared_ptr<NativeModel::Impl> model;
  ModelTraining training;
};

struct NativeFeatures::Impl {
  Tensor features;
  Tensor attention_mask;         // undefined if absent
  std::vector<int64_t> lengths;  // of a ragged batch
};

struct NativeFeatureExtractor::Impl {
  FeatureExtractor extractor;
};

struct NativeFbankStream::Impl {
  FbankStream stream;
  int64_t num_mel_bins;
};

namespace {

using nlohmann::json;

// What a call takes, measured: a forward pass 16 KiB and with gradients 54 KiB, the filter bank 28
// KiB, an exception 14 KiB. To this come 80 KiB that the JVM wants free whenever native code calls
// it, and up to 20 KiB that it guards at the end of a stack.
constexpr int64_t kStackOfCall = 160 * 1024;

// Backward passes run within backward passes where layers are computed again.
constexpr int64_t kStackOfTraining = 320 * 1024;

// Where LibTorch's CUDA library, the driver and cuBLAS may set themselves up. Not measured yet:
// half of what Java gives a thread by default.
constexpr int64_t kStackOfCudaCall = 512 * 1024;

// An overflow of the stack in native code would end the process.
void require_stack(int64_t bytes) {
  const int64_t left = stack_left();
  if (left >= bytes) return;
  throw std::logic_error("this thread has " + std::to_string(left) +
                         " bytes of stack left; expected at least " + std::to_string(bytes));
}

std::atomic<int> running_calls{0};
std::atomic<bool> process_ends{false};

// A call of the library. None begins once the process's globals may be destroyed: it waits for the
// end instead.
class RunningCall {
 public:
  RunningCall() {
    ++running_calls;
    while (process_ends) pause();
  }
  ~RunningCall() { --running_calls; }
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
};

// Registered last, so it runs first. Leaving out the handlers after it is all that can be done for
// a call that cannot be stopped.
void end_process(int status, void*) {
  process_ends = true;
  if (running_calls > 0) _exit(status);
}

// Runs `body` and turns its exceptions into the form that bindings.h promises.
template <typename Body>
auto guarded(const Body& body) -> decltype(body()) {
  const RunningCall call;
  try {
    require_stack(kStackOfCall);
    return body();
  } catch (const std::invalid_argument& e) {
    throw std::runtime_error(std::string("argument: ") + e.what());
  } catch (const std::bad_alloc&) {
    throw std::runtime_error("not enough native memory");
  } catch (const std::length_error&) {
    throw std::runtime_error("not enough native memory");
  } catch (const std::logic_error& e) {
    throw std::runtime_error(std::string("state: ") + e.what());
  }
}

std::atomic<int> threads_per_call{1};

// For calls that compute on threads of their own; without gradients unless the call is one that
// trains.
template <typename Body>
auto computing(const Body& body, bool gradients = false) -> decltype(body()) {
  return guarded([&] {
    const GradMode mode(gradients);
    const ComputeScope scope(threads_per_call);
    return body();
  });
}

template <typename Body>
auto training(const Body& body) -> decltype(body()) {
  return computing(
      [&] {
        require_stack(kStackOfTraining);
        return body();
      },
      true);
}

// By the name that Java's enum gives the type; float32 is none.
std::optional<DType> autocast_type(const std::string& name) {
  if (name == "FLOAT32") return std::nullopt;
  if (name == "FLOAT16") return DType::kFloat16;
  if (name == "BFLOAT16") return DType::kBFloat16;
  throw std::invalid_argument("autocast is '" + name + "'; expected FLOAT32, FLOAT16 or BFLOAT16");
}

// The record as Java's JSON library writes it; its values are checked there.
TrainingOptions training_options(const std::string& text) {
  const json options = json::parse(text);
  TrainingOptions result;
  result.adamw.beta1 = options.at("beta1");
  result.adamw.beta2 = options.at("beta2");
  result.adamw.epsilon = options.at("epsilon");
  result.weight_decay = options.at("weightDecay");
  result.decay_biases_and_norms = options.at("decayBiasesAndNorms");
  result.max_gradient_norm = options.at("maxGradNorm");
  result.average_decay = options.at("averageDecay");
  result.mode.gradient_checkpointing = options.at("gradientCheckpointing");
  result.mode.freeze_base = options.at("freezeBase");
  result.mode.autocast = autocast_type(options.at("autocast"));
  result.freeze_feature_projection = options.at("freezeFeatureProjection");
  result.loss.am_softmax_scale = options.at("amSoftmax").at("scale");
  result.loss.am_softmax_margin = options.at("amSoftmax").at("margin");
  result.seed = static_cast<uint64_t>(options.at("seed").get<int64_t>());
  return result;
}

// What a model computed on a device, for callers: float32 on the CPU.
Tensor to_host(const Tensor& tensor) {
  if (!tensor.defined() || tensor.is_cpu()) return tensor;
  const Tensor host = tensor.to({});
  const bool half = host.dtype() == DType::kFloat16 || host.dtype() == DType::kBFloat16;
  return half ? aten::to(host, DType::kFloat32) : host;
}

std::shared_ptr<NativeTensor> give(const Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  return std::make_shared<NativeTensor>(
      std::make_shared<NativeTensor::Impl>(NativeTensor::Impl{aten::contiguous(to_host(tensor))}));
}

Tensor take(const NativeTensor* tensor) {
  return tensor == nullptr ? Tensor() : tensor->impl().tensor;
}

// `length` rows from `begin` on, in the given shape: a copy, so that it does not keep the other
// rows, or all rows as they are.
std::shared_ptr<NativeTensor> give_part(const Tensor& rows, int64_t begin, int64_t length,
                                        const Shape& shape) {
  if (length == rows.size(0)) {
    return give(rows.shape() == shape ? rows : aten::reshape(rows, shape));
  }
  if (!rows.is_cpu()) return give(aten::reshape(aten::narrow(rows, 0, begin, length), shape));
  const Tensor all = aten::contiguous(rows);
  const Tensor part = Tensor::empty(shape, rows.dtype());
  const int64_t bytes = part.numel() * dtype_size(rows.dtype());
  if (bytes > 0) {
    std::memcpy(part.raw_data(), static_cast<const char*>(all.raw_data()) + bytes / length * begin,
                static_cast<size_t>(bytes));
  }
  return give(part);
}

// The rows of one utterance; or all rows, of utterances that are equally long, as [batch, time,
// ...].
std::shared_ptr<NativeTensor> give_rows(const Tensor& rows, const Layout& layout, int utterance) {
  if (!rows.defined()) return nullptr;
  if (utterance < 0) {
    return give(aten::reshape(rows, {layout.utterances(), layout.length(0), rows.size(1)}));
  }
  const int64_t length = layout.length(utterance);
  return give_part(rows, layout.offsets.at(static_cast<size_t>(utterance)), length,
                   {length, rows.size(1)});
}

// What belongs to one utterance in rows of one utterance each; with -1 all rows.
std::shared_ptr<NativeTensor> give_row(const Tensor& rows, int utterance) {
  if (!rows.defined() || utterance < 0) return give(rows);
  return give_part(rows, utterance, 1, {rows.size(1)});
}

std::vector<Clip> clips_of(const NativeTensor* samples, const int64_t* offsets, int count) {
  const Tensor all = take(samples);
  const float* first = all.data<float>();
  std::vector<Clip> clips;
  for (int i = 0; i < count; ++i) {
    clips.push_back({first + offsets[i], offsets[i + 1] - offsets[i]});
  }
  return clips;
}

void require_stack_for(const Device& device) {
  if (device.cuda) require_stack(kStackOfCudaCall);
}

// That models on the device can have such weights.
void require_weights_for(const Device& device, DType dtype) {
  if (device.cuda && dtype == DType::kInt8) {
    throw std::invalid_argument("weights of int8 are for the CPU; on " + device.name() +
                                " a model has weights of float32, float16, bfloat16 or float8");
  }
  if (!device.cuda && dtype == DType::kFloat8) {
    throw std::invalid_argument(
        "weights of float8 are for a CUDA device; on the CPU a model has weights of float32, "
        "float16, bfloat16 or int8");
  }
}

// That operators of ours run on a device, and memory can be had there.
void require_usable(const Device& device) {
  if (!device.cuda) return;
  require_stack_for(device);
  try {
    const Tensor row = Tensor::zeros({1, 1}, DType::kFloat32, device);
    ops::cuda_operators::finish(row, Tensor(), {Activation::kRelu});
  } catch (const std::runtime_error& e) {
    throw std::runtime_error("the device " + device.name() + " cannot be used: " + e.what());
  }
}

// That the device, which is usable, multiplies float8. LibTorch 2.10 refuses it on later ones, and
// does nothing at all, without a word, where it was built without code for the device.
void require_float8(const Device& device) {
  constexpr int64_t kNeeded = 89;
  constexpr int64_t kSize = 16;
  const DeviceMemory::Use nothing(nullptr);  // not the model's
  const Tensor rows =
      aten::to(Tensor::of(std::vector<float>(kSize * kSize, 1), {kSize, kSize}).to(device),
               DType::kBFloat16);
  const int64_t found = ops::cuda_operators::compute_capability(rows);
  const auto text = [](int64_t capability) {
    return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
  };
  if (found < kNeeded) {
    throw std::invalid_argument("weights of float8 need compute capability " + text(kNeeded) +
                                " or more; " + device.name() + " has " + text(found));
  }
  try {
    for (const float factor : {1.0f, 2.0f}) {
      const auto rounded =
          ops::cuda_operators::quantize_rows(aten::mul(rows, Tensor::scalar(factor)));
      const Tensor product = aten::to(
          ops::linear({rows}, {rounded.values, Tensor(), aten::reshape(rounded.scales, {kSize})})
              .to({}),
          DType::kFloat32);
      const float* const first = product.data<float>();
      if (std::any_of(first, first + product.numel(),
                      [&](float x) { return x != factor * static_cast<float>(kSize); })) {
        throw std::runtime_error("it has no code for it");
      }
    }
  } catch (const std::runtime_error& e) {
    throw std::runtime_error("LibTorch does not multiply float8 on " + device.name() +
                             ", of compute capability " + text(found) + ": " + e.what());
  }
}

// A model's device as Java asks for it; the values are checked there.
struct DeviceRequest {
  Device device;
  int64_t memory_limit;
  CudaOptions cuda;
  bool warm_up;
};

// Of float8, where it cannot be captured.
void leave_out_graphs(DeviceRequest& request) {
  const std::string problem =
      ops::float8_capture_problem(Tensor::zeros({1}, DType::kFloat32, request.device));
  if (problem.empty() || request.cuda.graph_frames.empty()) return;
  request.cuda.graph_frames.clear();
  request.cuda.graph_problem = problem;
}

DeviceRequest device_request(const std::string& text) {
  const json options = json::parse(text);
  DeviceRequest request{Device::parse(options.at("device").get<std::string>()),
                        options.at("memory_limit"),
                        {},
                        options.at("warm_up")};
  request.cuda.sessions = options.at("sessions");
  request.cuda.graph_frames = options.at("graph_frames").get<std::vector<int64_t>>();
  if (!request.cuda.graph_frames.empty() && request.cuda.graph_frames.back() > kMostGraphFrames) {
    throw std::invalid_argument("a graph for " + std::to_string(request.cuda.graph_frames.back()) +
                                " frames is asked for; expected at most " +
                                std::to_string(kMostGraphFrames));
  }
  request.cuda.stream = reinterpret_cast<void*>(options.at("stream").get<int64_t>());
  return request;
}

std::shared_ptr<NativeModel> build(const std::string& model_class, const Config& config,
                                   ParameterSource& source,
                                   std::shared_ptr<NativeModel::Impl> impl) {
  RecordingParameters recorder(source);
  const Scope scope(recorder, "");
  impl->model_class = model_class;
  impl->model = make_model(model_class, scope, config);
  impl->parameters = std::move(recorder.parameters);
  return std::make_shared<NativeModel>(std::move(impl));
}

bool lies_in(const CheckpointFiles& files, const Tensor& tensor) {
  if (!tensor.defined()) return false;
  const auto* data = static_cast<const std::byte*>(tensor.raw_data());
  for (const auto& file : files.files()) {
    const auto* begin = file->file()->data();
    if (data >= begin && data < begin + file->file()->size()) return true;
  }
  return false;
}

TensorToWrite to_write(const std::string& name, const Tensor& tensor, SafetensorsDType dtype) {
  TensorToWrite result{name, dtype, tensor.shape(), nullptr};
  const auto* halves = static_cast<const uint16_t*>(tensor.raw_data());
  switch (tensor.dtype()) {
    case DType::kFloat32:
      result.floats = tensor.data<float>();
      break;
    case DType::kFloat16:
      result.read = [halves](size_t begin, size_t count, float* to) {
        half_to_float(halves + begin, to, count);
      };
      break;
    case DType::kBFloat16:
      result.read = [halves](size_t begin, size_t count, float* to) {
        bfloat16_to_float(halves + begin, to, count);
      };
      break;
    default:
      throw std::invalid_argument("parameter '" + name + "' is stored as " +
                                  dtype_name(tensor.dtype()) +
                                  ", which has lost what a saved model should have; open the model "
                                  "with float32 weights to save it");
  }
  return result;
}

}  // namespace

NativeTensor::NativeTensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

const NativeTensor::Impl& NativeTensor::impl() const { return *impl_; }

std::shared_ptr<NativeTensor> NativeTensor::create(const int64_t* shape, int dimensions,
                                                   int dtype) {
  return guarded([&] {
    return give(Tensor::empty(Shape(shape, shape + dimensions), static_cast<DType>(dtype)));
  });
}

int NativeTensor::dtype() const {
  return guarded([&] { return static_cast<int>(impl_->tensor.dtype()); });
}

int NativeTensor::dimensions() const {
  return guarded([&] { return static_cast<int>(impl_->tensor.dim()); });
}

void NativeTensor::shape(int64_t* sizes) const {
  guarded([&] {
    const Shape shape = impl_->tensor.shape();
    std::copy(shape.begin(), shape.end(), sizes);
  });
}

int64_t NativeTensor::byte_size() const {
  return guarded([&] { return impl_->tensor.numel() * dtype_size(impl_->tensor.dtype()); });
}

void* NativeTensor::data() const {
  return guarded([&] { return impl_->tensor.raw_data(); });
}

AtenTensorOpaque* NativeTensor::handle() const { return impl_->tensor.handle(); }

NativeModelOutput::NativeModelOutput(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::shared_ptr<NativeTensor> NativeModelOutput::last_hidden_state(int utterance) const {
  return guarded([&] {
    return give_rows(impl_->output.base.last_hidden_state, impl_->output.base.layout, utterance);
  });
}

std::shared_ptr<NativeTensor> NativeModelOutput::extract_features(int utterance) const {
  return guarded([&] {
    return give_rows(impl_->output.base.extract_features, impl_->output.base.input_layout,
                     utterance);
  });
}

std::shared_ptr<NativeTensor> NativeModelOutput::logits(int utterance) const {
  return guarded([&] {
    const HeadOutput& output = impl_->output;
    return output.logits.defined() && output.logits_per_frame
               ? give_rows(output.logits, output.base.layout, utterance)
               : give_row(output.logits, utterance);
  });
}

std::shared_ptr<NativeTensor> NativeModelOutput::embeddings(int utterance) const {
  return guarded([&] { return give_row(impl_->output.embeddings, utterance); });
}

std::shared_ptr<NativeTensor> NativeModelOutput::loss() const {
  return guarded([&] { return give(impl_->loss); });
}

int NativeModelOutput::hidden_state_count() const {
  return static_cast<int>(impl_->output.base.hidden_states.size());
}

std::shared_ptr<NativeTensor> NativeModelOutput::hidden_state(int index, int utterance) const {
  return guarded([&] {
    return give_rows(impl_->output.base.hidden_states.at(static_cast<size_t>(index)),
                     impl_->output.base.input_layout, utterance);
  });
}

int NativeModelOutput::attention_count() const {
  return static_cast<int>(impl_->output.base.attentions.size());
}

std::shared_ptr<NativeTensor> NativeModelOutput::attention(int layer, int utterance) const {
  return guarded([&] {
    const Layout& layout = impl_->output.base.input_layout;
    const Tensor weights = impl_->output.base.attentions.at(static_cast<size_t>(layer));
    const int64_t heads = impl_->heads;
    if (utterance < 0) {
      const int64_t time = layout.length(0);
      return give(aten::reshape(weights, {layout.utterances(), heads, time, time}));
    }
    int64_t begin = 0;
    for (int u = 0; u < utterance; ++u) begin += heads * layout.length(u) * layout.length(u);
    const int64_t time = layout.length(utterance);
    return give_part(weights, begin, heads * time * time, {heads, time, time});
  });
}

int NativeModelOutput::utterances() const {
  return static_cast<int>(impl_->output.base.layout.utterances());
}

void NativeModelOutput::valid_lengths(int64_t* lengths) const {
  guarded([&] {
    const std::vector<int64_t> valid = impl_->output.base.layout.valid_lengths();
    std::copy(valid.begin(), valid.end(), lengths);
  });
}

NativeModel::NativeModel(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

const std::shared_ptr<NativeModel::Impl>& NativeModel::impl() const { return impl_; }

namespace {

// A model that `make` gives, in the memory and with the sessions that are asked for.
template <typename Make>
std::shared_ptr<NativeModel> open_on(const DeviceRequest& request, const Make& make) {
  const GradMode mode(false);  // parameters are moved and stacked, not computed
  const Device& device = request.device;
  require_usable(device);
  const auto budget = std::make_shared<MemoryBudget>(request.memory_limit);
  DeviceMemory memory(device, budget);
  const DeviceMemory::Use use(device.cuda ? &memory : nullptr);
  auto impl = std::make_shared<NativeModel::Impl>();
  std::shared_ptr<NativeModel> model = make(impl);
  if (device.cuda) {
    wait_for(device);  // sessions have streams of their own
    impl->sessions = std::make_unique<CudaSessions>(*impl->model, request.cuda, budget);
    if (request.warm_up) impl->sessions->warm_up();
  }
  return model;
}

}  // namespace

std::shared_ptr<NativeModel> NativeModel::from_pretrained(
    const std::string& model_class, const std::string& directory, const std::string& config_json,
    bool initialize_missing, bool ignore_mismatched_sizes, int64_t seed, bool copy, int weights,
    const std::string& device_json) {
  return guarded([&] {
    const Config config = parse_config(config_json);
    DeviceRequest request = device_request(device_json);
    const Device device = request.device;
    const auto dtype = static_cast<DType>(weights);
    require_weights_for(device, dtype);
    return open_on(request, [&](const std::shared_ptr<Impl>& impl) {
      if (dtype == DType::kFloat8) {
        require_float8(device);
        leave_out_graphs(request);
      }
      const CheckpointFiles files(directory);
      CheckpointParameters source(
          files, {initialize_missing, ignore_mismatched_sizes, seed, copy, dtype, device});
      std::shared_ptr<NativeModel> model = build(model_class, config, source, impl);
      impl->report = source.finish(model_class);
      for (const auto& parameter : impl->parameters) {
        impl->mapped.push_back(lies_in(files, parameter.second.values));
      }
      return model;
    });
  });
}

std::shared_ptr<NativeModel> NativeModel::initialize(const std::string& model_class,
                                                     const std::string& config_json, int64_t seed,
                                                     const std::string& device_json) {
  return guarded([&] {
    const DeviceRequest request = device_request(device_json);
    return open_on(request, [&](const std::shared_ptr<Impl>& impl) {
      RandomParameters source(static_cast<uint64_t>(seed), request.device);
      std::shared_ptr<NativeModel> model =
          build(model_class, parse_config(config_json), source, impl);
      impl->mapped.resize(impl->parameters.size());
      return model;
    });
  });
}

std::string NativeModel::config_json() const {
  return guarded([&] { return impl_->model->base().config().to_json(); });
}

std::string NativeModel::device() const {
  return guarded([&] { return impl_->model->base().device().name(); });
}

std::string NativeModel::device_state_json() const {
  return guarded([&] {
    const CudaSessions* const sessions = impl_->sessions.get();
    const auto state = sessions != nullptr ? sessions->state() : CudaSessions::State();
    return json{{"sessions", state.sessions},
                {"graphs", state.graphs},
                {"memoryBytes", state.memory},
                {"graphProblem", state.problem}}
        .dump(-1, ' ', false, json::error_handler_t::replace);
  });
}

std::string NativeModel::load_report_json() const {
  return json{{"missing", impl_->report.missing},
              {"unexpected", impl_->report.unexpected},
              {"mismatched", impl_->report.mismatched}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string NativeModel::parameters_json() const {
  return guarded([&] {
    json rows = json::array();
    for (size_t i = 0; i < impl_->parameters.size(); ++i) {
      const auto& [name, matrix] = impl_->parameters[i];
      rows.push_back({{"name", name},
                      {"shape", matrix.values.shape()},
                      {"dtype", dtype_name(matrix.values.dtype())},
                      {"mapped", static_cast<bool>(impl_->mapped[i])}});
    }
    return rows.dump();
  });
}

std::shared_ptr<NativeTensor> NativeModel::parameter(const std::string& name) const {
  return guarded([&] {
    for (const auto& [candidate, matrix] : impl_->parameters) {
      if (candidate != name) continue;
      const Tensor values = to_float32({matrix.values.to({}), matrix.scales.to({})});
      if (values.handle() != matrix.values.handle()) return give(values);
      Tensor copy = Tensor::empty(values.shape(), values.dtype());
      std::memcpy(copy.raw_data(), values.raw_data(),
                  static_cast<size_t>(values.numel() * dtype_size(values.dtype())));
      return give(copy);
    }
    throw std::invalid_argument("there is no parameter '" + name + "' in this model");
  });
}

void NativeModel::save(const std::string& directory, const std::string& config_json,
                       const std::string& dtype, int64_t max_shard_bytes) const {
  guarded([&] {
    const SafetensorsDType to = safetensors_dtype(dtype);
    std::vector<Tensor> on_host;
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, matrix] : impl_->parameters) {
      on_host.push_back(matrix.values.to({}));
      tensors.push_back(to_write(name, on_host.back(), to));
    }
    write_checkpoint(directory, config_json, tensors, static_cast<uint64_t>(max_shard_bytes));
  });
}

std::shared_ptr<NativeModelOutput> NativeModel::forward(
    const NativeTensor* features, const NativeTensor* attention_mask,
    const NativeTensor* mask_time_indices, const NativeTensor* labels, bool hidden_states,
    bool attentions, double am_softmax_scale, double am_softmax_margin) const {
  return computing([&] {
    require_stack_for(impl_->model->base().device());
    const Config& config = impl_->model->base().config();
    const ModelInput input =
        padded_input(take(features), take(attention_mask), take(mask_time_indices), config);
    auto result = std::make_shared<NativeModelOutput::Impl>();
    result->heads = config.num_attention_heads;
    const Encoder::Request request{hidden_states, attentions, -1, Tensor()};
    result->output = impl_->sessions != nullptr ? impl_->sessions->forward(input, request)
                                                : impl_->model->forward(input, request);
    if (labels != nullptr) {
      HeadOutput output = result->output;
      output.logits = to_host(output.logits);
      result->loss =
          impl_->model->loss(output, take(labels), {am_softmax_scale, am_softmax_margin});
    }
    return std::make_shared<NativeModelOutput>(std::move(result));
  });
}

std::shared_ptr<NativeModelOutput> NativeModel::encode(const NativeTensor* features,
                                                       const int64_t* lengths, int utterances,
                                                       int layer, bool hidden_states,
                                                       bool attentions) const {
  return computing([&] {
    const Wav2Vec2BertModel& base = impl_->model->base();
    require_stack_for(base.device());
    const ModelInput input = ragged_input(
        take(features), std::vector<int64_t>(lengths, lengths + utterances), base.config());
    const Encoder::Request request{hidden_states, attentions, layer, Tensor()};
    auto result = std::make_shared<NativeModelOutput::Impl>();
    result->heads = base.config().num_attention_heads;
    CudaSessions* const sessions = impl_->sessions.get();
    if (layer < 0) {
      result->output = sessions != nullptr ? sessions->forward(input, request)
                                           : impl_->model->forward(input, request);
    } else {
      result->output.base = sessions != nullptr ? sessions->forward_base(input, request)
                                                : base.forward(input, request);
    }
    return std::make_shared<NativeModelOutput>(std::move(result));
  });
}

NativeTraining::NativeTraining(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::shared_ptr<NativeTraining> NativeTraining::create(const NativeModel& model,
                                                       const std::string& options_json) {
  return guarded([&] {
    const std::shared_ptr<NativeModel::Impl>& shared = model.impl();
    require_stack(kStackOfTraining);
    require_stack_for(shared->model->base().device());
    std::vector<std::pair<std::string, Tensor>> parameters;
    for (size_t i = 0; i < shared->parameters.size(); ++i) {
      const auto& [name, matrix] = shared->parameters[i];
      if (shared->mapped[i]) {
        throw std::invalid_argument("parameter '" + name +
                                    "' lies in a mapped file; training expects copied weights");
      }
      parameters.emplace_back(name, matrix.values);
    }
    auto training = std::make_shared<NativeTraining>(std::make_shared<Impl>(
        Impl{shared, ModelTraining(shared->model_class, shared->model->base().config(), parameters,
                                   training_options(options_json))}));
    if (shared->sessions != nullptr) shared->sessions->give_up_graphs();
    return training;
  });
}

std::shared_ptr<NativeModel> NativeTraining::model() const {
  return guarded([&] { return std::make_shared<NativeModel>(impl_->model); });
}

namespace {

// At its end the parameters are as calls of the model, on other streams, may read them.
class Settling {
 public:
  explicit Settling(const NativeModel::Impl& model) : device_(model.model->base().device()) {}
  ~Settling() {
    try {
      if (device_.cuda) wait_for(device_);
    } catch (const std::runtime_error&) {
      // The device has failed, as every later call will tell.
    }
  }
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

 private:
  const Device device_;
};

}  // namespace

double NativeTraining::accumulate(const NativeTensor* features, const NativeTensor* attention_mask,
                                  const NativeTensor* labels, double weight) {
  return training([&] {
    require_stack_for(impl_->model->model->base().device());
    return impl_->training.accumulate(take(features), take(attention_mask), take(labels), weight);
  });
}

std::shared_ptr<NativeTraining> NativeTraining::worker() const {
  return guarded([&] {
    require_stack(kStackOfTraining);
    require_stack_for(impl_->model->model->base().device());
    return std::make_shared<NativeTraining>(
        std::make_shared<Impl>(Impl{impl_->model, impl_->training.worker()}));
  });
}

void NativeTraining::take_gradients(NativeTraining* worker) {
  training([&] { impl_->training.take_gradients(worker->impl_->training); });
}

void NativeTraining::reseed(int64_t seed) {
  guarded([&] { impl_->training.reseed(static_cast<uint64_t>(seed)); });
}

bool NativeTraining::step(double learning_rate, double* gradient_norm, double* loss_scale) {
  return training([&] {
    const Settling settling(*impl_->model);
    const ModelTraining::Step step = impl_->training.step(learning_rate);
    *gradient_norm = step.gradient_norm;
    *loss_scale = step.loss_scale;
    return step.applied;
  });
}

void NativeTraining::zero_gradients() {
  guarded([&] { impl_->training.zero_gradients(); });
}

std::shared_ptr<NativeTensor> NativeTraining::gradient(const std::string& name) const {
  return guarded([&] { return give(impl_->training.gradient(name)); });
}

void NativeTraining::use_average(bool on) {
  guarded([&] {
    const Settling settling(*impl_->model);
    impl_->training.use_average(on);
  });
}

void NativeTraining::save_state(const std::string& path) const {
  guarded([&] { impl_->training.save_state(path); });
}

void NativeTraining::load_state(const std::string& path) {
  guarded([&] {
    const Settling settling(*impl_->model);
    impl_->training.load_state(path);
  });
}

NativeFeatures::NativeFeatures(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::shared_ptr<NativeTensor> NativeFeatures::features() const {
  return guarded([&] { return give(impl_->features); });
}

std::shared_ptr<NativeTensor> NativeFeatures::attention_mask() const {
  return guarded([&] { return give(impl_->attention_mask); });
}

int NativeFeatures::clips() const { return static_cast<int>(impl_->lengths.size()); }

void NativeFeatures::lengths(int64_t* lengths) const {
  std::copy(impl_->lengths.begin(), impl_->lengths.end(), lengths);
}

NativeFeatureExtractor::NativeFeatureExtractor(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

const NativeFeatureExtractor::Impl& NativeFeatureExtractor::impl() const { return *impl_; }

std::shared_ptr<NativeFeatureExtractor> NativeFeatureExtractor::create(const std::string& text) {
  return guarded([&] {
    return std::make_shared<NativeFeatureExtractor>(
        std::make_shared<Impl>(Impl{FeatureExtractor(FeatureExtractorOptions::from_json(text))}));
  });
}

std::string NativeFeatureExtractor::to_json() const {
  return guarded([&] { return impl_->extractor.options().to_json(); });
}

int NativeFeatureExtractor::sampling_rate() const {
  return static_cast<int>(impl_->extractor.options().sampling_rate);
}

int NativeFeatureExtractor::num_mel_bins() const {
  return static_cast<int>(impl_->extractor.options().num_mel_bins);
}

int NativeFeatureExtractor::stride() const {
  return static_cast<int>(impl_->extractor.options().stride);
}

double NativeFeatureExtractor::padding_value() const {
  return impl_->extractor.options().padding_value.value_or(
      std::numeric_limits<double>::quiet_NaN());
}

bool NativeFeatureExtractor::pads_left() const {
  return impl_->extractor.options().padding_side == PaddingSide::kLeft;
}

std::shared_ptr<NativeFeatures> NativeFeatureExtractor::extract(
    const NativeTensor* samples, const int64_t* offsets, int clips, const std::string& padding,
    bool truncation, int64_t max_length, int64_t pad_to_multiple_of, int attention_mask,
    bool normalize) const {
  return computing([&] {
    BatchOptions options;
    options.padding = parse_padding(padding);
    options.truncation = truncation;
    if (max_length >= 0) options.max_length = max_length;
    options.pad_to_multiple_of.reset();
    if (pad_to_multiple_of >= 0) options.pad_to_multiple_of = pad_to_multiple_of;
    if (attention_mask >= 0) options.return_attention_mask = attention_mask > 0;
    options.do_normalize_per_mel_bins = normalize;
    const FeatureBatch batch = impl_->extractor.extract(clips_of(samples, offsets, clips), options);
    auto result = std::make_shared<NativeFeatures::Impl>();
    result->features = batch.features;
    if (batch.has_mask) {
      result->attention_mask = Tensor::empty({batch.batch, batch.mask_time}, DType::kInt32);
      std::copy(batch.mask.begin(), batch.mask.end(), result->attention_mask.data<int32_t>());
    }
    return std::make_shared<NativeFeatures>(std::move(result));
  });
}

std::shared_ptr<NativeFeatures> NativeFeatureExtractor::extract_ragged(const NativeTensor* samples,
                                                                       const int64_t* offsets,
                                                                       int clips,
                                                                       bool normalize) const {
  return computing([&] {
    const PackedFeatures packed =
        impl_->extractor.extract_packed(clips_of(samples, offsets, clips), {}, normalize);
    auto result = std::make_shared<NativeFeatures::Impl>();
    result->features = packed.features;
    result->lengths = packed.lengths();
    return std::make_shared<NativeFeatures>(std::move(result));
  });
}

std::shared_ptr<NativeTensor> NativeFeatureExtractor::fbank(const NativeTensor* samples) const {
  return computing([&] {
    const Tensor clip = take(samples);
    const FeatureExtractorOptions& options = impl_->extractor.options();
    return give(ops::fbank(clip, Tensor::of(std::vector<int64_t>{0, clip.numel()}),
                           options.num_mel_bins, options.sampling_rate));
  });
}

NativeFbankStream::NativeFbankStream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::shared_ptr<NativeFbankStream> NativeFbankStream::create(int num_mel_bins, int sampling_rate) {
  return guarded([&] {
    return std::make_shared<NativeFbankStream>(
        std::make_shared<Impl>(Impl{FbankStream(num_mel_bins, sampling_rate), num_mel_bins}));
  });
}

std::shared_ptr<NativeTensor> NativeFbankStream::push(const NativeTensor* samples) {
  return guarded([&] {
    const Tensor piece = take(samples);
    std::vector<float> frames;
    const int64_t count = impl_->stream.push(piece.data<float>(), piece.numel(), frames);
    return give(Tensor::of(frames, {count, impl_->num_mel_bins}));
  });
}

int64_t NativeFbankStream::finish() {
  return guarded([&] { return impl_->stream.finish(); });
}

namespace {

// From the samples of clips, which lie one after another, to the tokens of all frames.
void find_paths(const NativeFeatureExtractor& extractor, const NativeModel& model,
                const std::vector<Clip>& clips, int32_t* path, int64_t frames) {
  const PretrainedModel& network = *model.impl()->model;
  const FeatureExtractor& front_end = extractor.impl().extractor;
  require_stack_for(network.base().device());
  if (CudaSessions* const sessions = model.impl()->sessions.get()) {
    std::vector<int64_t> counts;
    for (const Clip& clip : clips) counts.push_back(clip.count);
    const float* const first = clips.empty() ? nullptr : clips.front().samples;
    sessions->best_paths(front_end, first, counts, path, frames);
    return;
  }
  const PackedFeatures packed = front_end.extract_packed(clips);
  const ModelInput input = ragged_input(packed.features, packed.lengths(), network.base().config());
  const Tensor logits =
      aten::contiguous(network.forward(input, {false, false, -1, Tensor()}).logits);
  if (logits.size(0) != frames) {
    throw std::runtime_error("the model makes " + std::to_string(logits.size(0)) +
                             " frames of the samples; expected " + std::to_string(frames));
  }
  const int64_t tokens = logits.size(1);
  const float* scores = logits.data<float>();
  for (int64_t t = 0; t < frames; ++t, scores += tokens) {
    path[t] = static_cast<int32_t>(std::max_element(scores, scores + tokens) - scores);
  }
}

}  // namespace

void best_path(const NativeFeatureExtractor& extractor, const NativeModel& model,
               const float* samples, int64_t count, int32_t* path, int64_t frames) {
  computing([&] {
    // A JVM that has no memory left for its copies of the arrays.
    if (samples == nullptr || path == nullptr) throw std::bad_alloc();
    find_paths(extractor, model, {{samples, count}}, path, frames);
  });
}

void best_paths(const NativeFeatureExtractor& extractor, const NativeModel& model,
                const NativeTensor* samples, const int64_t* offsets, int clips, int32_t* paths,
                int64_t frames) {
  computing([&] {
    if (offsets == nullptr || paths == nullptr) throw std::bad_alloc();
    find_paths(extractor, model, clips_of(samples, offsets, clips), paths, frames);
  });
}

std::string complete_config(const std::string& text, const std::string& source) {
  return guarded([&] { return parse_config(text, source).to_json(); });
}

void prepare_end() {
  static std::once_flag once;
  std::call_once(once, [] { on_exit(end_process, nullptr); });
}

void set_threads(int total, int per_call) {
  guarded([&] {
    set_pool_size(total);
    threads_per_call = per_call;
    set_blas_thread_count(per_call);
  });
}

std::string libtorch_version() { return w2vbert::libtorch_version(); }

std::string simd_level() {
  return guarded([&] { return std::string(cpu::simd_name(cpu::simd_level())); });
}

std::string registration_failure() { return w2vbert::registration_failure(); }

std::string cuda_driver_json(const std::string& library) {
  return guarded([&] {
    const CudaDriver driver = cuda_driver(library);
    json devices = json::array();
    for (const CudaDeviceInfo& device : driver.devices) {
      devices.push_back({{"name", device.name},
                         {"computeCapability", std::to_string(device.capability_major) + "." +
                                                   std::to_string(device.capability_minor)},
                         {"memoryBytes", device.memory}});
    }
    return json({{"version", driver.version == 0 ? "" : cuda_version_string(driver.version)},
                 {"devices", devices},
                 {"problem", driver.problem}})
        .dump();
  });
}

void open_cuda_plugin(const std::string& torch_cuda, const std::string& plugin) {
  guarded([&] {
    require_stack(kStackOfCudaCall);
    w2vbert::open_cuda_plugin(cuda_driver(), torch_cuda, plugin);
  });
}

}  // namespace jni
}  // namespace w2vbert
