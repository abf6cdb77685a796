// What the context of a model holds, forgotten, written to a file, or read from one.
#include <utility>

#include "library_log.h"
#include "model.h"

namespace guard::nexa {

// An empty context is left alone: one version drops what it would put before the first prompt.
std::optional<Failure> Model::Reset() {
  if (multimodal_ ? media_.IsEmpty() : language_.IsEmpty()) return std::nullopt;
  const Calls& calls = library_->Functions();
  const std::int32_t code = RunCall([&] { return multimodal_ ? calls.vlm_reset(handle_) : calls.llm_reset(handle_); });
  if (code == 0) {
    if (multimodal_) {
      media_.Clear();
    } else {
      language_.Clear();
    }
    return std::nullopt;
  }
  if (multimodal_) {
    media_.Lose();
  } else {
    language_.Lose();
  }
  return MakeFailure(calls, multimodal_ ? "vlm_reset" : "llm_reset", code, {});
}

std::optional<Failure> Model::SaveKvCache(const std::string& path, HeldText& saved) {
  if (multimodal_) return MakeRefusal("multimodal");
  if (!language_.IsKnown()) return MakeRefusal("unknown-context");
  const Calls& calls = library_->Functions();
  CallLog log;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  const std::int32_t code = RunCall([&] { return calls.llm_save_kv_cache(handle_, &input, &output); });
  if (code != 0) return MakeFailure(calls, "llm_save_kv_cache", code, log.Problem());
  saved = {language_.Text(), language_.Tokens()};
  return std::nullopt;
}

std::optional<Failure> Model::LoadKvCache(const std::string& path, const HeldText& saved) {
  if (multimodal_) return MakeRefusal("multimodal");
  const Calls& calls = library_->Functions();
  CallLog log;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  language_.Lose();
  const std::int32_t code = RunCall([&] { return calls.llm_load_kv_cache(handle_, &input, &output); });
  if (code != 0) return MakeFailure(calls, "llm_load_kv_cache", code, log.Problem());
  language_.Restore(saved.text, saved.tokens);
  return std::nullopt;
}

}  // namespace guard::nexa
