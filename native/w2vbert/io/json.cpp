#include "w2vbert/io/json.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace w2vbert {
namespace {

constexpr size_t kMaxValues = 4'000'000;  // a checkpoint of this model holds about 10'000
constexpr size_t kMaxPrintedBytes = 200;

std::string shorten(const std::string& text) {
  if (text.size() <= kMaxPrintedBytes) {
    return text;
  }
  size_t end = kMaxPrintedBytes;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;  // not inside a character
  }
  return text.substr(0, end) + "... (" + std::to_string(text.size()) + " bytes)";
}

// Builds the document event by event. The library's own builder takes the last of two equal keys
// and any depth; and it finds a key by walking through the object, which is quadratic in a hostile
// text.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(const std::string& source, int max_depth) : source_(source), max_depth_(max_depth) {}

  Json take() { return std::move(root_); }

  bool null() override { return place(nullptr); }
  bool boolean(bool value) override { return place(value); }
  bool number_integer(number_integer_t value) override { return place(value); }
  bool number_unsigned(number_unsigned_t value) override { return place(value); }
  bool number_float(number_float_t value, const string_t&) override { return place(value); }
  bool string(string_t& value) override { return place(std::move(value)); }
  bool binary(binary_t& value) override { return place(std::move(value)); }

  bool start_object(size_t) override {
    open(Json::object());
    keys_.emplace_back();
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    open_.pop_back();
    return true;
  }
  bool start_array(size_t) override {
    open(Json::array());
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      refuse("key " + printable(name) + " occurs twice in one object; expected unique keys");
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what; last read: 'x'"
    const std::string text = error.what();
    const size_t bracket = text.find("] ");
    const size_t begin = bracket == text.npos ? 0 : bracket + 2;
    refuse("expected JSON in UTF-8, found a " +
           shorten(text.substr(begin, text.find("; last read", begin) - begin)));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw std::invalid_argument(source_ + ": " + what);
  }

  bool place(Json value) {
    add(std::move(value));
    return true;
  }

  void open(Json container) {
    if (open_.size() >= static_cast<size_t>(max_depth_)) {
      refuse("nested deeper than the " + std::to_string(max_depth_) + " levels expected here");
    }
    open_.push_back(add(std::move(container)));
  }

  Json* add(Json value) {
    if (++values_ > kMaxValues) {
      refuse("more than " + std::to_string(kMaxValues) + " values");
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      auto& elements = parent.get_ref<Json::array_t&>();
      elements.push_back(std::move(value));
      return &elements.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }

  const std::string& source_;
  const int max_depth_;
  size_t values_ = 0;
  Json root_;
  std::string key_;
  std::vector<Json*> open_;  // only the innermost one grows, so the others stay where they are
  std::vector<std::unordered_set<std::string>> keys_;  // of the open objects
};

}  // namespace

Json parse_json(std::string_view text, const std::string& source, int max_depth) {
  if (text.find('\0') != text.npos) {  // the library would take it for the end
    throw std::invalid_argument(source + ": expected JSON in UTF-8, found a null byte");
  }
  Builder builder(source, max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string printable(const Json& value) {
  return shorten(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace w2vbert
