// The whole Java surface: JavaCPP parses this header, and no other. Plain types in, std::shared_ptr
// out. Functions that can fail translate exceptions: the message of a caller's mistake
// (std::invalid_argument) begins with "argument: ", that of a call at the wrong time
// (std::logic_error) with "state: ", that of any other failure with neither. They refuse to run on
// a thread whose stack is nearly used up, since the process would not survive an overflow.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

// The library hides its symbols; these are seen by the generated JNI.
#define W2VBERT_API __attribute__((visibility("default")))

struct AtenTensorOpaque;

namespace w2vbert {
namespace jni {

/** A tensor on the CPU. */
class W2VBERT_API NativeTensor {
 public:
  /** Uninitialised memory of the given shape; `dtype` is LibTorch's number of the type. */
  static std::shared_ptr<NativeTensor> create(const int64_t* shape, int dimensions, int dtype);

  int dtype() const;
  int dimensions() const;
  /** Writes the sizes of all axes. */
  void shape(int64_t* sizes) const;
  int64_t byte_size() const;
  /** The first byte; elements lie in C order. */
  void* data() const;
  /** The `at::Tensor`, which this object owns. */
  AtenTensorOpaque* handle() const;

  struct Impl;
  explicit NativeTensor(std::shared_ptr<Impl> impl);

  const Impl& impl() const;

 private:
  std::shared_ptr<Impl> impl_;
};

/** What one call of a model returned. The tensors of ragged input are taken per utterance, as
 *  `[time, width]`; those of padded input all at once, with `utterance` -1, as `[batch, time,
 * width]`. */
class W2VBERT_API NativeModelOutput {
 public:
  std::shared_ptr<NativeTensor> last_hidden_state(int utterance) const;
  std::shared_ptr<NativeTensor> extract_features(int utterance) const;
  /** Null unless the model has a head and was called for its logits. Those of a whole utterance are
   *  `[classes]`, or `[batch, classes]`. */
  std::shared_ptr<NativeTensor> logits(int utterance) const;
  /** `[size]`, or `[batch, size]`; null unless the model gives x-vectors. */
  std::shared_ptr<NativeTensor> embeddings(int utterance) const;
  /** A scalar, or one value per row for the reduction `none`. Null unless labels were given. */
  std::shared_ptr<NativeTensor> loss() const;
  /** Zero unless hidden states were asked for. */
  int hidden_state_count() const;
  std::shared_ptr<NativeTensor> hidden_state(int index, int utterance) const;
  /** Zero unless attention weights were asked for. */
  int attention_count() const;
  /** The weights of one layer: `[heads, time, time]`, or `[batch, heads, time, time]`. */
  std::shared_ptr<NativeTensor> attention(int layer, int utterance) const;
  int utterances() const;
  /** Writes the number of valid rows of every utterance in last_hidden_state. */
  void valid_lengths(int64_t* lengths) const;

