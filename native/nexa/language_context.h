// What the context of a model without a projector holds, and whether the library answers a prompt on top of it as an empty
// context would. The library matches a prompt with the list that it keeps of earlier tokens, and the list and the context
// drift apart: it is not shortened when the context is, and it gets the token at which a text was stopped. It calls
// nothing.
#pragma once

#include <cstdint>
#include <string>

#include "context_lines.h"

namespace guard::nexa {

class LanguageContext {
 public:
  // `rollback_is_exact`: whether the library removes exactly what the prompt doesn't share with the context.
  explicit LanguageContext(bool rollback_is_exact) noexcept : rollback_is_exact_(rollback_is_exact) {}

  bool IsEmpty() const noexcept { return state_ == State::kEmpty; }
  bool IsKnown() const noexcept { return state_ != State::kUnknown; }
  // The prompt and the answer that it holds; empty if that isn't known.
  const std::string& Text() const noexcept { return text_; }
  std::int64_t Tokens() const noexcept { return restored_tokens_ + held_tokens_; }

  // Whether the prompt may be answered on top of it. If not, the context must be cleared first.
  bool Continues(const std::string& prompt) const noexcept;
  // Whether it must be shown first that the library says when it removes tokens: only then an answer can be trusted.
  bool NeedsProof() const noexcept;
  // What of a prompt that continues it the library is to be given.
  const char* NewPart(const std::string& prompt) const noexcept { return prompt.c_str() + restored_bytes_; }
  // How much of the text came out of a file.
  std::size_t RestoredBytes() const noexcept { return restored_bytes_; }

  // Whether the library began its answer to a prompt on something else than that prompt.
  bool IsSpoiled(const ContextLines& lines) const noexcept;

  // What a text left in it. `cut`: whether it was stopped at a token. Returns how many tokens of the prompt it held
  // already.
  std::int64_t Add(const ContextLines& lines, const std::string& prompt, const std::string& answer,
                   std::int64_t prompt_tokens, std::int64_t generated_tokens, bool cut);
  // It was filled from a file. The library doesn't match these tokens with anything.
  void Restore(std::string text, std::int64_t tokens);
  void NoteProof(const ContextLines& lines) noexcept;
  void Clear() noexcept;
  void Lose() noexcept;

 private:
  enum class State { kEmpty, kHeld, kUnknown };

  const bool rollback_is_exact_;
  State state_ = State::kEmpty;
  std::string text_;
  // Tokens that the context holds beside restored ones, how many of them from the start on the library's list has too, and
  // whether the list has all of them and no other.
  std::int64_t held_tokens_ = 0, certain_tokens_ = 0;
  bool is_listed_ = true;
  std::size_t restored_bytes_ = 0;
  std::int64_t restored_tokens_ = 0;
  // Whether the library says how much of a prompt it matched; and whether it says when it removes tokens.
  bool tells_match_ = false, tells_rollback_ = false;
};

}  // namespace guard::nexa
