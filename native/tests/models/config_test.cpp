#include "w2vbert/models/config.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "golden_files.h"
#include "temporary_folder.h"
#include "w2vbert/io/json.h"

namespace w2vbert {
namespace {

Json load(const std::filesystem::path& path) { return parse_json(read_bytes(path), path.string()); }

Json defaults() { return load(golden_dir() / "config/defaults.json")["saved"]; }

Config parse(const Json& json) { return parse_config(json.dump()); }

// The smallest valid text, with `changes`.
Json with(const Json& changes) {
  Json json = {{"model_type", "wav2vec2-bert"}};
  json.update(changes);
  return json;
}

void expect_refused(const Json& json, const std::string& message) {
  try {
    parse(json);
    FAIL() << "nothing was refused; expected: " << message;
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ("config.json: " + message, error.what());
  }
}

TEST(ConfigTest, DefaultsAreThoseOfTheReference) {
  Json expected = defaults();
  ASSERT_EQ(47u + 2u, expected.size());
  expected.erase("transformers_version");
  EXPECT_EQ(expected.dump(2) + "\n", Config().to_json());
  EXPECT_NO_THROW(Config().check());
}

TEST(ConfigTest, MissingOptionsHaveTheDefaults) {
  Json expected = defaults();
  expected.erase("transformers_version");
  const Json filled = parse_json(parse(with(Json::object())).to_json(), "filled");
  EXPECT_EQ(nlohmann::json(expected), nlohmann::json(filled));
}

TEST(ConfigTest, WritesEveryGoldenFileAsTheReferenceDid) {
  const auto files = golden_files("config.json");
  int configs = 0;
  for (const auto& path : files) {
    if (path.filename() == "config.json") {
      const std::string text = read_bytes(path);
      EXPECT_EQ(text, parse_config(text).to_json()) << path;
      ++configs;
    }
  }
  EXPECT_GE(configs, 80);
}

TEST(ConfigTest, ReadsTheFieldsOfGoldenFiles) {
  const Config config =
      parse_config(read_bytes(golden_dir() / "models/adapter_ffn_proj_x2/config.json"));
  EXPECT_EQ(24, config.hidden_size);
  EXPECT_EQ(4, config.num_attention_heads);
  EXPECT_EQ(6, config.head_size());
  EXPECT_EQ(PositionEmbeddings::kRotary, config.position_embeddings_type);
  EXPECT_TRUE(config.add_adapter);
  EXPECT_TRUE(config.use_intermediate_ffn_before_adapter);
  EXPECT_EQ(2, config.num_adapter_layers);
  EXPECT_EQ(16, config.output_hidden_size);
  EXPECT_EQ(20, config.vocab_size);
  EXPECT_EQ(std::vector<std::string>{"Wav2Vec2BertModel"}, config.architectures);
  EXPECT_EQ("float32", config.torch_dtype);
}

TEST(ConfigTest, AdapterLengthsAreThoseOfTheReference) {
  int cases = 0;
  for (const auto& path : golden_files("case.json")) {
    const Json recorded = load(path);
    if (!recorded.contains("derived") ||
        !recorded["derived"].contains("feat_extract_output_lengths")) {
      continue;
    }
    const Config config = parse_config(read_bytes(path.parent_path() / "config.json"));
    if (!config.add_adapter) {
      continue;
    }
    const Json& lengths = recorded["lengths"];
    for (size_t row = 0; row < lengths.size(); ++row) {
      int64_t time = lengths[row].get<int64_t>();
      EXPECT_EQ(recorded["derived"]["feat_extract_output_lengths"][row],
                config.adapter_output_length(time))
          << path;
      for (const Json& layer :
           recorded["derived"].value("adapter_sub_sampled_lengths_per_layer", Json::array())) {
        time = config.adapter_layer_output_length(time);
        EXPECT_EQ(layer[row], time) << path;
      }
    }
    const Json& outputs = recorded["outputs"];
    if (outputs.contains("last_hidden_state") && outputs.contains("extract_features")) {
      const int64_t in = outputs["extract_features"][1][1].get<int64_t>();
      EXPECT_EQ(outputs["last_hidden_state"][1][1], config.conv_output_length(in)) << path;
      ++cases;
    }
  }
  EXPECT_GE(cases, 8);
}

TEST(ConfigTest, AdapterLengthsOfNoFrames) {
  Config config = parse(with({{"add_adapter", true}}));
  EXPECT_EQ(0, config.adapter_output_length(0));
  EXPECT_EQ(0, config.conv_output_length(0));
  EXPECT_THROW(config.adapter_output_length(-1), std::invalid_argument);
  config.adapter_kernel_size = 8;
  config.adapter_stride = 8;
  EXPECT_EQ(1, config.conv_output_length(3));  // the reference gives one frame
  config.adapter_stride = 1;
  EXPECT_EQ(0, config.conv_output_length(7));
  EXPECT_EQ(1, config.conv_output_length(8));
}

TEST(ConfigTest, RatioCountsTheAdapter) {
  const Json recorded = load(golden_dir() / "config/defaults.json");
  EXPECT_EQ(recorded["inputs_to_logits_ratio"], Config().inputs_to_logits_ratio());
  EXPECT_EQ(640, parse(with({{"add_adapter", true}})).inputs_to_logits_ratio());
  EXPECT_EQ(160 * 3 * 5 * 5,
            parse(with({{"add_adapter", true}, {"adapter_stride", 5}, {"num_adapter_layers", 2}}))
                .inputs_to_logits_ratio(160, 3));
  EXPECT_THROW(Config().inputs_to_logits_ratio(0, 2), std::invalid_argument);
  EXPECT_THROW(
      parse(with({{"add_adapter", true}, {"num_adapter_layers", 60}})).inputs_to_logits_ratio(),
      std::invalid_argument);
}

TEST(ConfigTest, KeepsKeysThatAreNotOptionsInTheirOrder) {
  const std::string text = Config().to_json();
  Json json = parse_json(text, "defaults");
  json["zz_legacy"] = {{"codevector_dim", 768}, {"list", {1, 2.5, nullptr, "\xC3\xA9"}}};
  json["_name_or_path"] = "facebook/w2v-bert-2.0";
  EXPECT_EQ(json.dump(2) + "\n", parse(json).to_json());
}

TEST(ConfigTest, KeepsTheSpellingOfUnchangedOptions) {
  for (const Json& change : {Json{{"hidden_act", "silu"}}, Json{{"adapter_act", "gelu_fast"}},
                             Json{{"output_hidden_size", nullptr}}, Json{{"layerdrop", 0}},
                             Json{{"dtype", "bfloat16"}}, Json{{"num_labels", 5}}}) {
    const Json written = parse_json(parse(with(change)).to_json(), "written");
    for (const auto& [key, value] : change.items()) {
      EXPECT_EQ(value, written.at(key));
    }
  }
}

TEST(ConfigTest, ChangedFieldsComeBack) {
  Config config = parse(with({{"hidden_act", "silu"},
                              {"output_hidden_size", nullptr},
                              {"dtype", "float32"},
                              {"vocab_size", 32},
                              {"extra", 1}}));
  config.hidden_size = 64;
  config.output_hidden_size = 32;
  config.hidden_act = Activation::kQuickGelu;
  config.position_embeddings_type = PositionEmbeddings::kNone;
  config.ctc_loss_reduction = CtcLossReduction::kMean;
  config.vocab_size.reset();
  config.pad_token_id = 31;
  config.layer_norm_eps = 1e-3;
  config.tdnn_dim = {1, 2};
  config.tdnn_kernel = {3, 4};
  config.tdnn_dilation = {5, 6};
  config.id2label = {{0, "\xC3\xA9"}, {1, "b"}, {10, "c"}};
  config.label2id = {{"\xC3\xA9", 0}, {"b", 1}, {"c", 10}};
  config.architectures = {"Wav2Vec2BertForCTC"};
  config.torch_dtype = "float16";
  const Config back = parse_config(config.to_json());
  EXPECT_EQ(64, back.hidden_size);
  EXPECT_EQ(32, back.output_hidden_size);
  EXPECT_EQ(Activation::kQuickGelu, back.hidden_act);
  EXPECT_EQ(PositionEmbeddings::kNone, back.position_embeddings_type);
  EXPECT_EQ(CtcLossReduction::kMean, back.ctc_loss_reduction);
  EXPECT_EQ(std::nullopt, back.vocab_size);
  EXPECT_EQ(31, back.pad_token_id);
  EXPECT_EQ(1e-3, back.layer_norm_eps);
  EXPECT_EQ(config.tdnn_dim, back.tdnn_dim);
  EXPECT_EQ(config.tdnn_kernel, back.tdnn_kernel);
  EXPECT_EQ(config.tdnn_dilation, back.tdnn_dilation);
  EXPECT_EQ(config.id2label, back.id2label);
  EXPECT_EQ(config.label2id, back.label2id);
  EXPECT_EQ(config.architectures, back.architectures);
  EXPECT_EQ("float16", back.torch_dtype);
  EXPECT_EQ(1, parse_json(config.to_json(), "written").at("extra"));
}

TEST(ConfigTest, ASmallerModelKeepsItsUnsetOutputSize) {
  Config config = parse(with({{"output_hidden_size", nullptr}}));
  config.hidden_size = 64;  // output_hidden_size stays 1024
  EXPECT_EQ(1024, parse_config(config.to_json()).output_hidden_size);
  config.output_hidden_size = 64;
  EXPECT_EQ(64, parse_config(config.to_json()).output_hidden_size);
}

TEST(ConfigTest, OutputSizeFollowsHiddenSize) {
  EXPECT_EQ(64, parse(with({{"hidden_size", 64}})).output_hidden_size);
  EXPECT_EQ(64,
            parse(with({{"hidden_size", 64}, {"output_hidden_size", nullptr}})).output_hidden_size);
}

TEST(ConfigTest, Labels) {
  const Config made_up = parse(with({{"num_labels", 3}}));
  EXPECT_EQ(3, made_up.num_labels());
  EXPECT_EQ("LABEL_2", made_up.id2label.at(2));
  EXPECT_EQ(2, made_up.label2id.at("LABEL_2"));
  const Config named =
      parse(with({{"id2label", {{"0", "yes"}, {"1", "no"}, {"2", "?"}}}, {"num_labels", 7}}));
  EXPECT_EQ(3, named.num_labels());  // as the reference, which warns
  EXPECT_EQ(1, named.label2id.at("no"));
}

TEST(ConfigTest, KnowsTheActivationsByTheirNames) {
  const std::vector<std::pair<const char*, Activation>> names = {
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
      {"sigmoid", Activation::kSigmoid}};
  for (const auto& [name, value] : names) {
    EXPECT_EQ(value, parse(with({{"hidden_act", name}})).hidden_act) << name;
    EXPECT_EQ(value, parse(with({{"adapter_act", name}})).adapter_act) << name;
  }
}

TEST(ConfigTest, RefusesWhatTheReferenceRefuses) {
  expect_refused(with({{"position_embeddings_type", "absolute"}}),
                 "position_embeddings_type is \"absolute\"; expected one of \"rotary\" "
                 "\"relative\" \"relative_key\", "
                 "or null");
  expect_refused(
      with({{"use_intermediate_ffn_before_adapter", true}}),
      "use_intermediate_ffn_before_adapter is true; expected false, since add_adapter is false");
  expect_refused(with({{"conv_depthwise_kernel_size", 8}}),
                 "conv_depthwise_kernel_size is 8; expected an odd number");
  expect_refused(with({{"hidden_act", "SWISH"}}),
                 "hidden_act is \"SWISH\"; expected one of \"gelu\" \"gelu_python\" \"gelu_new\" "
                 "\"gelu_fast\" "
                 "\"gelu_pytorch_tanh\" \"gelu_accurate\" \"quick_gelu\" \"relu\" \"selu\" "
                 "\"swish\" \"silu\" \"mish\" "
                 "\"tanh\" \"sigmoid\"");
  expect_refused(with({{"hidden_size", 30}, {"num_attention_heads", 4}}),
                 "hidden_size is 30; expected a multiple of num_attention_heads, which is 4");
  expect_refused(with({{"hidden_size", 20},
                       {"num_attention_heads", 4},
                       {"position_embeddings_type", "rotary"}}),
                 "hidden_size is 20; expected an even number per head for rotary positions, found "
                 "5 for each of 4 "
                 "heads");
  expect_refused(with({{"hidden_size", 33},
                       {"num_attention_heads", 3},
                       {"position_embeddings_type", "relative"}}),
                 "hidden_size is 33; expected an even number for relative positions");
}

TEST(ConfigTest, RefusesOtherModels) {
  expect_refused({{"hidden_size", 64}}, "has no \"model_type\"; expected \"wav2vec2-bert\"");
  expect_refused({{"model_type", "wav2vec2"}},
                 "model_type is \"wav2vec2\"; expected \"wav2vec2-bert\"");
  expect_refused({{"model_type", nullptr}}, "model_type is null; expected \"wav2vec2-bert\"");
  expect_refused(Json::array(), "expected a JSON object, found []");
  EXPECT_THROW(parse_config(""), std::invalid_argument);
  EXPECT_THROW(parse_config("{\"model_type\":\"wav2vec2-bert\",\"model_type\":\"wav2vec2-bert\"}"),
               std::invalid_argument);
  EXPECT_THROW(parse_config(std::string(1'000'000, '[')), std::invalid_argument);
  EXPECT_THROW(parse_config("{\"\xFF\":1}"), std::invalid_argument);
}

TEST(ConfigTest, RefusesEveryOptionOfTheWrongType) {
  const Json options = defaults();
  for (const auto& [key, value] : options.items()) {
    if (key == "transformers_version") {
      continue;
    }
    std::vector<Json> wrong = {Json::object()};
    if (value.is_number_integer()) {
      wrong.insert(wrong.end(), {true, "1", 1.5, Json::array(), 9223372036854775808u, -9});
    } else if (value.is_number()) {
      wrong.insert(wrong.end(), {true, "1", Json::array(), nullptr, -0.5});
    } else if (value.is_boolean()) {
      wrong.insert(wrong.end(), {0, 1, "true", nullptr});
    } else if (value.is_string()) {
      wrong.insert(wrong.end(), {0, true, "", Json::array()});
    } else if (value.is_array()) {
      wrong.insert(wrong.end(),
                   {1, nullptr, "1", {1.5, 1, 1, 1, 1}, Json::array(), {1, 1, 1, 1, 0}, {1}});
    }
    for (const Json& bad : wrong) {
      if (bad == -9 && key.find("token_id") != key.npos) {
        continue;
      }
      Json json = with(Json::object());
      json[key] = bad;
      try {
        parse(json);
        ADD_FAILURE() << key << " " << bad << " was accepted";
      } catch (const std::invalid_argument& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find(key == "tdnn_dim" ? "tdnn_" : key), message.npos) << message;
        EXPECT_NE(message.find("; expected "), message.npos) << message;
      }
    }
  }
}

TEST(ConfigTest, RefusesValuesOutOfRange) {
  expect_refused(with({{"hidden_size", 0}}),
                 "hidden_size is 0; expected an integer from 1 to 2147483647");
  expect_refused(with({{"num_attention_heads", 0}}),
                 "num_attention_heads is 0; expected an integer from 1 to 2147483647");
  expect_refused(with({{"num_hidden_layers", 1'000'000}}),
                 "num_hidden_layers is 1000000; expected an integer from 1 to 10000");
  expect_refused(with({{"hidden_dropout", 1.5}}),
                 "hidden_dropout is 1.5; expected a number from 0 to 1");
  expect_refused(with({{"mask_time_length", 0}}),
                 "mask_time_length is 0; expected an integer from 1 to 2147483647");
  expect_refused(with({{"vocab_size", 0}}),
                 "vocab_size is 0; expected an integer from 1 to 2147483647");
  expect_refused(
      with({{"tdnn_kernel", {1, 2}}}),
      "tdnn_kernel is [1,2]; expected as many entries as tdnn_dim, which has 5, at least 1");
  expect_refused(with({{"add_adapter", true}, {"num_adapter_layers", 0}}),
                 "num_adapter_layers is 0; expected an integer from 1 to 10000");
  expect_refused(
      with({{"add_adapter", true}, {"output_hidden_size", 1000}}),
      "output_hidden_size is 1000; expected a multiple of num_attention_heads, which is 16");
  expect_refused(with({{"num_labels", 1'000'001}}),
                 "num_labels is 1000001; expected an integer from 0 to 1000000");
  expect_refused(with({{"id2label", {{"x", "a"}}}}),
                 "id2label key is \"x\"; expected every id once, from 0 on");
  expect_refused(with({{"id2label", {{"0", 1}}}}), "id2label[0] is 1; expected a text");
  expect_refused(with({{"label2id", {{"a", "b"}}}}),
                 "label2id[\"a\"] is \"b\"; expected an integer");
  expect_refused(with({{"architectures", {1}}}), "architectures[0] is 1; expected a text");
  expect_refused(with({{"torch_dtype", 1}}), "torch_dtype is 1; expected a text");
  EXPECT_NO_THROW(parse(with({{"num_adapter_layers", 0}, {"output_hidden_size", 1000}})));
}

TEST(ConfigTest, SurvivesDamagedTexts) {
  const std::string whole = read_bytes(golden_dir() / "models/ctc_sharded/config.json");
  for (size_t size = 0; size + 2 < whole.size(); ++size) {
    EXPECT_THROW(parse_config(whole.substr(0, size)), std::invalid_argument) << size;
  }
  std::mt19937 random(99);
  int accepted = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string text = whole;
    text[random() % text.size()] = static_cast<char>(random());
    text[random() % text.size()] = "0123456789.-[]{},:\"ent"[random() % 22];
    try {
      const Config config = parse_config(text);
      parse_config(config.to_json());
      ++accepted;
    } catch (const std::invalid_argument&) {
    }
  }
  EXPECT_GT(accepted, 20);
}

}  // namespace
}  // namespace w2vbert
