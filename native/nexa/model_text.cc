// Texts. The library is given a prompt on top of what its context holds only if the answer is the one that an empty context
// would give; else the context is cleared first, or after what the library says shows that it should have been.
#include <utility>

#include "invoke.h"
#include "library_log.h"
#include "media_mark.h"
#include "model.h"
#include "text_watch.h"

namespace guard::nexa {
namespace {

// The context is full. In the answer, the text that came is whole so far.
constexpr std::int32_t kContextLength = -200004;
// A prompt that does not begin with what the context holds, among other things.
constexpr std::int32_t kMediaFailed = -201201;

Failure MakeTooLong(const ContextLines& lines) {
  return MakeRefusal("context-full", lines.match ? std::to_string(lines.match->prompt) : std::string());
}

bool HasPenalties(const Sampling& sampling) noexcept {
  const bool repetition = sampling.repetition_penalty != 0 && sampling.repetition_penalty != 1;
  return repetition || sampling.presence_penalty != 0 || sampling.frequency_penalty != 0;
}

// Of the media that the library is given, it takes the images first, whatever their order in the prompt is.
bool HasAudioBeforeImage(const Chat& chat, std::size_t skipped_images, std::size_t skipped_audio) noexcept {
  bool audio = false;
  for (const Message& message : chat.messages) {
    for (const Part& part : message.parts) {
      if (part.type == "audio") {
        if (skipped_audio > 0) {
          skipped_audio--;
        } else {
          audio = true;
        }
      } else if (part.type == "image") {
        if (skipped_images > 0) {
          skipped_images--;
        } else if (audio) {
          return true;
        }
      }
    }
  }
  return false;
}

void ReadEnd(const TokenRun& run, Generated& result) {
  result.matched = run.Matched();
  result.stopped = run.Stopped();
  // The library may count the token at which it was stopped.
  std::int64_t& generated = result.profile.generated_tokens;
  if (result.stopped || result.matched || result.context_full || generated <= 0) generated = run.Taken();
}

}  // namespace

std::optional<Failure> Model::Prepare(const GenerateSpec& spec, std::string& prompt) {
  prompt = spec.prompt;
  if (!spec.chat.messages.empty()) {
    if (auto failure = Format(spec.chat, prompt)) return failure;
  }
  // A fresh model aborts the process over an empty prompt. The library reads up to the first NUL.
  prompt.resize(prompt.find('\0') == std::string::npos ? prompt.size() : prompt.find('\0'));
  if (prompt.empty()) return MakeRefusal("empty-prompt");
  const std::size_t media = spec.images.size() + spec.audio.size();
  if (!multimodal_) return media > 0 ? std::optional(MakeRefusal("no-projector")) : std::nullopt;
  const std::size_t marks = CountMediaMarks(prompt);
  if (marks == media) return std::nullopt;
  return MakeRefusal("marks", std::to_string(marks) + " for " + std::to_string(media));
}

std::optional<Failure> Model::Generate(const GenerateSpec& spec, const StopFlag& stop, const OnBytes& on_bytes,
                                       const OnRefused& on_refused, Generated& result) {
  std::string prompt;
  if (auto failure = Prepare(spec, prompt)) return failure;
  return multimodal_ ? GenerateMedia(spec, prompt, stop, on_bytes, result)
                     : GenerateLanguage(spec, prompt, stop, on_bytes, on_refused, result);
}

std::optional<Failure> Model::GenerateLanguage(const GenerateSpec& spec, const std::string& prompt, const StopFlag& stop,
                                               const OnBytes& on_bytes, const OnRefused& on_refused, Generated& result) {
  for (;;) {
    if (*stop) {
      result.stopped = true;
      return std::nullopt;
    }
    if (auto failure = BeginLanguage(spec, prompt)) return failure;
    result = {};
    std::string answer;
    CallLog log([&] {
      // The library says how long the prompt is, and then reads it to its end.
      const auto& match = log.Lines().match;
      if (match && most_tokens_ > 0 && match->prompt > most_tokens_ && !spec.truncate) on_refused(MakeTooLong(log.Lines()));
    });
    TextWatch watch(language_, log, spec.truncate);
    TokenRun run(spec.stop, stop, on_bytes, [&watch] { return watch.Admits(); });
    const std::int32_t code = InvokeGenerate(library_->UsedLayout(), library_->Functions(), handle_, false, spec,
                                             {language_.NewPart(prompt), {}, {}}, run, result, answer);
    watch.Admits();
    if (watch.IsSpoiled()) {
      // Nobody has seen anything of it.
      if (auto failure = Reset()) return failure;
      continue;
    }
    if (watch.IsTooLong() || (code != 0 && code != kContextLength)) {
      language_.Lose();
      if (watch.IsTooLong()) return MakeTooLong(log.Lines());
      return MakeFailure(library_->Functions(), "llm_generate", code, log.Problem());
    }
    run.Finish();
    result.truncated = watch.IsTruncated();
    result.context_full = code == kContextLength || (watch.IsFull() && run.Taken() < spec.max_tokens);
    const bool cut = run.Matched() || run.Stopped() || watch.IsFull();
    result.reused_tokens =
        language_.Add(log.Lines(), prompt, answer, result.profile.prompt_tokens, result.profile.generated_tokens, cut);
    if (code != 0) language_.Lose();
    ReadEnd(run, result);
    return std::nullopt;
  }
}

std::optional<Failure> Model::BeginLanguage(const GenerateSpec& spec, const std::string& prompt) {
  if (language_.IsEmpty()) return std::nullopt;
  // The other ones count repetitions only in what is new of a prompt.
  const bool counts_all = library_->UsedLayout() == Layout::kGeniex05 || !HasPenalties(spec.sampling);
  if (!counts_all || !language_.Continues(prompt) || !CanJoinRestored(prompt)) return Reset();
  if (!language_.NeedsProof()) return std::nullopt;
  CallLog log;
  // It shares at most the token that the model puts before every prompt, so tokens must be removed.
  GiveUnheard(prompt[0] == 'a' ? "b" : "a");
  language_.NoteProof(log.Lines());
  return Reset();
}

// A text is cut into tokens at special ones first, so on both sides of one it doesn't matter what stands on the other.
bool Model::CanJoinRestored(const std::string& prompt) const {
  const std::size_t restored = language_.RestoredBytes();
  if (restored == 0) return true;
  if (adds_bos_ != false) return false;
  for (const std::string& special : special_tokens_) {
    if (special.empty()) continue;
    if (prompt.compare(restored, special.size(), special) == 0) return true;
    if (restored >= special.size() && prompt.compare(restored - special.size(), special.size(), special) == 0) return true;
  }
  return false;
}

std::optional<Failure> Model::GenerateMedia(const GenerateSpec& spec, const std::string& prompt, const StopFlag& stop,
                                            const OnBytes& on_bytes, Generated& result) {
  for (;;) {
    if (*stop) {
      result.stopped = true;
      return std::nullopt;
    }
    if (auto failure = BeginMedia(spec, prompt)) return failure;
    const bool fresh = media_.IsEmpty();
    result = {};
    std::string answer;
    CallLog log;
    TokenRun run(spec.stop, stop, on_bytes);
    const GivenText given{media_.Given(prompt), media_.NewImages(spec), media_.NewAudio(spec)};
    const std::int32_t code =
        InvokeGenerate(library_->UsedLayout(), library_->Functions(), handle_, true, spec, given, run, result, answer);
    if (code != 0 && code != kContextLength) {
      media_.Lose();
      // Some version may ask for more than that the prompt begins with what was said; then everything is given again.
      if (code == kMediaFailed && !fresh && !log.Lines().found_no_room && run.Taken() == 0) continue;
      if (log.Lines().found_no_room) return MakeTooLong(log.Lines());
      return MakeFailure(library_->Functions(), "vlm_generate", code, log.Problem());
    }
    run.Finish();
    const bool cut = run.Matched() || run.Stopped();
    // The older one has no word for a full context.
    const bool ended = cut || result.stop_reason == "eos" || result.stop_reason == "length";
    result.context_full = code != 0 || (library_->UsedLayout() == Layout::kNexa10 && !ended);
    result.reused_tokens = media_.Tokens();
    const std::int64_t tokens = result.profile.prompt_tokens + result.profile.generated_tokens;
    media_.Add(spec, prompt, answer, tokens);
    // Without a token the library doesn't note the prompt. Where it was cut, only one version sees if that was noted
    // rightly.
    const bool noted = result.profile.generated_tokens > 0 && (!cut || library_->UsedLayout() == Layout::kGeniex05);
    if (result.context_full || !noted) media_.Lose();
    ReadEnd(run, result);
    return std::nullopt;
  }
}

std::optional<Failure> Model::BeginMedia(const GenerateSpec& spec, const std::string& prompt) {
  if (!media_.Continues(prompt, spec)) {
    if (auto failure = Reset()) return failure;
  }
  if (media_.IsEmpty()) {
    if (auto first = media_.FindFirst(prompt)) {
      GiveUnheard(*first);
      media_.Lose();
      if (auto failure = Reset()) return failure;
      media_.SetFirst(std::move(*first));
    }
    if (!media_.CanBegin(prompt)) return MakeRefusal("first-token");
  }
  if (!HasAudioBeforeImage(spec.chat, spec.images.size() - media_.NewImages(spec).size(),
                           spec.audio.size() - media_.NewAudio(spec).size())) {
    return std::nullopt;
  }
  return MakeRefusal("media-order");
}

void Model::GiveUnheard(const std::string& prompt) {
  GenerateSpec spec;
  spec.max_tokens = 1;
  Generated result;
  std::string answer;
  TokenRun run(
      {}, std::make_shared<std::atomic<bool>>(false), [](std::string) {}, [] { return false; });
  InvokeGenerate(library_->UsedLayout(), library_->Functions(), handle_, multimodal_, spec, {prompt.c_str(), {}, {}}, run,
                 result, answer);
}

}  // namespace guard::nexa
