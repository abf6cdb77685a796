// A context is continued on what the library said, never on what it is believed to do: without a line nothing is certain.
#include "language_context.h"

#include <utility>

namespace guard::nexa {

bool LanguageContext::Continues(const std::string& prompt) const noexcept {
  if (state_ == State::kEmpty) return true;
  if (state_ == State::kUnknown) return false;
  // If less than half of it can be used, clearing it costs little, and the next prompts can use all of it again.
  if (rollback_is_exact_ && tells_match_ && restored_bytes_ == 0) return certain_tokens_ * 2 > held_tokens_;
  return is_listed_ && prompt.size() > text_.size() && prompt.compare(0, text_.size(), text_) == 0;
}

bool LanguageContext::NeedsProof() const noexcept {
  return state_ == State::kHeld && held_tokens_ > 0 && !tells_match_ && !tells_rollback_;
}

bool LanguageContext::IsSpoiled(const ContextLines& lines) const noexcept {
  if (state_ == State::kEmpty || held_tokens_ == 0) return false;
  if (lines.match) {
    const auto [listed, prompt, matched] = *lines.match;
    // If nothing is left to be computed, it answers from what it computed last.
    if (matched >= prompt || matched > certain_tokens_) return true;
    if (matched == listed) return lines.rolled_back_to.has_value();
    return !rollback_is_exact_ || restored_bytes_ > 0 || lines.rolled_back_to != matched;
  }
  return tells_match_ || lines.rolled_back_to.has_value();
}

std::int64_t LanguageContext::Add(const ContextLines& lines, const std::string& prompt, const std::string& answer,
                                  std::int64_t prompt_tokens, std::int64_t generated_tokens, bool cut) {
  NoteProof(lines);
  const bool rolled_back = lines.match && lines.match->matched < lines.match->listed;
  const std::int64_t reused = rolled_back ? lines.match->matched : held_tokens_;
  const std::int64_t restored = restored_tokens_;
  if (lines.shifts > 0) {
    Lose();
    return restored + reused;
  }
  state_ = State::kHeld;
  text_ = prompt + answer;
  // The token at which it was stopped is in the library's list only.
  held_tokens_ = reused + prompt_tokens + generated_tokens - (cut ? 1 : 0);
  certain_tokens_ = rolled_back ? reused : held_tokens_;
  is_listed_ = !rolled_back && !cut;
  return restored + reused;
}

void LanguageContext::Restore(std::string text, std::int64_t tokens) {
  Clear();
  state_ = State::kHeld;
  restored_bytes_ = text.size();
  restored_tokens_ = tokens;
  text_ = std::move(text);
}

void LanguageContext::NoteProof(const ContextLines& lines) noexcept {
  tells_match_ = lines.match.has_value();
  if (lines.rolled_back_to) tells_rollback_ = true;
}

void LanguageContext::Clear() noexcept {
  state_ = State::kEmpty;
  is_listed_ = true;
  text_.clear();
  held_tokens_ = certain_tokens_ = restored_tokens_ = 0;
  restored_bytes_ = 0;
}

void LanguageContext::Lose() noexcept {
  Clear();
  state_ = State::kUnknown;
}

}  // namespace guard::nexa
