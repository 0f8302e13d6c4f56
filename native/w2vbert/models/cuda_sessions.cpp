#include "w2vbert/models/cuda_sessions.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_runtime.h"

namespace w2vbert {
namespace {

// What a graph computes from: the offsets of the utterance (int64 [2]) and the fields of its clip
// (int64 [7]), then features or samples.
constexpr int64_t kOffsets = 0;
constexpr int64_t kClip = 2 * static_cast<int64_t>(sizeof(int64_t));
constexpr int64_t kData = 256;

constexpr int64_t kFloatSize = static_cast<int64_t>(sizeof(float));

// Which of a session's graphs.
struct GraphKey {
  int64_t frames;
  // Of the extractor; all 0 for a graph that begins with features.
  int64_t num_mel_bins = 0;
  int64_t stride = 0;
  int64_t sampling_rate = 0;

  bool operator<(const GraphKey& other) const {
    return std::tie(frames, num_mel_bins, stride, sampling_rate) <
           std::tie(other.frames, other.num_mel_bins, other.stride, other.sampling_rate);
  }
};

GraphKey speech_key(const FeatureExtractor& extractor, int64_t frames) {
  const FeatureExtractorOptions& options = extractor.options();
  return {frames, options.num_mel_bins, options.stride, options.sampling_rate};
}

// What a graph leaves in the workspace.
struct Results {
  HeadOutput output;
  Tensor best_tokens;  // int32 [rows], of samples; otherwise undefined
  Tensor offsets;      // of the input

  // Rows of the output that an input of `frames` frames has; without an adapter just as many.
  int64_t output_rows(const Config& config, int64_t frames) const {
    const bool same = output.base.layout.offsets_tensor.handle() == offsets.handle();
    return same ? frames : config.conv_output_length(frames);
  }
};

struct Recorded {
  CudaGraph graph;
  Results results;
  std::vector<Tensor> others;  // see DeviceMemory::others
};

// What has failed is left alone for so many calls, before it is tried again: memory may be there
// then.
constexpr int kCallsAfterFailure = 64;

class Failures {
 public:
  void note() { calls_left_ = kCallsAfterFailure; }
  // To be asked once in a call.
  bool try_again() { return calls_left_ == 0 || --calls_left_ == 0; }

 private:
  int calls_left_ = 0;
};

void check_rows(int64_t rows, int64_t expected) {
  if (rows != expected) {
    throw std::runtime_error("the model makes " + std::to_string(rows) +
                             " frames of the samples; expected " + std::to_string(expected));
  }
}

bool fits_model(const FeatureExtractor& extractor, const Config& config) {
  return extractor.options().num_mel_bins * extractor.options().stride ==
         config.feature_projection_input_dim;
}

}  // namespace

class CudaSessions::Session {
 public:
  using Body = std::function<Results(const Session& session)>;

  Session(const Device& device, void* stream, std::shared_ptr<MemoryBudget> budget)
      : stream_(stream == nullptr ? std::make_unique<CudaStream>(device)
                                  : std::make_unique<CudaStream>(device, stream)),
        recording_stream_(device),
        budget_(std::move(budget)) {}

  const CudaStream& stream() const { return *stream_; }
  int64_t graphs() const { return graph_count_; }

  // No call is under way.
  void drop_graphs() noexcept {
    try {
      if (graph_count_ > 0) stream_->wait();
    } catch (const std::runtime_error&) {
      // The device has failed: nothing will run on it any more.
    }
    graphs_.clear();
    graph_count_ = 0;
    arena_ = Tensor();
  }

