// Input features of Wav2Vec2-BERT, as SeamlessM4TFeatureExtractor computes them: log-mel frames
// (ops/cpu/fbank_kernel.h), normalised per mel bin over the frames of the clip, cut or padded to a
// common number of frames, `stride` neighbouring frames joined into one row.
//
// Lengths in frames count mel frames (10 ms at 16 kHz), `time` counts rows of the result.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

enum class PaddingSide { kRight, kLeft };

// Up to which length shorter clips are filled with padding_value.
enum class Padding { kLongest, kMaxLength, kDoNotPad };

// "longest", "max_length" or "do_not_pad". Throws std::invalid_argument on another word.
Padding parse_padding(const std::string& name);

// preprocessor_config.json, with the reference's defaults.
struct FeatureExtractorOptions {
  int64_t sampling_rate = 16000;  // Hz; frames are 400 samples every 160 at any rate
  int64_t num_mel_bins = 80;
  int64_t feature_size = 80;  // means nothing, but with 1 the reference cannot pad
  int64_t stride = 2;
  PaddingSide padding_side = PaddingSide::kRight;
  std::optional<double> padding_value = 0.0;
  bool return_attention_mask = true;

  // The JSON object that the fields were read from. to_json() keeps its other keys.
  std::string source = "{}";

  // Throws std::invalid_argument if `text` is not a JSON object, is for another kind of feature
  // extractor, or holds a value that does not fit its field.
  static FeatureExtractorOptions from_json(const std::string& text);

  // In the reference's layout: sorted keys, two blanks of indentation, a line feed at the end.
  std::string to_json() const;
};

// How one batch is made.
struct BatchOptions {
  Padding padding = Padding::kLongest;
  bool truncation = false;                        // cut longer clips to max_length
  std::optional<int64_t> max_length;              // in frames; rounded up to pad_to_multiple_of
  std::optional<int64_t> pad_to_multiple_of = 2;  // in frames
  std::optional<bool> return_attention_mask;      // default: the extractor's option
  bool do_normalize_per_mel_bins = true;
  std::optional<int64_t> sampling_rate;  // of the clips; refused if it is not the extractor's
};

// Samples of one channel, about -1 to 1.
struct Clip {
  const float* samples;
  int64_t count;
};

struct FeatureBatch {
  int64_t batch = 0;
  int64_t time = 0;
  int64_t dim = 0;  // num_mel_bins * stride
  Tensor features;  // float32 [batch, time, dim]
  bool has_mask = false;
  int64_t mask_time = 0;      // time, but 0 with stride 1, as in the reference
  std::vector<int32_t> mask;  // [batch, mask_time]; 1 where the second frame of the row is real
};

// Clips one after another, without padding.
struct PackedFeatures {
  int64_t dim = 0;  // num_mel_bins * stride
  Tensor features;  // float32 [offsets.back(), dim]
  std::vector<int64_t>
      offsets;  // [clips + 1]; clip i owns the rows offsets[i] to offsets[i + 1] - 1

  // The rows of each clip.
  std::vector<int64_t> lengths() const {
    std::vector<int64_t> lengths;
    for (size_t i = 0; i + 1 < offsets.size(); ++i) lengths.push_back(offsets[i + 1] - offsets[i]);
    return lengths;
  }
};

// Immutable; threads may share it. A clip with a sample that is not finite becomes NaN as a whole,
// and so does a clip of one frame (400 to 559 samples): it has no unbiased variance. Without
// normalisation, the former only makes its own frames NaN.
class FeatureExtractor {
 public:
  // Throws std::invalid_argument if an option is out of range.
  explicit FeatureExtractor(FeatureExtractorOptions options);

  const FeatureExtractorOptions& options() const { return options_; }

  // Throws std::invalid_argument if there is no clip, a clip has fewer than 240 samples (240 to 399
  // give no frame, as in the reference), or the options contradict each other or the clips.
  FeatureBatch extract(const std::vector<Clip>& clips, const BatchOptions& options = {}) const;

  // floor(frames / stride) rows of each clip: the leading rows of extract() for the clip alone.
  // Frames left over at the end count in the normalisation and are dropped. Throws like extract().
  PackedFeatures extract_packed(const std::vector<Clip>& clips,
                                std::optional<int64_t> sampling_rate = {},
                                bool do_normalize_per_mel_bins = true) const;

  // The same on a CUDA device: float32, float16 or bfloat16 features of clips of `counts` samples,
  // which lie one after another in `samples`, float32 or int16, there.
  PackedFeatures extract_packed(const Tensor& samples, const std::vector<int64_t>& counts,
                                DType dtype) const;

  // The same of one clip, for a captured graph: [rows, dim], zeros behind the clip's own rows.
  // `samples` has room for most_samples(rows) of them, float32; `clip` holds clip_fields(). Both
  // are read when the graph runs.
  Tensor extract_recorded(const Tensor& samples, const Tensor& clip, int64_t rows,
                          DType dtype) const;
  // The most samples of a clip of `rows` rows.
  int64_t most_samples(int64_t rows) const;
  // The rows of a clip of `count` samples. Throws like extract().
  int64_t rows(int64_t count) const;
  // What says to extract_recorded that there are `count` samples: of no more than `rows` rows.
  std::array<int64_t, 7> clip_fields(int64_t count, int64_t rows) const;

 private:
  FeatureExtractorOptions options_;
};

}  // namespace w2vbert
