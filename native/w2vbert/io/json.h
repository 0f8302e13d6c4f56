// Reading JSON that nobody vouches for. Included by .cpp files only: no header of the project shows
// the type of the JSON library.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace w2vbert {

using Json = nlohmann::ordered_json;  // keeps the order of keys

// Enough for everything that this project reads; a deeper text is an attack on the stack.
constexpr int kMaxJsonDepth = 32;

// Parses UTF-8 `text`. Throws std::invalid_argument, beginning with `source`, if the text is not
// JSON, names a key twice in one object, nests deeper than `max_depth` or holds millions of values.
Json parse_json(std::string_view text, const std::string& source, int max_depth = kMaxJsonDepth);

// `value` for a message: as JSON, shortened, never with a control character or broken UTF-8.
std::string printable(const Json& value);

}  // namespace w2vbert
