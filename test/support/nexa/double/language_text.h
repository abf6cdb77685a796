// A language model's text, with the states of the real one and its wrong answers: what it keeps from one prompt to the next
// is matched by a list of tokens that is not what the KV cache holds.
#pragma once

#include "engine.h"

namespace fake {

class LanguageText : public Engine {
 public:
  using Engine::Engine;
  std::int32_t Generate(const char* call, const TextRequest& request, TextResult& result) override;
  void Reset() override;
  std::int32_t Save(const std::string& path) override;
  std::int32_t Load(const std::string& path) override;

 private:
  void MatchPrefix(const std::vector<std::uint64_t>& prompt);
  std::int32_t Read(const std::vector<std::uint64_t>& tokens, std::int32_t when_full);
  std::int32_t Process(const std::vector<std::uint64_t>& batch, std::int32_t when_full);
  void Shift(std::int32_t discard);

  // Names of the real one's fields. The list is never shortened, except by a reset; `n_past` counts tokens in the cache,
  // `n_past_global` those since the start of the conversation.
  std::vector<std::uint64_t> past_prompt_tokens_;
  std::int32_t n_past_ = 0, n_past_global_ = 0;
};

}  // namespace fake
