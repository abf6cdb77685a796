#include "media_context.h"

#include <algorithm>
#include <utility>

namespace guard::nexa {
namespace {

bool StartsWith(const std::vector<std::string>& all, const std::vector<std::string>& first) {
  return all.size() >= first.size() && std::equal(first.begin(), first.end(), all.begin());
}

bool StartsWith(const std::string& text, const std::string& first) noexcept {
  return text.compare(0, first.size(), first) == 0;
}

std::vector<std::string> Skip(const std::vector<std::string>& all, std::size_t count) {
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())), all.end()};
}

}  // namespace

bool MediaContext::Continues(const std::string& prompt, const GenerateSpec& spec) const noexcept {
  if (state_ == State::kEmpty) return true;
  return state_ == State::kHeld && StartsWith(prompt, text_) && StartsWith(spec.images, images_) &&
         StartsWith(spec.audio, audio_);
}

std::optional<std::string> MediaContext::FindFirst(const std::string& prompt) const {
  if (!keeps_first_ || first_ || state_ != State::kEmpty || !adds_bos_) return std::nullopt;
  if (*adds_bos_) return ".";
  const std::string* special = FindSpecial(prompt);
  return special != nullptr ? std::optional(*special) : std::nullopt;
}

void MediaContext::SetFirst(std::string text) {
  first_ = adds_bos_ == true ? std::string() : std::move(text);
  cleared_ = true;
}

bool MediaContext::CanBegin(const std::string& prompt) const noexcept {
  return !keeps_first_ || !cleared_ || (first_ && StartsWith(prompt, *first_));
}

const char* MediaContext::Given(const std::string& prompt) const noexcept {
  return prompt.c_str() + (first_ ? first_->size() : 0);
}

std::vector<std::string> MediaContext::NewImages(const GenerateSpec& spec) const {
  return Skip(spec.images, images_.size());
}

std::vector<std::string> MediaContext::NewAudio(const GenerateSpec& spec) const { return Skip(spec.audio, audio_.size()); }

void MediaContext::Add(const GenerateSpec& spec, const std::string& prompt, const std::string& answer,
                       std::int64_t tokens) {
  state_ = State::kHeld;
  text_ = prompt + answer;
  images_ = spec.images;
  audio_ = spec.audio;
  tokens_ += tokens;
}

void MediaContext::Clear() noexcept {
  cleared_ = true;
  state_ = State::kEmpty;
  text_.clear();
  images_.clear();
  audio_.clear();
  tokens_ = 0;
}

// The longest, as the library finds them.
const std::string* MediaContext::FindSpecial(const std::string& prompt) const noexcept {
  const std::string* found = nullptr;
  for (const std::string& special : special_tokens_) {
    if (special.empty() || !StartsWith(prompt, special)) continue;
    if (found == nullptr || special.size() > found->size()) found = &special;
  }
  return found;
}

}  // namespace guard::nexa
