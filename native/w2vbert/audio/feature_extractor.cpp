#include "w2vbert/audio/feature_extractor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "w2vbert/io/json.h"
#include "w2vbert/ops/cpu/fbank_plan.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/fbank_stretches.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

constexpr const char* kFile = "preprocessor_config.json";
constexpr const char* kType = "SeamlessM4TFeatureExtractor";

// Lengths and strides up to here can be added and multiplied without overflow.
constexpr int64_t kMaxLength = std::numeric_limits<int32_t>::max();

[[noreturn]] void refuse(const std::string& what, const std::string& expected) {
  throw std::invalid_argument(what + "; expected " + expected);
}

void require_range(const std::string& name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  refuse(name + " is " + std::to_string(value),
         std::to_string(low) + " to " + std::to_string(high));
}

// Calls `set` with the value of `key`, if there is one; it returns whether the value fits.
template <typename Set>
void read_key(const Json& config, const char* key, const char* expected, const Set& set) {
  const auto found = config.find(key);
  if (found == config.end() || set(*found)) return;
  refuse(std::string(kFile) + ": " + key + " is " + printable(*found), expected);
}

void read_integer(const Json& config, const char* key, int64_t& field) {
  read_key(config, key, "an integer of 64 bits", [&](const Json& value) {
    if (!value.is_number_integer()) return false;
    if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX}) return false;
    field = value.get<int64_t>();
    return true;
  });
}

int64_t round_up(int64_t length, std::optional<int64_t> multiple) {
  return multiple ? (length + *multiple - 1) / *multiple * *multiple : length;
}

// Where the frames of one clip go.
struct Placement {
  const float* samples;
  int64_t frames;           // of the clip
  int64_t kept;             // the first of them go to `out`, the others to `rest`
  float* out;               // [kept, num_mel_bins]
  std::vector<float> rest;  // [frames - kept, num_mel_bins]; only counts in the normalisation
};

// Mel bins that one work item normalises: a cache line of every frame.
constexpr int64_t kBinTile = 16;

// The bins first_bin .. first_bin + kBinTile - 1 of one clip, or fewer at the end.
struct Tile {
  const Placement& clip;
  int64_t bins;  // of a frame
  int64_t first_bin;
};

// sums[m] = sum of term(frame[m], m) over the frames begin .. end - 1 of `frames`, in float32 and
// in the order of NumPy's pairwise summation: halves of a multiple of 8 frames down to 128 frames,
// eight partial sums there. Another order gives other roundings, and normalisation can enlarge
// these 3000 times. `width` is a constant of a full tile, so that the loops over it become vectors.
template <typename Width, typename Frames, typename Term>
void sum_frames(Width width, const Frames& frame, int64_t begin, int64_t end, const Term& term,
                float* sums) {
  constexpr int64_t kBlock = 128, kPartial = 8;
  const int64_t count = end - begin;
  const auto add = [&](int64_t i, float* to) {
    const float* const x = frame(i);
    for (int64_t m = 0; m < width; ++m) to[m] += term(x[m], m);
  };
  if (count > kBlock) {
    const int64_t middle = begin + count / 2 / kPartial * kPartial;
    float right[kBinTile];
    sum_frames(width, frame, begin, middle, term, sums);
    sum_frames(width, frame, middle, end, term, right);
    for (int64_t m = 0; m < width; ++m) sums[m] += right[m];
    return;
  }
  const int64_t tail = end - count % kPartial;
  float part[kPartial][kBinTile] = {};
  for (int64_t i = begin; i < tail; i += kPartial) {
    for (int64_t j = 0; j < kPartial; ++j) add(i + j, part[j]);
  }
  for (int64_t m = 0; m < width; ++m) {
    sums[m] = ((part[0][m] + part[1][m]) + (part[2][m] + part[3][m])) +
              ((part[4][m] + part[5][m]) + (part[6][m] + part[7][m]));
  }
  for (int64_t i = tail; i < end; ++i) add(i, sums);
}

// x = (x - mean) / sqrt(variance + 1e-7), rounded to float32 where the reference rounds.
template <typename Width>
void normalize(Width width, const Tile& tile) {
  const Placement& clip = tile.clip;
  float* const kept = clip.out + tile.first_bin;
  const float* const rest = clip.rest.data() + tile.first_bin;
  const auto frame = [&](int64_t i) -> const float* {
    return i < clip.kept ? kept + i * tile.bins : rest + (i - clip.kept) * tile.bins;
  };
  float mean[kBinTile], deviation[kBinTile];
  sum_frames(
      width, frame, 0, clip.frames, [](float x, int64_t) { return x; }, mean);
  for (int64_t m = 0; m < width; ++m) mean[m] /= static_cast<float>(clip.frames);
  const auto square = [&](float x, int64_t m) { return (x - mean[m]) * (x - mean[m]); };
  sum_frames(width, frame, 0, clip.frames, square, deviation);
  for (int64_t m = 0; m < width; ++m) {
    deviation[m] = std::sqrt(deviation[m] / static_cast<float>(clip.frames - 1) + 1e-7f);
  }
  // Copies whose addresses nobody has, so that they can stay in registers.
  float centre[kBinTile], scale[kBinTile];
  std::copy(mean, mean + width, centre);
  std::copy(deviation, deviation + width, scale);
  for (int64_t i = 0; i < clip.kept; ++i) {
    float* const x = kept + i * tile.bins;
    for (int64_t m = 0; m < width; ++m) x[m] = (x[m] - centre[m]) / scale[m];
  }
}

