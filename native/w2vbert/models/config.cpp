#include "w2vbert/models/config.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "w2vbert/io/json.h"

namespace w2vbert {
namespace {

constexpr char kModelType[] = "wav2vec2-bert";
constexpr int64_t kMaxSize = INT32_MAX;    // products of two sizes stay below 2^62
constexpr int64_t kMaxLayers = 10'000;     // bounds the loops over layers
constexpr int64_t kMaxLabels = 1'000'000;  // bounds the names made up for "num_labels"

template <typename T>
struct Name {
  const char* name;
  T value;
};

// The first name of a value is the one written.
constexpr Name<Activation> kActivations[] = {
    {"gelu", Activation::kGelu},
    {"gelu_python", Activation::kGelu},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_accurate", Activation::kGeluTanh},
    {"quick_gelu", Activation::kQuickGelu},
    {"relu", Activation::kRelu},
    {"selu", Activation::kSelu},
    {"swish", Activation::kSilu},
    {"silu", Activation::kSilu},
    {"mish", Activation::kMish},
    {"tanh", Activation::kTanh},
    {"sigmoid", Activation::kSigmoid},
};
constexpr Name<PositionEmbeddings> kPositionEmbeddings[] = {
    {"rotary", PositionEmbeddings::kRotary},
    {"relative", PositionEmbeddings::kRelative},
    {"relative_key", PositionEmbeddings::kRelativeKey},
};
constexpr Name<CtcLossReduction> kCtcLossReductions[] = {
    {"sum", CtcLossReduction::kSum},
    {"mean", CtcLossReduction::kMean},
    {"none", CtcLossReduction::kNone},
};

[[noreturn]] void refuse(const std::string& key, const Json& value, const std::string& expected) {
  throw std::invalid_argument(key + " is " + printable(value) + "; expected " + expected);
}

template <typename T, size_t n>
T value_of(const std::string& key, const Json& json, const Name<T> (&names)[n],
           const char* or_else = "") {
  std::string expected = "one of";
  for (const auto& row : names) {
    if (json.is_string() && json.get_ref<const std::string&>() == row.name) {
      return row.value;
    }
    expected += std::string(" \"") + row.name + "\"";
  }
  refuse(key, json, expected + or_else);
}

template <typename T, size_t n>
Json name_of(T value, const Name<T> (&names)[n]) {
  for (const auto& row : names) {
    if (value == row.value) {
      return row.name;
    }
  }
  return nullptr;  // PositionEmbeddings::kNone
}

// One pair of functions per type of option: from and to JSON.

void read(const std::string& key, const Json& json, int64_t& value) {
  const bool fits =
      json.is_number_integer() && (!json.is_number_unsigned() || json.get<uint64_t>() <= INT64_MAX);
  if (!fits) {
    refuse(key, json, "an integer");
  }
  value = json.get<int64_t>();
}
Json write(int64_t value) { return value; }

void read(const std::string& key, const Json& json, double& value) {
  if (!json.is_number()) {
    refuse(key, json, "a number");
  }
  value = json.get<double>();
}
Json write(double value) { return value; }

void read(const std::string& key, const Json& json, bool& value) {
  if (!json.is_boolean()) {
    refuse(key, json, "true or false");
  }
  value = json.get<bool>();
}
Json write(bool value) { return value; }

void read(const std::string& key, const Json& json, std::string& value) {
  if (!json.is_string()) {
    refuse(key, json, "a text");
  }
  value = json.get<std::string>();
}
Json write(const std::string& value) { return value; }

void read(const std::string& key, const Json& json, Activation& value) {
  value = value_of(key, json, kActivations);
}
Json write(Activation value) { return name_of(value, kActivations); }

void read(const std::string& key, const Json& json, PositionEmbeddings& value) {
  value = json.is_null() ? PositionEmbeddings::kNone
                         : value_of(key, json, kPositionEmbeddings, ", or null");
}
Json write(PositionEmbeddings value) { return name_of(value, kPositionEmbeddings); }

void read(const std::string& key, const Json& json, CtcLossReduction& value) {
  value = value_of(key, json, kCtcLossReductions);
}
Json write(CtcLossReduction value) { return name_of(value, kCtcLossReductions); }

template <typename T>
void read(const std::string& key, const Json& json, std::optional<T>& value) {
  value.reset();
  if (!json.is_null()) {
    read(key, json, value.emplace());
  }
}
template <typename T>
Json write(const std::optional<T>& value) {
  return value ? write(*value) : Json();
}

template <typename T>
void read(const std::string& key, const Json& json, std::vector<T>& value) {
  if (!json.is_array()) {
    refuse(key, json, "a list");
  }
  value.clear();
  for (const Json& element : json) {
    const std::string element_key = key + "[" + std::to_string(value.size()) + "]";
    read(element_key, element, value.emplace_back());
  }
}
template <typename T>
Json write(const std::vector<T>& value) {
  return value;
}

void read(const std::string& key, const Json& json, std::map<int64_t, std::string>& value) {
  if (!json.is_object()) {
    refuse(key, json, "an object from ids to labels");
  }
  value.clear();
  for (const auto& [id_text, label] : json.items()) {
    int64_t id = 0;
    const char* end = id_text.data() + id_text.size();
    const auto parsed = std::from_chars(id_text.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end || id < 0 ||
        !value.emplace(id, std::string()).second) {
      refuse(key + " key", id_text, "every id once, from 0 on");
    }
    read(key + "[" + id_text + "]", label, value[id]);
  }
}
Json write(const std::map<int64_t, std::string>& value) {
  Json json = Json::object();
  for (const auto& [id, label] : value) {
    json[std::to_string(id)] = label;
  }
  return json;
}

void read(const std::string& key, const Json& json, std::map<std::string, int64_t>& value) {
  if (!json.is_object()) {
    refuse(key, json, "an object from labels to ids");
  }
  value.clear();
  for (const auto& [label, id] : json.items()) {
    read(key + "[" + printable(label) + "]", id, value[label]);
  }
}
Json write(const std::map<std::string, int64_t>& value) {
  Json json = Json::object();
  for (const auto& [label, id] : value) {
    json[label] = id;
  }
  return json;
}

// Calls visit(name, field) for every option that is always in the file, in the order of the
// reference: that of the alphabet. All but output_hidden_size, whose default is another option.
template <typename C, typename Visit>
void visit_options(C& c, Visit visit) {
  visit("activation_dropout", c.activation_dropout);
  visit("adapter_act", c.adapter_act);
  visit("adapter_kernel_size", c.adapter_kernel_size);
  visit("adapter_stride", c.adapter_stride);
  visit("add_adapter", c.add_adapter);
  visit("apply_spec_augment", c.apply_spec_augment);
  visit("attention_dropout", c.attention_dropout);
  visit("bos_token_id", c.bos_token_id);
  visit("classifier_proj_size", c.classifier_proj_size);
  visit("conformer_conv_dropout", c.conformer_conv_dropout);
  visit("conv_depthwise_kernel_size", c.conv_depthwise_kernel_size);
  visit("ctc_loss_reduction", c.ctc_loss_reduction);
  visit("ctc_zero_infinity", c.ctc_zero_infinity);
  visit("eos_token_id", c.eos_token_id);
  visit("feat_proj_dropout", c.feat_proj_dropout);
  visit("feature_projection_input_dim", c.feature_projection_input_dim);
  visit("final_dropout", c.final_dropout);
  visit("hidden_act", c.hidden_act);
  visit("hidden_dropout", c.hidden_dropout);
  visit("hidden_size", c.hidden_size);
  visit("initializer_range", c.initializer_range);
  visit("intermediate_size", c.intermediate_size);
  visit("layer_norm_eps", c.layer_norm_eps);
  visit("layerdrop", c.layerdrop);
  visit("left_max_position_embeddings", c.left_max_position_embeddings);
  visit("mask_feature_length", c.mask_feature_length);
  visit("mask_feature_min_masks", c.mask_feature_min_masks);
  visit("mask_feature_prob", c.mask_feature_prob);
  visit("mask_time_length", c.mask_time_length);
  visit("mask_time_min_masks", c.mask_time_min_masks);
  visit("mask_time_prob", c.mask_time_prob);
  visit("max_source_positions", c.max_source_positions);
  visit("num_adapter_layers", c.num_adapter_layers);
  visit("num_attention_heads", c.num_attention_heads);
  visit("num_hidden_layers", c.num_hidden_layers);
  visit("pad_token_id", c.pad_token_id);
  visit("position_embeddings_type", c.position_embeddings_type);
  visit("right_max_position_embeddings", c.right_max_position_embeddings);
  visit("rotary_embedding_base", c.rotary_embedding_base);
  visit("tdnn_dilation", c.tdnn_dilation);
  visit("tdnn_dim", c.tdnn_dim);
  visit("tdnn_kernel", c.tdnn_kernel);
  visit("use_intermediate_ffn_before_adapter", c.use_intermediate_ffn_before_adapter);
  visit("use_weighted_layer_sum", c.use_weighted_layer_sum);
  visit("vocab_size", c.vocab_size);
  visit("xvector_output_dim", c.xvector_output_dim);
}

bool given(const Json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && !found->is_null();
}

// The reference counts id2label if it is there, and makes up names for num_labels otherwise.
void read_labels(const Json& document, Config& config) {
  if (given(document, "id2label")) {
    read("id2label", document["id2label"], config.id2label);
  } else if (given(document, "num_labels")) {
    int64_t count = 0;
    read("num_labels", document["num_labels"], count);
    if (count < 0 || count > kMaxLabels) {
      refuse("num_labels", count, "an integer from 0 to " + std::to_string(kMaxLabels));
    }
    config.id2label.clear();
    for (int64_t id = 0; id < count; ++id) {
      config.id2label[id] = "LABEL_" + std::to_string(id);
    }
  }
  if (given(document, "label2id")) {
    read("label2id", document["label2id"], config.label2id);
  } else {
    config.label2id.clear();
    for (const auto& [id, label] : config.id2label) {
      config.label2id.emplace(label, id);
    }
  }
}

// Everything but the checks between options.
Config read_document(const Json& document) {
  if (!document.is_object()) {
    throw std::invalid_argument("expected a JSON object, found " + printable(document));
  }
  const auto model_type = document.find("model_type");
  if (model_type == document.end()) {
    throw std::invalid_argument("has no \"model_type\"; expected \"" + std::string(kModelType) +
                                "\"");
  }
  if (*model_type != kModelType) {
    refuse("model_type", *model_type, "\"" + std::string(kModelType) + "\"");
  }
  Config config;
  visit_options(config, [&document](const char* key, auto& value) {
    if (const auto found = document.find(key); found != document.end()) {
      read(key, *found, value);
    }
  });
  config.output_hidden_size = config.hidden_size;
  if (given(document, "output_hidden_size")) {
    read("output_hidden_size", document["output_hidden_size"], config.output_hidden_size);
  }
  read_labels(document, config);
  if (given(document, "architectures")) {
    read("architectures", document["architectures"], config.architectures);
  }
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (given(document, key)) {
      read(key, document[key], config.torch_dtype);
    }
  }
  return config;
}

void check_integer(const char* key, int64_t value, int64_t least, int64_t most = kMaxSize) {
  if (value < least || value > most) {
    refuse(key, value, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
}

void check_probability(const char* key, double value) {
  if (!(value >= 0.0 && value <= 1.0)) {
    refuse(key, value, "a number from 0 to 1");
  }
}

void check_finite(const char* key, double value) {
  if (!(value >= 0.0 && std::isfinite(value))) {
    refuse(key, value, "a finite number from 0 on");
  }
}

void check_list(const char* key, const std::vector<int64_t>& list, size_t length) {
  if (list.empty() || list.size() != length) {
    refuse(key, list,
           "as many entries as tdnn_dim, which has " + std::to_string(length) + ", at least 1");
  }
  for (const int64_t value : list) {
    check_integer(key, value, 1);
  }
}

void check_divisible(const char* key, int64_t value, int64_t heads) {
  if (value % heads != 0) {
    refuse(key, value, "a multiple of num_attention_heads, which is " + std::to_string(heads));
  }
}

}  // namespace

void Config::check() const {
  check_integer("hidden_size", hidden_size, 1);
  check_integer("num_hidden_layers", num_hidden_layers, 1, kMaxLayers);
  check_integer("num_attention_heads", num_attention_heads, 1);
  check_divisible("hidden_size", hidden_size, num_attention_heads);
  check_integer("intermediate_size", intermediate_size, 1);
  check_integer("feature_projection_input_dim", feature_projection_input_dim, 1);
  check_finite("layer_norm_eps", layer_norm_eps);
  check_integer("conv_depthwise_kernel_size", conv_depthwise_kernel_size, 1);
  if (conv_depthwise_kernel_size % 2 == 0) {
    refuse("conv_depthwise_kernel_size", conv_depthwise_kernel_size, "an odd number");
  }
  check_integer("rotary_embedding_base", rotary_embedding_base, 1);
  check_integer("max_source_positions", max_source_positions, 1);
  check_integer("left_max_position_embeddings", left_max_position_embeddings, 0);
  check_integer("right_max_position_embeddings", right_max_position_embeddings, 0);
  if (position_embeddings_type == PositionEmbeddings::kRotary && head_size() % 2 != 0) {
    refuse("hidden_size", hidden_size,
           "an even number per head for rotary positions, found " + std::to_string(head_size()) +
               " for each of " + std::to_string(num_attention_heads) + " heads");
  }
  if (position_embeddings_type == PositionEmbeddings::kRelative && hidden_size % 2 != 0) {
    refuse("hidden_size", hidden_size, "an even number for relative positions");
  }

  check_integer("adapter_kernel_size", adapter_kernel_size, 1);
  check_integer("adapter_stride", adapter_stride, 1);
  check_integer("num_adapter_layers", num_adapter_layers, add_adapter ? 1 : 0, kMaxLayers);
  check_integer("output_hidden_size", output_hidden_size, 1);
  if (add_adapter) {
    check_divisible("output_hidden_size", output_hidden_size, num_attention_heads);
  } else if (use_intermediate_ffn_before_adapter) {
    refuse("use_intermediate_ffn_before_adapter", true, "false, since add_adapter is false");
  }

  if (vocab_size) {
    check_integer("vocab_size", *vocab_size, 1);
  }
  check_integer("classifier_proj_size", classifier_proj_size, 1);
  check_list("tdnn_dim", tdnn_dim, tdnn_dim.size());
  check_list("tdnn_kernel", tdnn_kernel, tdnn_dim.size());
  check_list("tdnn_dilation", tdnn_dilation, tdnn_dim.size());
  for (size_t i = 0, context = 0; i < tdnn_dim.size(); ++i) {
    // Of two numbers below 2^31: their product fits, and the sum is refused long before it does
    // not.
    context += static_cast<size_t>((tdnn_kernel[i] - 1) * tdnn_dilation[i]);
    if (context > static_cast<size_t>(kMaxSize)) {
      refuse("tdnn_dilation", tdnn_dilation,
             "kernels that reach over at most " + std::to_string(kMaxSize) + " frames");
    }
  }
  check_integer("xvector_output_dim", xvector_output_dim, 1);

  check_probability("hidden_dropout", hidden_dropout);
  check_probability("activation_dropout", activation_dropout);
  check_probability("attention_dropout", attention_dropout);
  check_probability("feat_proj_dropout", feat_proj_dropout);
  check_probability("final_dropout", final_dropout);
  check_probability("conformer_conv_dropout", conformer_conv_dropout);
  check_probability("layerdrop", layerdrop);
  check_finite("initializer_range", initializer_range);
  check_probability("mask_time_prob", mask_time_prob);
  check_integer("mask_time_length", mask_time_length, 1);
  check_integer("mask_time_min_masks", mask_time_min_masks, 0);
  check_probability("mask_feature_prob", mask_feature_prob);
  check_integer("mask_feature_length", mask_feature_length, 1);
  check_integer("mask_feature_min_masks", mask_feature_min_masks, 0);
}

std::string Config::to_json() const {
  Json json = parse_json(document, "Config::document");
  const bool fresh = json.empty();
  const auto put = [&json](const char* key, const Json& value) { json[key] = value; };

  // What `document` alone would give: a field that still has this value need not be written again,
  // so that "silu", a null output_hidden_size and the like stay as they were.
  if (fresh) {
    put("model_type", kModelType);
  }
  const Config before = read_document(json);
  std::vector<Json> values;
  visit_options(before,
                [&values](const char*, const auto& value) { values.push_back(write(value)); });
  size_t i = 0;
  visit_options(*this, [&](const char* key, const auto& value) {
    const Json now = write(value);
    if (now != values[i++] || !json.contains(key)) {
      put(key, now);
    }
  });
  if (!json.contains("output_hidden_size") ||
      output_hidden_size !=
          (given(json, "output_hidden_size") ? before.output_hidden_size : hidden_size)) {
    put("output_hidden_size", output_hidden_size);
  }
  // num_labels alone is spelt out, as the reference does.
  const bool counted = given(json, "num_labels") && !given(json, "id2label");
  if (id2label != before.id2label || label2id != before.label2id || counted) {
    put("id2label", write(id2label));
    put("label2id", write(label2id));
  }
  if (architectures != before.architectures) {
    put("architectures", architectures);
  }
  if (torch_dtype != before.torch_dtype) {
    const bool newer = json.contains("dtype");
    if (newer) {
      put("dtype", write(torch_dtype));
    }
    if (!newer || json.contains("torch_dtype")) {
      put("torch_dtype", write(torch_dtype));
    }
  }
  if (fresh) {  // in the order of the reference
    json = Json(nlohmann::json(json));
  }
  return json.dump(2) + "\n";
}

int64_t Config::adapter_layer_output_length(int64_t time) const {
  if (time < 0) {
    throw std::invalid_argument("time is " + std::to_string(time) + "; expected at least 0");
  }
  // time + 2 * (kernel / 2) - kernel, which is -1 for no time and an odd kernel: no frame
  const int64_t room = time - adapter_kernel_size % 2;
  return room < 0 ? 0 : room / adapter_stride + 1;
}

int64_t Config::adapter_output_length(int64_t time) const {
  for (int64_t layer = 0; add_adapter && layer < num_adapter_layers; ++layer) {
    time = adapter_layer_output_length(time);
  }
  return time;
}

int64_t Config::conv_layer_output_length(int64_t time) const {
  const int64_t room = time + 2 * (adapter_stride / 2) - adapter_kernel_size;
  return time <= 0 || room < 0 ? 0 : room / adapter_stride + 1;
}

int64_t Config::conv_output_length(int64_t time) const {
  for (int64_t layer = 0; add_adapter && layer < num_adapter_layers; ++layer) {
    time = conv_layer_output_length(time);
  }
  return time;
}

int64_t Config::inputs_to_logits_ratio(int64_t hop, int64_t feature_stride) const {
  int64_t ratio = hop;
  bool fits =
      hop > 0 && feature_stride > 0 && !__builtin_mul_overflow(ratio, feature_stride, &ratio);
  for (int64_t layer = 0; add_adapter && fits && layer < num_adapter_layers; ++layer) {
    fits = !__builtin_mul_overflow(ratio, adapter_stride, &ratio);
  }
  if (!fits) {
    throw std::invalid_argument("hop is " + std::to_string(hop) + " and feature_stride is " +
                                std::to_string(feature_stride) +
                                "; expected positive numbers whose product with " +
                                std::to_string(num_adapter_layers) + " times adapter_stride " +
                                std::to_string(adapter_stride) + " fits into 63 bits");
  }
  return ratio;
}

Config parse_config(const std::string& json_text, const std::string& source) {
  const Json document = parse_json(json_text, source);
  try {
    Config config = read_document(document);
    config.check();
    config.document = json_text;
    return config;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(source + ": " + error.what());
  }
}

}  // namespace w2vbert
