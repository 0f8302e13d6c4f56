// How the calls of a model on a CUDA device are computed: in sessions, each of which has a stream,
// a workspace and captured graphs of its own, so that they do not wait for each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "w2vbert/audio/feature_extractor.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/torch/device_memory.h"

namespace w2vbert {

struct CudaOptions {
  int64_t sessions = 2;  // at least 1, and 1 with a stream of the caller's
  // Input lengths in frames, ascending, of at most kMostGraphFrames, up to which single utterances
  // replay graphs.
  std::vector<int64_t> graph_frames;
  // Why there are none of them, though they were asked for; otherwise empty.
  std::string graph_problem;
  void* stream = nullptr;  // CUstream, which the caller keeps; null: streams of our own
};

// What a session keeps is in proportion to its longest graph.
constexpr int64_t kMostGraphFrames = 3000;

// An utterance of a call that may replay a graph is computed as one of the shortest length in
// graph_frames that holds it: the graph's kernels get the place of its end from the device, and
// what lies behind it does not change its rows. The first such call of a session computes without a
// graph what it then captures; later ones copy their input, launch, and copy the result. Where a
// graph cannot be captured, calls are computed without, state() tells why, and it is tried again
// later.
class CudaSessions {
 public:
  struct State {
    int64_t sessions = 0;  // that have been opened
    int64_t graphs = 0;    // that are captured
    int64_t memory = 0;    // bytes of the device's that `budget` counts
    std::string problem;   // why there is no graph, or of the first capture that failed
  };

  // `model` outlives this object; its parameters are there, and nothing writes to them. `budget`
  // counts what is allocated.
  CudaSessions(const PretrainedModel& model, CudaOptions options,
               std::shared_ptr<MemoryBudget> budget);
  ~CudaSessions();
  CudaSessions(const CudaSessions&) = delete;
  CudaSessions& operator=(const CudaSessions&) = delete;

  // As PretrainedModel::forward. What they return is in memory of the device that nothing writes to
  // any more. They wait while all sessions are busy; several threads may call.
  HeadOutput forward(const ModelInput& input, const Encoder::Request& request);
  // As Wav2Vec2BertModel::forward, without the head.
  ModelOutput forward_base(const ModelInput& input, const Encoder::Request& request);
  // From the samples of a clip to the most probable token of each of `frames` frames. Throws
  // std::runtime_error if the model makes another number of frames of the clip.
  void best_path(const FeatureExtractor& extractor, const float* samples, int64_t count,
                 int32_t* path, int64_t frames);
  // The same for clips of `counts` samples, which lie one after another: `frames` are those of all.
  void best_paths(const FeatureExtractor& extractor, const float* samples,
                  const std::vector<int64_t>& counts, int32_t* path, int64_t frames);

  // Captures every graph of every session: for features, and if the model has tokens for samples,
  // too, with the extractor's default options, where their features fit the model.
  void warm_up();
  // Calls that come from now on neither capture nor replay: parameters are about to change.
  void give_up_graphs();

  State state() const;

 private:
  class Session;
  class Lease;

  Session* take();
  void give_back(Session* session) noexcept;
  // The length whose graph computes an utterance of so many frames; 0 if none does.
  int64_t bucket(int64_t frames) const;
  // The same for the whole input of a call.
  int64_t bucket(const ModelInput& input, const Encoder::Request& request) const;
  void note(const std::string& problem);

  // Without a graph.
  void compute_paths(Session& session, const FeatureExtractor& extractor, const float* samples,
                     const std::vector<int64_t>& counts, int32_t* path, int64_t frames);
  // By the graph for `bucket` frames. Nothing if there is none. `features` may be null: whatever.
  std::optional<HeadOutput> replay(Session& session, int64_t bucket, const float* features,
                                   int64_t frames);
  // The same for samples; false if there is none.
  bool replay(Session& session, int64_t bucket, const FeatureExtractor& extractor,
              const float* samples, int64_t count, int32_t* path, int64_t frames);

  const PretrainedModel& model_;
  const CudaOptions options_;
  const std::shared_ptr<MemoryBudget> budget_;
  int64_t room_ = 0;  // bytes for the input of the longest graph

  mutable std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> idle_;
  std::string problem_;
  std::atomic<bool> gave_up_{false};
};

}  // namespace w2vbert
