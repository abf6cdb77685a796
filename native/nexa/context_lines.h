// What the library says of its context in one text, read from the lines that its plugin for llama.cpp logs. A line of
// another form says nothing. Numbers are tokens.
#pragma once

#include <cstdint>
#include <optional>

namespace guard::nexa {

struct ContextLines {
  struct PrefixMatch {
    // The length of the list that the library keeps of earlier prompts and answers, that of this prompt, and how many
    // tokens of the two are the same from the start on.
    std::int64_t listed = 0, prompt = 0, matched = 0;
  };
  std::optional<PrefixMatch> match;
  // From where on the library removed what the context held.
  std::optional<std::int64_t> rolled_back_to;
  // How often it dropped the oldest tokens to make room.
  int shifts = 0;
  // Whether a part of the prompt found no room.
  bool found_no_room = false;

  // True if the line says something. The library logs prompts too: a line counts only if it begins as such a line does.
  bool Take(const char* line) noexcept;
};

// Skips the place in the source that one generation puts before a line: "[plugins/llama_cpp/src/llm.cpp:274:generate] ".
const char* SkipLogPlace(const char* line) noexcept;

}  // namespace guard::nexa