  struct Impl;
  explicit NativeModelOutput(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

/** A model with its parameters. Immutable: any number of threads may call it. */
class W2VBERT_API NativeModel {
 public:
  /** `model_class` is the reference's name of the class; with `copy` the files are not kept mapped.
   *  The matrices of the encoder are stored as `weights`, LibTorch's number of float32,
   *  float16, bfloat16, int8 or float8. `device_json` is what the Java record DeviceOptions writes:
   *  `{"device", "stream", "memory_limit", "sessions", "graph_frames", "warm_up"}`. The device is
   *  `cpu`, `cuda` or `cuda:1`: a model on a CUDA device has all parameters there and computes in
   *  their type, which is not int8; only there it may be float8, which computes in bfloat16. Its
   *  calls take and give tensors on the CPU all the same. */
  static std::shared_ptr<NativeModel> from_pretrained(
      const std::string& model_class, const std::string& directory, const std::string& config_json,
      bool initialize_missing, bool ignore_mismatched_sizes, int64_t seed, bool copy, int weights,
      const std::string& device_json);
  /** Fresh parameters of float32, drawn as the reference draws them, the same ones for every
   *  device. */
  static std::shared_ptr<NativeModel> initialize(const std::string& model_class,
                                                 const std::string& config_json, int64_t seed,
                                                 const std::string& device_json);

  /** The complete configuration as `config.json`. */
  std::string config_json() const;
  /** `cpu` or `cuda:0`. */
  std::string device() const;
  /** `{"sessions", "graphs", "memoryBytes", "graphProblem"}`: see CudaSessions::State. On the CPU
   *  there is nothing of this. */
  std::string device_state_json() const;
  /** `{"missing": [names], "unexpected": [names], "mismatched": [texts]}`. */
  std::string load_report_json() const;
  /** `[{"name", "shape", "dtype", "mapped"}]` of all parameters; `mapped` ones lie in the file. */
  std::string parameters_json() const;
  /** A copy of one parameter, as float32. */
  std::shared_ptr<NativeTensor> parameter(const std::string& name) const;

  /** Writes `config_json` and the weights as safetensors, in shards of at most `max_shard_bytes`
   * (0: one file). `dtype` is `F32`, `F16` or `BF16`. Refused for int8 and float8 weights. */
  void save(const std::string& directory, const std::string& config_json, const std::string& dtype,
            int64_t max_shard_bytes) const;

  /** Padded input; `attention_mask`, `mask_time_indices` and `labels` may be null. The two numbers
   *  are those of the additive margin softmax, the loss of x-vectors. */
  std::shared_ptr<NativeModelOutput> forward(const NativeTensor* features,
                                             const NativeTensor* attention_mask,
                                             const NativeTensor* mask_time_indices,
                                             const NativeTensor* labels, bool hidden_states,
                                             bool attentions, double am_softmax_scale,
                                             double am_softmax_margin) const;
  /** Ragged input: the rows of `utterances` utterances one after the other. With `layer` >= 0 the
   *  result is that hidden state, and later layers are not computed. */
  std::shared_ptr<NativeModelOutput> encode(const NativeTensor* features, const int64_t* lengths,
                                            int utterances, int layer, bool hidden_states,
                                            bool attentions) const;

  struct Impl;
  explicit NativeModel(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl>& impl() const;

 private:
  std::shared_ptr<Impl> impl_;
};

/** Trains the parameters of a model in place. Not for several threads at once. */
class W2VBERT_API NativeTraining {
 public:
  /** `options_json` holds the components of the Java record TrainingOptions. The model's parameters
   *  must be float32 and in memory of their own. */
  static std::shared_ptr<NativeTraining> create(const NativeModel& model,
                                                const std::string& options_json);
  /** A model that shares the parameters. */
  std::shared_ptr<NativeModel> model() const;

  /** Returns the loss; unless it is finite, no gradient was added. `attention_mask` may be null. */
  double accumulate(const NativeTensor* features, const NativeTensor* attention_mask,
                    const NativeTensor* labels, double weight);
  /** A place of its own for gradients of the same parameters. It may be used while this one is. */
  std::shared_ptr<NativeTraining> worker() const;
  /** Adds the gradients of a worker, which then has none. */
  void take_gradients(NativeTraining* worker);
  void reseed(int64_t seed);
  /** Writes the norm of the gradients, and what the next losses are multiplied by for theirs;
   *  whether the step was made. */
  bool step(double learning_rate, double* gradient_norm, double* loss_scale);
  void zero_gradients();
  /** Null if there is none. */
  std::shared_ptr<NativeTensor> gradient(const std::string& name) const;
  void use_average(bool on);
  void save_state(const std::string& path) const;
  void load_state(const std::string& path);

  struct Impl;
  explicit NativeTraining(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

/** What one call of a feature extractor returned. */
class W2VBERT_API NativeFeatures {
 public:
  /** `[batch, time, width]` of a padded batch, `[total_time, width]` of a ragged one. */
  std::shared_ptr<NativeTensor> features() const;
  /** int32 `[batch, time]` of a padded batch (`[batch, 0]` with stride 1); null if not asked for.
   */
  std::shared_ptr<NativeTensor> attention_mask() const;
  /** Clips of a ragged batch; 0 of a padded one. */
  int clips() const;
  /** Writes the number of rows of every clip of a ragged batch. */
  void lengths(int64_t* lengths) const;

  struct Impl;
  explicit NativeFeatures(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

/** The mel front end. Immutable: any number of threads may call it. Clip `i` of a call is
 *  `samples[offsets[i]]` to `samples[offsets[i + 1] - 1]`, float32. */
class W2VBERT_API NativeFeatureExtractor {
 public:
  /** `json` is the text of a `preprocessor_config.json`. */
  static std::shared_ptr<NativeFeatureExtractor> create(const std::string& json);
  /** The text of `preprocessor_config.json`. */
  std::string to_json() const;
  /** Samples per second. */
  int sampling_rate() const;
  int num_mel_bins() const;
  int stride() const;
  /** NaN if there is none. */
  double padding_value() const;
  bool pads_left() const;

  /** A padded batch. `max_length` and `pad_to_multiple_of` are -1 for none; `attention_mask` is 0
   *  for no, 1 for yes, -1 for the extractor's own option. */
  std::shared_ptr<NativeFeatures> extract(const NativeTensor* samples, const int64_t* offsets,
                                          int clips, const std::string& padding, bool truncation,
                                          int64_t max_length, int64_t pad_to_multiple_of,
                                          int attention_mask, bool normalize) const;
  /** A ragged batch. */
  std::shared_ptr<NativeFeatures> extract_ragged(const NativeTensor* samples,
                                                 const int64_t* offsets, int clips,
                                                 bool normalize) const;
  /** Log-mel frames of one clip before normalisation, `[frames, num_mel_bins]`. */
  std::shared_ptr<NativeTensor> fbank(const NativeTensor* samples) const;

  struct Impl;
  explicit NativeFeatureExtractor(std::shared_ptr<Impl> impl);

  const Impl& impl() const;

 private:
  std::shared_ptr<Impl> impl_;
};

/** Log-mel frames of a clip that arrives in pieces. Not for several threads at once. */
class W2VBERT_API NativeFbankStream {
 public:
  static std::shared_ptr<NativeFbankStream> create(int num_mel_bins, int sampling_rate);
  /** Takes samples and returns the frames that they complete: float32 `[frames, num_mel_bins]`. */
  std::shared_ptr<NativeTensor> push(const NativeTensor* samples);
  /** Ends the clip; returns the number of samples at its end that no frame covers. */
  int64_t finish();

  struct Impl;
  explicit NativeFbankStream(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

/** From the `count` samples of one clip to the most probable token of each of the `frames` frames
 *  that a model with logits per frame makes of them; the first of equals. A model on a CUDA device
 *  makes the features there, too. */
W2VBERT_API void best_path(const NativeFeatureExtractor& extractor, const NativeModel& model,
                           const float* samples, int64_t count, int32_t* path, int64_t frames);
/** The same for several clips in one pass; `frames` are those of all, one clip after another. */
W2VBERT_API void best_paths(const NativeFeatureExtractor& extractor, const NativeModel& model,
                            const NativeTensor* samples, const int64_t* offsets, int clips,
                            int32_t* paths, int64_t frames);

/** Checks and completes a `config.json`: every option with its value or default, other keys kept.
 *  Messages begin with `source`. */
W2VBERT_API std::string complete_config(const std::string& json, const std::string& source);

/** Bytes of stack that the calling thread has left. */
W2VBERT_API int64_t stack_left();

/** To be called when the process is about to end, and from then on computation is possible until it
 *  does: the process will not run the destructors of LibTorch's globals under calls that still
 *  compute. Again: no effect. */
W2VBERT_API void prepare_end();

/** Calls that compute use `per_call` threads each from now on, `total` all together. */
W2VBERT_API void set_threads(int total, int per_call);

/** The instruction set that the kernels use: `portable`, `avx2` or `avx512`. */
W2VBERT_API std::string simd_level();
/** The version of the LibTorch that is loaded, such as `2.10.0`. */
W2VBERT_API std::string libtorch_version();
/** Empty, or why LibTorch would not register our operators (they work here all the same). */
W2VBERT_API std::string registration_failure();

/** What the NVIDIA driver with the library `library` says: `{"version", "devices": [{"name",
 *  "computeCapability", "memoryBytes"}], "problem"}`. The version is that of CUDA, empty without a
 *  driver; the problem is one sentence, empty if CUDA can be used. */
W2VBERT_API std::string cuda_driver_json(const std::string& library);
/** Opens LibTorch's CUDA library and the CUDA plug-in, given by their paths. */
W2VBERT_API void open_cuda_plugin(const std::string& torch_cuda, const std::string& plugin);

}  // namespace jni
}  // namespace w2vbert