void normalize(const Tile& tile) {
  const int64_t width = std::min(kBinTile, tile.bins - tile.first_bin);
  if (width == kBinTile) {
    normalize(std::integral_constant<int64_t, kBinTile>(), tile);
  } else {
    normalize(width, tile);
  }
}

// The frames of all clips, normalised if wanted.
void compute(const FeatureExtractorOptions& options, bool do_normalize,
             std::vector<Placement>& clips) {
  const int64_t bins = options.num_mel_bins;
  std::vector<ops::FbankStretch> stretches;
  for (Placement& clip : clips) {
    const int64_t left_over = clip.frames - clip.kept;
    clip.rest.resize(static_cast<size_t>(left_over * bins));
    stretches.push_back({clip.samples, clip.kept, clip.out});
    stretches.push_back(
        {clip.samples + clip.kept * cpu::kFbankHopSamples, left_over, clip.rest.data()});
  }
  ops::fbank_stretches(*cpu::FbankPlan::get(bins, options.sampling_rate), stretches);
  if (!do_normalize) return;
  const int64_t tiles = (bins + kBinTile - 1) / kBinTile;
  parallel_for(static_cast<int64_t>(clips.size()) * tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      normalize({clips[static_cast<size_t>(item / tiles)], bins, item % tiles * kBinTile});
    }
  });
}

// The number of frames of every clip.
std::vector<int64_t> count_frames(const FeatureExtractorOptions& options,
                                  const std::vector<Clip>& clips,
                                  std::optional<int64_t> sampling_rate) {
  if (sampling_rate && *sampling_rate != options.sampling_rate) {
    refuse("the clips have a sampling rate of " + std::to_string(*sampling_rate) + " Hz",
           std::to_string(options.sampling_rate) + " Hz, the rate of this feature extractor");
  }
  if (clips.empty()) refuse("there are 0 clips", "at least one");
  std::vector<int64_t> frames;
  for (size_t i = 0; i < clips.size(); ++i) {
    frames.push_back(cpu::fbank_frames(clips[i].count));
    if (frames.back() < 0) {
      refuse("clip " + std::to_string(i) + " has " + std::to_string(clips[i].count) + " samples",
             "at least " + std::to_string(cpu::kFbankFrameSamples) + ", the length of a frame");
    }
  }
  return frames;
}

// The number of frames of every clip after truncation.
std::vector<int64_t> truncate(std::vector<int64_t> frames, const BatchOptions& options) {
  if (!options.truncation) return frames;
  const int64_t limit = round_up(*options.max_length, options.pad_to_multiple_of);
  for (int64_t& count : frames) count = std::min(count, limit);
  return frames;
}

// The common number of frames after padding.
int64_t padded_length(const std::vector<int64_t>& kept, const BatchOptions& options,
                      int64_t feature_size) {
  int64_t target = 0;
  if (options.padding == Padding::kLongest) target = *std::max_element(kept.begin(), kept.end());
  if (options.padding == Padding::kMaxLength) target = *options.max_length;
  if (options.padding != Padding::kDoNotPad) target = round_up(target, options.pad_to_multiple_of);
  // Nothing is cut here: without truncation a clip may be longer than max_length.
  const int64_t length = std::max(kept[0], target);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (std::max(kept[i], target) != length) {
      refuse("clip " + std::to_string(i) + " has " + std::to_string(std::max(kept[i], target)) +
                 " frames after padding",
             std::to_string(length) + " as in clip 0, or padding 'longest', or truncation");
    }
    if (feature_size == 1 && kept[i] < target) {
      refuse("feature_size is 1 and clip " + std::to_string(i) + " needs padding",
             "a feature_size of more than 1");
    }
  }
  return length;
}

// About 90 minutes of audio with the default options; a wrong max_length is likelier.
constexpr int64_t kMostValues = int64_t{1} << 29;

