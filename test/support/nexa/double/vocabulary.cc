#include "vocabulary.h"

#include <algorithm>
#include <iterator>

#include "kv_cache.h"

namespace fake {
namespace {

// As numbered by tools/synthetic-model.mjs.
const char* const kSpecials[] = {"<|endoftext|>", "<|im_start|>",  "<|im_end|>",
                                 "<|AUDIO|>",     "<|audio_bos|>", "<|audio_eos|>"};
constexpr std::uint64_t kFirstSpecial = 256, kFirstOther = 1ULL << 32;

// The length of the special token that begins there; 0 if none does.
std::size_t SpecialAt(const std::string& text, std::size_t at) {
  if (text[at] != '<') return 0;
  for (const std::string special : kSpecials) {
    if (text.compare(at, special.size(), special) == 0) return special.size();
  }
  return 0;
}

}  // namespace

Vocabulary::Vocabulary(const Gguf& model, bool pairs)
    : pairs_(pairs),
      starts_(model.Flag("tokenizer.ggml.add_bos_token")),
      start_(static_cast<std::uint64_t>(model.Whole("tokenizer.ggml.bos_token_id", 0))),
      end_(static_cast<std::uint64_t>(model.Whole("tokenizer.ggml.eos_token_id", -1))) {}

std::vector<std::uint64_t> Vocabulary::Cut(const std::string& text, bool whole) const {
  std::vector<std::uint64_t> ids;
  if (whole && starts_) ids.push_back(start_);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = SpecialAt(text, at);
    if (length == 0) length = pairs_ && at + 1 < text.size() && SpecialAt(text, at + 1) == 0 ? 2 : 1;
    ids.push_back(Of(text.substr(at, length)).id);
    at += length;
  }
  return ids;
}

Token Vocabulary::Of(const std::string& bytes) const {
  // The printable characters are the tokens 0 to 93.
  if (bytes.size() == 1) return {static_cast<unsigned char>(bytes[0] - 33), bytes};
  const auto special = std::find(std::begin(kSpecials), std::end(kSpecials), bytes);
  if (special != std::end(kSpecials)) {
    return {kFirstSpecial + static_cast<std::uint64_t>(special - std::begin(kSpecials)), bytes};
  }
  return {kFirstOther | Digest(1, bytes), bytes};
}

}  // namespace fake