  // Memory of the host, from where put() copies to the device, for at least so many bytes. Null if
  // there is none: then `problem` says why.
  char* stage(int64_t bytes, std::string& problem) {
    if (input_.defined() && input_.numel() >= bytes) return pinned_->data();
    if (!no_input_.try_again()) return nullptr;
    drop_graphs();  // they read the memory that goes
    input_ = Tensor();
    try {
      pinned_ = std::make_unique<PinnedMemory>(stream_->device(), bytes);
      std::memset(pinned_->data(), 0, static_cast<size_t>(bytes));
      DeviceMemory memory(stream_->device(), budget_);
      const DeviceMemory::Use use(&memory);
      input_ = Tensor::zeros({bytes}, DType::kUInt8, stream_->device());
      return pinned_->data();
    } catch (const std::runtime_error& e) {
      problem = e.what();
      no_input_.note();
      return nullptr;
    }
  }

  void put(int64_t bytes) const { stream_->copy(input_.raw_data(), pinned_->data(), bytes); }

  // `elements` of what was put, from the byte `begin` on.
  Tensor input(int64_t begin, int64_t elements, DType dtype) const {
    return aten::view_as(aten::narrow(input_, 0, begin, elements * dtype_size(dtype)), dtype);
  }

  // Where the first bytes of a tensor are once the stream has been waited for.
  const char* fetch(const Tensor& tensor, int64_t bytes) const {
    stream_->copy(pinned_->data(), tensor.raw_data(), bytes);
    return pinned_->data();
  }

  // The first `rows` rows of a result, in memory of their own.
  Tensor first_rows(const Tensor& tensor, int64_t rows) const {
    if (!tensor.defined()) return tensor;
    const Tensor from = aten::contiguous(tensor);
    const Tensor copy = Tensor::empty({rows, from.size(1)}, from.dtype(), from.device());
    stream_->copy(copy.raw_data(), from.raw_data(), copy.numel() * dtype_size(copy.dtype()));
    return copy;
  }

  // The graph, which is captured if there is none. Null if it cannot be: then `problem` says why.
  // The input has been put.
  const Recorded* recorded(const GraphKey& key, const Body& body, std::string& problem) {
    const auto known = graphs_.find(key);
    if (known != graphs_.end()) return known->second.get();
    if (!failures_[key].try_again()) return nullptr;
    try {
      std::unique_ptr<Recorded> made = record(body);
      ++graph_count_;
      return (graphs_[key] = std::move(made)).get();
    } catch (const std::exception& e) {
      problem = e.what();
      failures_[key].note();
      return nullptr;
    }
  }

 private:
  // On a stream of our own: what a caller puts into theirs meanwhile is no part of the graph, and
  // memory that operators take for themselves is not that of calls.
  std::unique_ptr<Recorded> record(const Body& body) {
    const Device device = stream_->device();
    stream_->wait();  // the input is there
    const CudaStream::Entered entered(recording_stream_);
    compute(body);  // makes what is made once, such as the libraries' own workspaces
    const int64_t size = compute(body);
    if (!arena_.defined() || arena_.numel() < size) {
      drop_graphs();
      DeviceMemory memory(device, budget_);
      const DeviceMemory::Use use(&memory);
      arena_ = Tensor::empty({size}, DType::kUInt8, device);
    }
    auto made = std::make_unique<Recorded>();
    DeviceMemory memory(arena_);
    const DeviceMemory::Use use(&memory);
    made->graph.capture(recording_stream_, [&] { made->results = body(*this); });
    made->others = memory.others();
    return made;
  }

  // Without capturing. Returns the size of the workspace that would have done.
  int64_t compute(const Body& body) const {
    DeviceMemory memory(stream_->device(), budget_);
    const DeviceMemory::Use use(&memory);
    body(*this);
    recording_stream_.wait();
    return memory.size();
  }