void check_size(int64_t rows, int64_t dim) {
  int64_t count = 0;
  if (__builtin_mul_overflow(rows, dim, &count) || count > kMostValues) {
    refuse(
        "the features have " + std::to_string(rows) + " rows of " + std::to_string(dim) + " values",
        "at most " + std::to_string(kMostValues) + " values, 2 GiB, in one call");
  }
}

}  // namespace

Padding parse_padding(const std::string& name) {
  if (name == "longest") return Padding::kLongest;
  if (name == "max_length") return Padding::kMaxLength;
  if (name == "do_not_pad") return Padding::kDoNotPad;
  refuse("padding is '" + name + "'", "'longest', 'max_length' or 'do_not_pad'");
}

FeatureExtractorOptions FeatureExtractorOptions::from_json(const std::string& text) {
  const Json config = parse_json(text, kFile);
  if (!config.is_object()) refuse(std::string(kFile) + " holds " + printable(config), "an object");
  read_key(config, "feature_extractor_type", kType,
           [](const Json& value) { return value == kType; });
  FeatureExtractorOptions options;
  read_integer(config, "sampling_rate", options.sampling_rate);
  read_integer(config, "num_mel_bins", options.num_mel_bins);
  read_integer(config, "feature_size", options.feature_size);
  read_integer(config, "stride", options.stride);
  read_key(config, "padding_side", "\"right\" or \"left\"", [&](const Json& value) {
    options.padding_side = value == "left" ? PaddingSide::kLeft : PaddingSide::kRight;
    return value == "left" || value == "right";
  });
  read_key(config, "padding_value", "a number or null", [&](const Json& value) {
    options.padding_value.reset();
    if (value.is_number()) options.padding_value = value.get<double>();
    return value.is_number() || value.is_null();
  });
  read_key(config, "return_attention_mask", "true or false", [&](const Json& value) {
    if (value.is_boolean()) options.return_attention_mask = value.get<bool>();
    return value.is_boolean();
  });
  options.source = text;
  return options;
}

std::string FeatureExtractorOptions::to_json() const {
  const Json read = parse_json(source, kFile);
  std::map<std::string, Json> config;  // sorted
  for (const auto& [key, value] : read.items()) config[key] = value;
  // An equal value keeps its spelling: 1 and 1.0 are equal.
  const auto set = [&](const char* key, const Json& value) {
    if (const auto [entry, added] = config.emplace(key, value); !added && entry->second != value) {
      entry->second = value;
    }
  };
  set("feature_extractor_type", kType);
  set("sampling_rate", sampling_rate);
  set("num_mel_bins", num_mel_bins);
  set("feature_size", feature_size);
  set("stride", stride);
  set("padding_side", padding_side == PaddingSide::kLeft ? "left" : "right");
  set("padding_value", padding_value ? Json(*padding_value) : Json());
  set("return_attention_mask", return_attention_mask);
  return Json(config).dump(2) + "\n";
}

FeatureExtractor::FeatureExtractor(FeatureExtractorOptions options) : options_(std::move(options)) {
  require_range("sampling_rate", options_.sampling_rate, 1, kMaxLength);
  cpu::FbankPlan::get(options_.num_mel_bins, options_.sampling_rate);  // refuses impossible ones
  require_range("stride", options_.stride, 1, kMaxLength);
}

FeatureBatch FeatureExtractor::extract(const std::vector<Clip>& clips,
                                       const BatchOptions& options) const {
  const std::vector<int64_t> frames = count_frames(options_, clips, options.sampling_rate);
  if (options.max_length) require_range("max_length", *options.max_length, 0, kMaxLength);
  if (options.pad_to_multiple_of) {
    require_range("pad_to_multiple_of", *options.pad_to_multiple_of, 1, kMaxLength);
  }
  if (options.truncation && !options.max_length) {
    refuse("truncation is true and max_length is not given", "a max_length in frames");
  }
  if (options.padding == Padding::kMaxLength && !options.max_length) {
    refuse("padding is 'max_length' and max_length is not given", "a max_length in frames");
  }
  if (options.padding != Padding::kDoNotPad && !options_.padding_value) {
    refuse("padding_value is null", "a number, or padding 'do_not_pad'");
  }
  const std::vector<int64_t> kept = truncate(frames, options);
  const int64_t length = padded_length(kept, options, options_.feature_size);

  const int64_t bins = options_.num_mel_bins;
  FeatureBatch result;
  result.batch = static_cast<int64_t>(clips.size());
  result.time = length / options_.stride;
  result.dim = bins * options_.stride;
  check_size(result.batch * result.time, result.dim);
  result.features = Tensor::empty({result.batch, result.time, result.dim}, DType::kFloat32);
  result.has_mask = options.return_attention_mask.value_or(options_.return_attention_mask);
  result.mask_time = result.has_mask && options_.stride > 1 ? result.time : 0;

  const int64_t used = result.time * options_.stride;  // frames of each clip in the result
  const auto padding = static_cast<float>(options_.padding_value.value_or(0.0));
  float* const features = result.features.data<float>();
  std::vector<Placement> placements;
  for (size_t i = 0; i < clips.size(); ++i) {
    const bool left = options_.padding_side == PaddingSide::kLeft;
    const int64_t begin = left ? std::min(length - kept[i], used) : 0;
    const int64_t end = std::min(begin + kept[i], used);
    float* const rows = features + static_cast<int64_t>(i) * used * bins;
    std::fill(rows, rows + begin * bins, padding);
    std::fill(rows + end * bins, rows + used * bins, padding);
    placements.push_back({clips[i].samples, frames[i], end - begin, rows + begin * bins, {}});
    for (int64_t t = 0; t < result.mask_time; ++t) {
      const int64_t frame = t * options_.stride + 1;
      result.mask.push_back(begin <= frame && frame < end);
    }
  }
  compute(options_, options.do_normalize_per_mel_bins, placements);
  return result;
}

