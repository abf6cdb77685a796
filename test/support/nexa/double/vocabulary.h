// Cuts text into tokens: a special one for each mark of the chat template, otherwise one for each byte. By the order
// `pairs` it makes one token of two bytes where it can, while the model says one byte at a time: then what the model has
// said is cut in another way when it comes back in the next prompt, as with real vocabularies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf.h"

namespace fake {

struct Token {
  std::uint64_t id;
  std::string text;
};

class Vocabulary {
 public:
  Vocabulary(const Gguf& model, bool pairs);

  // `whole` is from the start of a sequence: then a model that wants one gets its first token.
  std::vector<std::uint64_t> Cut(const std::string& text, bool whole) const;
  // The token of these bytes, which the tokenizer itself makes only of one byte (or two), or of a mark.
  Token Of(const std::string& bytes) const;
  // One of the 94 printable characters.
  Token Printable(std::uint64_t number) const { return Of(std::string(1, static_cast<char>(33 + number % 94))); }
  bool Ends(const Token& token) const { return token.id == end_; }

 private:
  bool pairs_, starts_;
  std::uint64_t start_, end_;
};

}  // namespace fake