  const std::unique_ptr<CudaStream> stream_;
  const CudaStream recording_stream_;
  const std::shared_ptr<MemoryBudget> budget_;
  std::unique_ptr<PinnedMemory> pinned_;
  Tensor input_;  // uint8
  Tensor arena_;  // uint8: the workspace of all graphs, of which one runs at a time
  std::map<GraphKey, std::unique_ptr<Recorded>> graphs_;
  std::atomic<int64_t> graph_count_{0};
  std::map<GraphKey, Failures> failures_;  // of captures
  Failures no_input_;
};

// A session in the hands of a call, whose thread has entered its stream.
class CudaSessions::Lease {
 public:
  explicit Lease(CudaSessions& sessions) : sessions_(sessions), session_(sessions.take()) {
    try {
      entered_.emplace(session_->stream());
    } catch (...) {
      sessions_.give_back(session_);
      throw;
    }
  }
  ~Lease() {
    if (std::uncaught_exceptions() > exceptions_) {
      try {
        session_->stream().wait();  // what the call asked for still reads its memory
      } catch (const std::runtime_error&) {
        // The call's own exception says more.
      }
    }
    entered_.reset();
    sessions_.give_back(session_);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Session& session() const { return *session_; }

 private:
  CudaSessions& sessions_;
  Session* const session_;
  const int exceptions_ = std::uncaught_exceptions();
  std::optional<CudaStream::Entered> entered_;
};

CudaSessions::CudaSessions(const PretrainedModel& model, CudaOptions options,
                           std::shared_ptr<MemoryBudget> budget)
    : model_(model), options_(std::move(options)), budget_(std::move(budget)) {
  idle_.reserve(static_cast<size_t>(options_.sessions));
  problem_ = options_.graph_problem;
  if (options_.graph_frames.empty()) return;
  const int64_t most = options_.graph_frames.back();
  room_ = kData + kFloatSize * std::max(most * model_.base().config().feature_projection_input_dim,
                                        FeatureExtractor({}).most_samples(most));
}

CudaSessions::~CudaSessions() = default;

CudaSessions::Session* CudaSessions::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  returned_.wait(lock, [this] {
    return !idle_.empty() || static_cast<int64_t>(sessions_.size()) < options_.sessions;
  });
  if (idle_.empty()) {
    sessions_.push_back(
        std::make_unique<Session>(model_.base().device(), options_.stream, budget_));
    return sessions_.back().get();
  }
  // The one that was used last: its graphs may serve, and others need never be opened.
  Session* const session = idle_.back();
  idle_.pop_back();
  return session;
}

void CudaSessions::give_back(Session* session) noexcept {
  if (gave_up_) session->drop_graphs();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(session);
  }
  returned_.notify_one();
}

int64_t CudaSessions::bucket(int64_t frames) const {
  const Config& config = model_.base().config();
  const std::vector<int64_t>& all = options_.graph_frames;
  const auto found = std::lower_bound(all.begin(), all.end(), frames);
  // What is too short is refused where its length is known on the host.
  const bool enough = frames > 0 && config.conv_output_length(frames) >= model_.least_rows();
  return gave_up_ || found == all.end() || !enough ? 0 : *found;
}

int64_t CudaSessions::bucket(const ModelInput& input, const Encoder::Request& request) const {
  const bool plain = !input.layout.valid.defined() && !input.masked_time.defined() &&
                     !input.masked_features.defined() && input.training == nullptr &&
                     !request.hidden_states && !request.attentions && request.layers < 0;
  // Where padding could matter, if there were any.
  const bool as_ragged =
      !input.padded || (!model_.base().config().add_adapter && model_.least_rows() == 1);
  const bool readable = input.features.is_cpu() && input.features.dtype() == DType::kFloat32;
  if (!plain || !as_ragged || !readable || input.layout.utterances() != 1) return 0;
  return bucket(input.layout.total());
}

