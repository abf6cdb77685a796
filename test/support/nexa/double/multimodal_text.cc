#include "multimodal_text.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "abi.h"
#include "log.h"
#include "record.h"

namespace fake {
namespace {

constexpr std::size_t kAudioTokens = 1500, kImageTokens = 256;
constexpr std::int32_t kFailed = -201201, kPromptTooLong = -200103, kContextFull = -200004;
const std::string kMark = "<__media__>";

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Sounds(const std::string& bytes) {
  return bytes.size() > 44 && (bytes.compare(0, 4, "RIFF") == 0 || bytes.compare(0, 4, "fLaC") == 0);
}

void LogHere(int level, const std::string& text) { LogFrom("plugins/llama_cpp/src/vlm.cpp:278:generate", level, text); }

}  // namespace

std::int32_t MultimodalText::Generate(const char* call, const TextRequest& request, TextResult& result) {
  const std::int64_t start = NowUs();
  if (request.prompt.empty() && !cache_->Logits()) Complain(call, "an empty prompt on a fresh model");
  if (projector_ == nullptr) Complain(call, "a text without the projector");
  const Orders orders = Orders::InPrompt(request.prompt);
  std::string fresh;
  if (!FindNewText(request, orders, fresh)) return kFailed;
  std::vector<Chunk> chunks;
  if (!fresh.empty() && !Cut(fresh, request, chunks)) return kFailed;
  orders.Obey();
  const std::int32_t code = Read(chunks, result.prompt_tokens);
  if (code != 0) {
    if (!abi::kOld) {
      result.reason = "unknown";
      result.no_text = false;
    }
    return code;
  }
  result.prompt_us = NowUs() - start;
  std::vector<std::uint64_t> said;
  Speech speech(request, orders);
  Sampler asked(request.top_k, request.seed);
  const auto decode = [&](std::uint64_t token) {
    switch (cache_->Decode({token}, n_past_++)) {
      case KvCache::Outcome::kDone: return 0;
      case KvCache::Outcome::kFull: return kContextFull;
      case KvCache::Outcome::kOutOfOrder: return kFailed;
    }
    return kFailed;
  };
  std::int32_t ended = speech.Speak(
      *vocabulary_, abi::kOld ? sampler_ : asked, request.max_tokens > 0 ? request.max_tokens : 512,
      [this] { return Logits(); }, decode, said, result);
  if (ended == kContextFull && !abi::kOld) {
    LogHere(3, "VLM generate: context window (" + std::to_string(request_.n_ctx) + ") exhausted; truncating");
    result.reason = "length";
  }
  // The older one has neither a code nor a reason for it, nor an empty text.
  if (abi::kOld) {
    ended = 0;
    result.no_text = result.no_text || said.empty();
  }
  result.first_us = said.empty() ? 0 : result.prompt_us;
  Remember(request, result);
  return ended != 0 ? ended : speech.Finish(result);
}

// What is to be appended. False if the prompt does not go on where the last answer ended.
bool MultimodalText::FindNewText(const TextRequest& request, const Orders& orders, std::string& text) const {
  const std::string& prompt = request.prompt;
  if (n_past_ > 0 && orders.Has("changed")) {
    LogHere(4, "prefix reuse failed: by order");
    return false;
  }
  if (abi::kOld) {
    if (past_bytes_ < prompt.size()) text = prompt.substr(past_bytes_);
    return true;
  }
  text = prompt;
  if (n_past_ == 0 || past_prompt_.empty()) return true;
  const std::size_t most = std::min(prompt.size(), past_prompt_.size());
  std::size_t same = 0;
  while (same < most && prompt[same] == past_prompt_[same]) same++;
  const std::size_t end = same + past_answer_.size();
  if (end > prompt.size() || prompt.compare(same, past_answer_.size(), past_answer_) != 0) {
    LogHere(4, "prefix reuse failed: prompt[" + std::to_string(same) + ":" + std::to_string(end) +
                   "] does not match last generation (|G|=" + std::to_string(past_answer_.size()) + ")");
    return false;
  }
  text = prompt.substr(end);
  LogHere(1, "prefix reuse: |A|=" + std::to_string(same) + ", |G|=" + std::to_string(past_answer_.size()) +
                 ", increment=" + std::to_string(text.size()) + " bytes");
  return true;
}

// The tokens of each; those that can't be decoded are left out, as are those that the projector is not for.
std::vector<std::vector<std::uint64_t>> MultimodalText::LoadMedia(const TextRequest& request) const {
  std::vector<std::vector<std::uint64_t>> media;
  const auto add = [&](const std::string& bytes, std::size_t count) {
    std::vector<std::uint64_t> tokens(count);
    for (std::size_t at = 0; at < count; at++) tokens[at] = Digest(at + 1, bytes);
    media.push_back(std::move(tokens));
  };
  if (abi::kOld || Sees()) {
    for (const std::string& path : request.images) add(FileText(path), kImageTokens);
  }
  if (!abi::kOld && !Hears()) return media;
  for (const std::string& path : request.audio) {
    const std::string bytes = FileText(path);
    if (Sounds(bytes)) {
      add(bytes, kAudioTokens);
    } else {
      LogLlama(3, "mtmd_helper_bitmap_init_from_buf: failed to decode " + path);
    }
  }
  return media;
}

// Media are matched with the marks of this text alone, not with those that were read before.
bool MultimodalText::Cut(const std::string& text, const TextRequest& request, std::vector<Chunk>& chunks) const {
  const auto media = LoadMedia(request);
  std::size_t marks = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = text.find(kMark, at);
    const std::string before = text.substr(at, mark == std::string::npos ? mark : mark - at);
    if (!before.empty()) chunks.push_back({vocabulary_->Cut(before, at == 0 && n_past_ == 0)});
    if (mark == std::string::npos) break;
    if (marks < media.size()) chunks.push_back({media[marks], true});
    marks++;
    at = mark + kMark.size();
  }
  if (marks == media.size()) return true;
  LogLlama(3, "mtmd_tokenize: error: number of bitmaps (" + std::to_string(media.size()) +
                  ") does not match number of markers (" + std::to_string(marks) + ")");
  LogHere(4, "mtmd_tokenize failed");
  return false;
}