PackedFeatures FeatureExtractor::extract_packed(const std::vector<Clip>& clips,
                                                std::optional<int64_t> sampling_rate,
                                                bool do_normalize_per_mel_bins) const {
  const std::vector<int64_t> frames = count_frames(options_, clips, sampling_rate);
  PackedFeatures result;
  result.dim = options_.num_mel_bins * options_.stride;
  result.offsets = {0};
  for (const int64_t count : frames) {
    result.offsets.push_back(result.offsets.back() + count / options_.stride);
  }
  check_size(result.offsets.back(), result.dim);
  result.features = Tensor::empty({result.offsets.back(), result.dim}, DType::kFloat32);
  float* const features = result.features.data<float>();
  std::vector<Placement> placements;
  for (size_t i = 0; i < clips.size(); ++i) {
    const int64_t kept = frames[i] / options_.stride * options_.stride;
    float* const rows = features + result.offsets[i] * result.dim;
    placements.push_back({clips[i].samples, frames[i], kept, rows, {}});
  }
  compute(options_, do_normalize_per_mel_bins, placements);
  return result;
}

PackedFeatures FeatureExtractor::extract_packed(const Tensor& samples,
                                                const std::vector<int64_t>& counts,
                                                DType dtype) const {
  std::vector<Clip> clips;
  for (const int64_t count : counts) clips.push_back({nullptr, count});
  const std::vector<int64_t> frames = count_frames(options_, clips, {});
  PackedFeatures result;
  result.dim = options_.num_mel_bins * options_.stride;
  result.offsets = {0};
  ops::cuda_operators::FbankClips table{Tensor(), 0, 0, 0};
  std::vector<int64_t> fields;
  int64_t first_sample = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t kept = frames[i] / options_.stride * options_.stride;
    fields.insert(fields.end(), {first_sample, frames[i], table.frames, table.rows, 0, kept, 0});
    table.frames += frames[i];
    table.longest = std::max(table.longest, frames[i]);
    table.rows += kept;
    first_sample += counts[i];
    result.offsets.push_back(result.offsets.back() + kept / options_.stride);
  }
  check_size(result.offsets.back(), result.dim);
  table.table = aten::reshape(Tensor::of(fields), {static_cast<int64_t>(counts.size()), -1});
  const Tensor rows = ops::cuda_operators::fbank_features(samples, table, options_.num_mel_bins,
                                                          options_.sampling_rate, dtype);
  result.features = aten::reshape(rows, {result.offsets.back(), result.dim});
  return result;
}

Tensor FeatureExtractor::extract_recorded(const Tensor& samples, const Tensor& clip, int64_t rows,
                                          DType dtype) const {
  const int64_t frames = (rows + 1) * options_.stride - 1;
  const Tensor features = ops::cuda_operators::fbank_features(
      samples, {aten::reshape(clip, {1, -1}), frames, frames, rows * options_.stride},
      options_.num_mel_bins, options_.sampling_rate, dtype);
  return aten::reshape(features, {rows, options_.num_mel_bins * options_.stride});
}

int64_t FeatureExtractor::most_samples(int64_t rows) const {
  // One less than what gives a further row.
  return cpu::kFbankFrameSamples + ((rows + 1) * options_.stride - 1) * cpu::kFbankHopSamples - 1;
}

int64_t FeatureExtractor::rows(int64_t count) const {
  return count_frames(options_, {{nullptr, count}}, {}).front() / options_.stride;
}

std::array<int64_t, 7> FeatureExtractor::clip_fields(int64_t count, int64_t rows) const {
  const int64_t frames = count_frames(options_, {{nullptr, count}}, {}).front();
  const int64_t kept = frames / options_.stride * options_.stride;
  return {0, frames, 0, 0, 0, kept, rows * options_.stride - kept};
}

}  // namespace w2vbert
