#include "language_text.h"

#include <algorithm>

#include "abi.h"
#include "log.h"
#include "record.h"

namespace fake {
namespace {

constexpr char kPlace[] = "plugins/llama_cpp/src/llm.cpp:274:generate";
constexpr std::int32_t kUnknown = -100000, kFailed = -200101, kPromptTooLong = -200103, kContextFull = -200004;
constexpr std::int32_t kKept = 4;

std::int32_t Size(const std::vector<std::uint64_t>& tokens) { return static_cast<std::int32_t>(tokens.size()); }

}  // namespace

std::int32_t LanguageText::Generate(const char* call, const TextRequest& request, TextResult& result) {
  const std::int64_t start = NowUs();
  const Orders orders = Orders::InPrompt(request.prompt);
  const std::vector<std::uint64_t> prompt = vocabulary_->Cut(request.prompt, true);
  if (prompt.empty() && !cache_->Logits()) Complain(call, "an empty prompt on a fresh model");
  MatchPrefix(prompt);
  if (n_past_global_ > Size(prompt)) Complain(call, "reads before the prompt's start");
  const std::vector<std::uint64_t> fresh(prompt.begin() + n_past_global_, prompt.end());
  orders.Obey();
  std::int32_t code = Read(fresh, kPromptTooLong);
  // The older one leaves its output as it was.
  if (code != 0 && abi::kOld) return code;
  result.prompt_tokens = Size(prompt) - n_past_global_;
  result.prompt_us = NowUs() - start;
  std::vector<std::uint64_t> said;
  Speech speech(request, orders);
  Sampler sampler(request.top_k, request.seed);
  const std::int32_t most = code != 0 ? 0 : request.max_tokens > 0 ? request.max_tokens : 128;
  const auto decode = [&](std::uint64_t token) { return Process({token}, abi::kOld ? kFailed : kContextFull); };
  const std::int32_t ended = speech.Speak(
      *vocabulary_, sampler, most, [this] { return Logits(); }, decode, said, result);
  if (code != 0) result.reason = "unknown";
  if (ended != 0 && abi::kOld) {
    result = {};
    return ended;
  }
  if (ended == kContextFull) result.reason = "length";
  result.first_us = result.prompt_us;
  n_past_global_ = Size(prompt) + Size(said);
  past_prompt_tokens_.insert(past_prompt_tokens_.end(), fresh.begin(), fresh.end());
  past_prompt_tokens_.insert(past_prompt_tokens_.end(), said.begin(), said.end());
  if (code != 0 || ended != 0) return code != 0 ? code : ended;
  return speech.Finish(result);
}

// Decides where the prompt goes on: `n_past_global_` of its tokens are taken to be in the cache.
void LanguageText::MatchPrefix(const std::vector<std::uint64_t>& prompt) {
  const std::int32_t length = std::min(Size(past_prompt_tokens_), Size(prompt));
  std::int32_t match = 0;
  while (match < length &&
         past_prompt_tokens_[static_cast<std::size_t>(match)] == prompt[static_cast<std::size_t>(match)]) {
    match++;
  }
  // Only debug builds of the older one have it.
  if (!abi::kOld || orders_.Has("debug")) {
    LogFrom(kPlace, 1,
            "prefix match: past_prompt_tokens size: " + std::to_string(past_prompt_tokens_.size()) +
                ", prompt_len: " + std::to_string(prompt.size()) + ", match_len: " + std::to_string(match));
  }
  if (match >= Size(past_prompt_tokens_)) return;
  if (match < n_past_global_ - n_past_) {
    // Before what a shift left.
    cache_->Remove(0, n_past_);
    n_past_ = 0;
    n_past_global_ = Size(prompt) > request_.n_ctx - kKept ? request_.n_ctx - kKept : 0;
  } else {
    // The older one gives a length where the end is asked for, so what comes later stays.
    cache_->Remove(match, abi::kOld ? n_past_ - match : -1);
    n_past_ = n_past_global_ = match;
  }
  LogFrom(kPlace, 2, "prefix match: n_past_global rollback to: " + std::to_string(n_past_global_));
}

std::int32_t LanguageText::Read(const std::vector<std::uint64_t>& tokens, std::int32_t when_full) {
  std::int32_t code = 0;
  for (std::int32_t at = 0; at < Size(tokens) && code == 0; at += request_.n_batch) {
    const auto from = tokens.begin() + at;
    code = Process({from, from + std::min(request_.n_batch, Size(tokens) - at)}, when_full);
  }
  return code;
}

std::int32_t LanguageText::Process(const std::vector<std::uint64_t>& batch, std::int32_t when_full) {
  const std::int32_t fit = Size(batch);
  const std::int32_t half = n_past_ / 2 - kKept;
  if (abi::kOld && n_past_ + fit >= request_.n_ctx) Shift(half);
  KvCache::Outcome outcome = cache_->Decode(batch);
  while (!abi::kOld && outcome == KvCache::Outcome::kFull) {
    const std::int32_t needed = n_past_ + fit - request_.n_ctx + 1;
    const std::int32_t discard = std::min(std::max(n_past_ / 2 - kKept, needed), n_past_ - kKept);
    if (discard <= 0) return when_full;
    Shift(discard);
    outcome = cache_->Decode(batch);
  }
  if (outcome != KvCache::Outcome::kDone) return kFailed;
  n_past_ += fit;
  return 0;
}

// Drops tokens after the first few. Nothing but its log line says so.
void LanguageText::Shift(std::int32_t discard) {
  const std::int32_t before = n_past_;
  cache_->Remove(kKept, std::max(kKept + discard, 0));
  cache_->Move(kKept + discard, n_past_, -discard);
  n_past_ -= discard;
  LogFrom("plugins/llama_cpp/src/llm.cpp:320:operator()", 2,
          "Context shifting - discarding " + std::to_string(discard) + " tokens, n_keep: " + std::to_string(kKept) +
              ", this->n_past before: " + std::to_string(before) + ", this->n_past after: " + std::to_string(n_past_));
}

void LanguageText::Reset() {
  cache_->Clear();
  past_prompt_tokens_.clear();
  n_past_ = n_past_global_ = 0;
}

std::int32_t LanguageText::Save(const std::string& path) {
  if (cache_->Save(path, abi::kOld)) return 0;
  LogLlama(3, "llama_state_save_file: error saving session file: failed to open " + path);
  return kUnknown;
}

// Forgets the list even if it fails, and so appends the next prompt to what the cache holds.
std::int32_t LanguageText::Load(const std::string& path) {
  const bool done = cache_->Load(path);
  if (!done) LogLlama(3, "llama_state_load_file: error loading session file: failed to open " + path);
  n_past_ = cache_->Last() + 1;
  n_past_global_ = 0;
  past_prompt_tokens_.clear();
  return done ? 0 : kUnknown;
}

}  // namespace fake