void CudaSessions::note(const std::string& problem) {
  if (problem.empty()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (problem_.empty()) problem_ = problem;
}

std::optional<HeadOutput> CudaSessions::replay(Session& session, int64_t bucket,
                                               const float* features, int64_t frames) {
  const Config& config = model_.base().config();
  const int64_t width = config.feature_projection_input_dim;
  std::string problem;
  char* const staged = session.stage(room_, problem);
  note(problem);
  if (staged == nullptr) return std::nullopt;
  const std::array<int64_t, 2> offsets{0, frames};
  std::memcpy(staged + kOffsets, offsets.data(), sizeof offsets);
  const int64_t bytes = frames * width * kFloatSize;
  if (features != nullptr) std::memcpy(staged + kData, features, static_cast<size_t>(bytes));
  session.put(kData + bytes);
  const auto body = [&](const Session& recording) {
    ModelInput input;
    input.features =
        aten::reshape(recording.input(kData, bucket * width, DType::kFloat32), {bucket, width});
    input.layout = Layout::ragged({bucket});
    input.layout.offsets_tensor = recording.input(kOffsets, 2, DType::kInt64);
    return Results{model_.forward(input, {}), Tensor(), input.layout.offsets_tensor};
  };
  const Recorded* const recorded = session.recorded({bucket}, body, problem);
  note(problem);
  if (recorded == nullptr) return std::nullopt;
  recorded->graph.launch(session.stream());
  DeviceMemory memory(session.stream().device(), budget_);
  const DeviceMemory::Use use(&memory);
  const HeadOutput& made = recorded->results.output;
  const int64_t rows = recorded->results.output_rows(config, frames);
  const auto rows_of_head = [&](const Tensor& tensor) {
    return session.first_rows(tensor, made.logits_per_frame ? rows : 1);
  };
  HeadOutput output;
  output.base.last_hidden_state = session.first_rows(made.base.last_hidden_state, rows);
  output.base.extract_features = session.first_rows(made.base.extract_features, frames);
  output.base.layout = Layout::ragged({rows});
  output.base.input_layout = Layout::ragged({frames});
  output.logits = rows_of_head(made.logits);
  output.logits_per_frame = made.logits_per_frame;
  output.embeddings = rows_of_head(made.embeddings);
  session.stream().wait();
  return output;
}

bool CudaSessions::replay(Session& session, int64_t bucket, const FeatureExtractor& extractor,
                          const float* samples, int64_t count, int32_t* path, int64_t frames) {
  const Config& config = model_.base().config();
  const int64_t most = options_.graph_frames.back();
  const int64_t room = kData + extractor.most_samples(most) * kFloatSize;
  std::string problem;
  char* const staged = session.stage(std::max(room_, room), problem);
  note(problem);
  if (staged == nullptr) return false;
  const std::array<int64_t, 2> offsets{0, extractor.rows(count)};
  const auto clip = extractor.clip_fields(count, bucket);
  std::memcpy(staged + kOffsets, offsets.data(), sizeof offsets);
  std::memcpy(staged + kClip, clip.data(), sizeof clip);
  if (samples != nullptr) {
    std::memcpy(staged + kData, samples, static_cast<size_t>(count * kFloatSize));
  }
  session.put(kData + count * kFloatSize);
  const auto body = [&](const Session& recording) {
    ModelInput input;
    input.features = extractor.extract_recorded(
        recording.input(kData, extractor.most_samples(bucket), DType::kFloat32),
        recording.input(kClip, static_cast<int64_t>(clip.size()), DType::kInt64), bucket,
        model_.base().dtype());
    input.layout = Layout::ragged({bucket});
    input.layout.offsets_tensor = recording.input(kOffsets, 2, DType::kInt64);
    Results results{model_.forward(input, {}), Tensor(), input.layout.offsets_tensor};
    results.best_tokens = ops::cuda_operators::best_tokens(aten::contiguous(results.output.logits));
    return results;
  };
  const Recorded* const recorded = session.recorded(speech_key(extractor, bucket), body, problem);
  note(problem);
  if (recorded == nullptr) return false;
  if (path == nullptr) {
    recorded->graph.launch(session.stream());
    session.stream().wait();
    return true;
  }
  check_rows(recorded->results.output_rows(config, offsets[1]), frames);
  recorded->graph.launch(session.stream());
  const char* const best =
      session.fetch(recorded->results.best_tokens, frames * static_cast<int64_t>(sizeof *path));
  session.stream().wait();
  std::memcpy(path, best, static_cast<size_t>(frames) * sizeof *path);
  return true;
}

HeadOutput CudaSessions::forward(const ModelInput& input, const Encoder::Request& request) {
  const Lease lease(*this);
  Session& session = lease.session();
  if (const int64_t length = bucket(input, request)) {
    const Tensor features = aten::contiguous(input.features);
    std::optional<HeadOutput> output =
        replay(session, length, features.data<float>(), input.layout.total());
    if (output) return *std::move(output);
  }
  DeviceMemory memory(session.stream().device(), budget_);
  const DeviceMemory::Use use(&memory);
  HeadOutput output = model_.forward(input, request);
  session.stream().wait();
  return output;
}

ModelOutput CudaSessions::forward_base(const ModelInput& input, const Encoder::Request& request) {
  const Lease lease(*this);
  DeviceMemory memory(lease.session().stream().device(), budget_);
  const DeviceMemory::Use use(&memory);
  ModelOutput output = model_.base().forward(input, request);
  lease.session().stream().wait();
  return output;
}

void CudaSessions::best_path(const FeatureExtractor& extractor, const float* samples, int64_t count,
                             int32_t* path, int64_t frames) {
  const bool fits = fits_model(extractor, model_.base().config());
  const int64_t length = fits ? bucket(extractor.rows(count)) : 0;
  const Lease lease(*this);
  if (length == 0 || !replay(lease.session(), length, extractor, samples, count, path, frames)) {
    compute_paths(lease.session(), extractor, samples, {count}, path, frames);
  }
}

void CudaSessions::best_paths(const FeatureExtractor& extractor, const float* samples,
                              const std::vector<int64_t>& counts, int32_t* path, int64_t frames) {
  if (counts.size() == 1) {
    best_path(extractor, samples, counts.front(), path, frames);
    return;
  }
  const Lease lease(*this);
  compute_paths(lease.session(), extractor, samples, counts, path, frames);
}

void CudaSessions::compute_paths(Session& session, const FeatureExtractor& extractor,
                                 const float* samples, const std::vector<int64_t>& counts,
                                 int32_t* path, int64_t frames) {
  const Device device = session.stream().device();
  DeviceMemory memory(device, budget_);
  const DeviceMemory::Use use(&memory);
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  const Tensor clips =
      Tensor::from_blob(const_cast<float*>(samples), {total}, DType::kFloat32, nullptr).to(device);
  const PackedFeatures packed = extractor.extract_packed(clips, counts, model_.base().dtype());
  const ModelInput input = ragged_input(packed.features, packed.lengths(), model_.base().config());
  const Tensor logits = aten::contiguous(model_.forward(input, {}).logits);
  check_rows(logits.size(0), frames);
  const Tensor best = ops::cuda_operators::best_tokens(logits).to({});
  std::copy_n(best.data<int32_t>(), frames, path);
}

void CudaSessions::warm_up() {
  const Config& config = model_.base().config();
  const FeatureExtractor extractor({});
  std::vector<Session*> all;
  for (int64_t i = 0; i < options_.sessions; ++i) all.push_back(take());
  for (Session* const session : all) {
    const CudaStream::Entered entered(session->stream());
    // What needs the largest workspace first: a larger one takes the place of all graphs.
    for (auto frames = options_.graph_frames.rbegin(); frames != options_.graph_frames.rend();
         ++frames) {
      if (bucket(*frames) == 0) continue;
      if (model_.has_tokens() && fits_model(extractor, config)) {
        replay(*session, *frames, extractor, nullptr, extractor.most_samples(*frames), nullptr, 0);
      }
      replay(*session, *frames, nullptr, *frames);
    }
  }
  for (Session* const session : all) give_back(session);
}

void CudaSessions::give_up_graphs() {
  gave_up_ = true;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Session* const session : idle_) session->drop_graphs();
}

CudaSessions::State CudaSessions::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  State state;
  state.sessions = static_cast<int64_t>(sessions_.size());
  for (const auto& session : sessions_) state.graphs += session->graphs();
  state.memory = budget_->used();
  state.problem = problem_;
  return state;
}

}  // namespace w2vbert
