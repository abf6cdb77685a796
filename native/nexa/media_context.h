// What the context of a model with a projector holds. The library only appends to it: it skips as much text as it holds,
// and takes the media of the rest alone. It calls nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spec.h"

namespace guard::nexa {

class MediaContext {
 public:
  // `keeps_first`: whether the library keeps the first token when it clears the context. `adds_bos` and `special_tokens`
  // are those of the load.
  MediaContext(bool keeps_first, std::optional<bool> adds_bos, std::vector<std::string> special_tokens)
      : keeps_first_(keeps_first), adds_bos_(adds_bos), special_tokens_(std::move(special_tokens)) {}

  bool IsEmpty() const noexcept { return state_ == State::kEmpty; }
  std::int64_t Tokens() const noexcept { return tokens_; }

  // Whether the prompt begins with all that it holds. If not, the context must be cleared first.
  bool Continues(const std::string& prompt, const GenerateSpec& spec) const noexcept;
  // With a library that keeps the first token when it clears the context: a text to begin with, so that it is known which
  // token that is. Absent if it is known already, or if no text can see to it.
  std::optional<std::string> FindFirst(const std::string& prompt) const;
  // To be called when the library has been given the text of `FindFirst`, and has cleared the context since.
  void SetFirst(std::string text);
  // False if the library can't answer this prompt rightly, since its context still begins with another token.
  bool CanBegin(const std::string& prompt) const noexcept;
  // What of a prompt that continues it the library is to be given.
  const char* Given(const std::string& prompt) const noexcept;
  std::vector<std::string> NewImages(const GenerateSpec& spec) const;
  std::vector<std::string> NewAudio(const GenerateSpec& spec) const;

  // What a text left in it: the prompt with its media, the answer, and so many more tokens.
  void Add(const GenerateSpec& spec, const std::string& prompt, const std::string& answer, std::int64_t tokens);
  // What it holds is not known any more.
  void Lose() noexcept { state_ = State::kUnknown; }
  void Clear() noexcept;

 private:
  enum class State { kEmpty, kHeld, kUnknown };

  const std::string* FindSpecial(const std::string& prompt) const noexcept;

  const bool keeps_first_;
  const std::optional<bool> adds_bos_;
  const std::vector<std::string> special_tokens_;
  State state_ = State::kEmpty;
  std::string text_;
  std::vector<std::string> images_, audio_;
  std::int64_t tokens_ = 0;
  // Whether the context was cleared, and the text of the token that was kept; empty if the model puts that token there
  // itself.
  bool cleared_ = false;
  std::optional<std::string> first_;
};

}  // namespace guard::nexa