// What was decoded before a failure stays in the cache, though `n_past_` does not count it.
std::int32_t MultimodalText::Read(const std::vector<Chunk>& chunks, std::int64_t& tokens) {
  std::int32_t next = n_past_;
  for (const Chunk& chunk : chunks) {
    for (std::size_t at = 0; at < chunk.tokens.size();) {
      const std::size_t end = std::min(at + static_cast<std::size_t>(request_.n_batch), chunk.tokens.size());
      const auto begin = chunk.tokens.begin();
      const auto outcome =
          cache_->Decode({begin + static_cast<std::ptrdiff_t>(at), begin + static_cast<std::ptrdiff_t>(end)}, next);
      if (outcome != KvCache::Outcome::kDone) {
        LogLlama(3, chunk.medium ? "failed to decode audio" : "failed to decode text");
        if (outcome == KvCache::Outcome::kFull && !abi::kOld) return kPromptTooLong;
        LogHere(4, abi::kOld ? "mtmd_helper_eval_chunks failed" : "chunk evaluation failed");
        return kFailed;
      }
      next += static_cast<std::int32_t>(end - at);
      at = end;
    }
  }
  tokens = next - n_past_;
  n_past_ = next;
  return 0;
}

// A text without a token leaves no trace but in the cache.
void MultimodalText::Remember(const TextRequest& request, const TextResult& result) {
  if (result.generated_tokens == 0) return;
  past_prompt_ = request.prompt;
  past_answer_ = result.text;
  past_bytes_ = request.prompt.size() + result.text.size();
}

void MultimodalText::Reset() {
  past_prompt_.clear();
  past_answer_.clear();
  past_bytes_ = 0;
  // The older one keeps the first token and begins after it, even if there is none.
  if (abi::kOld) {
    cache_->Remove(1, -1);
    n_past_ = 1;
  } else {
    cache_->Clear();
    n_past_ = 0;
  }
}

}  // namespace fake
