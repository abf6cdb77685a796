// The order of calls that keeps the library alive: what it would crash over never reaches it.
#include "model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "invoke.h"
#include "library_log.h"
#include "../nexa_os.h"

namespace guard::nexa {
namespace {

// The template puts one for each medium; more or fewer than there are paths and nothing fits together.
constexpr char kMediaMark[] = "<__media__>";
// A multimodal context was given a prompt that doesn't begin with what it holds.
constexpr std::int32_t kContextChanged = -201201;

std::size_t CountMarks(const std::string& text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = text.find(kMediaMark); at != std::string::npos; at = text.find(kMediaMark, at + 1)) count++;
  return count;
}

bool BeginsWith(const std::vector<std::string>& all, const std::vector<std::string>& first) {
  return all.size() >= first.size() && std::equal(first.begin(), first.end(), all.begin());
}

// Their content is one text each.
std::int32_t FormatText(const Calls& calls, void* handle, const Chat& chat, ApplyChatTemplateOutput& output) {
  std::vector<std::string> contents(chat.messages.size());
  std::vector<LlmChatMessage> messages(chat.messages.size());
  for (std::size_t at = 0; at < messages.size(); at++) {
    for (const Part& part : chat.messages[at].parts) contents[at] += part.text;
    messages[at] = {chat.messages[at].role.c_str(), contents[at].c_str()};
  }
  LlmApplyChatTemplateInput input;
  std::memset(&input, 0, sizeof input);
  input.messages = messages.data();
  input.message_count = static_cast<std::int32_t>(messages.size());
  input.tools = chat.tools.empty() ? nullptr : chat.tools.c_str();
  input.enable_thinking = chat.thinking;
  input.add_generation_prompt = true;
  return Run([&] { return calls.llm_apply_chat_template(handle, &input, &output); });
}

std::int32_t FormatMedia(const Calls& calls, void* handle, const Chat& chat, ApplyChatTemplateOutput& output) {
  std::vector<std::vector<VlmContent>> contents(chat.messages.size());
  std::vector<VlmChatMessage> messages(chat.messages.size());
  for (std::size_t at = 0; at < messages.size(); at++) {
    for (const Part& part : chat.messages[at].parts) contents[at].push_back({part.type.c_str(), part.text.c_str()});
    messages[at] = {chat.messages[at].role.c_str(), contents[at].data(), static_cast<std::int64_t>(contents[at].size())};
  }
  VlmApplyChatTemplateInput input;
  std::memset(&input, 0, sizeof input);
  input.messages = messages.data();
  input.message_count = static_cast<std::int32_t>(messages.size());
  input.tools = chat.tools.empty() ? nullptr : chat.tools.c_str();
  input.enable_thinking = chat.thinking;
  return Run([&] { return calls.vlm_apply_chat_template(handle, &input, &output); });
}

}  // namespace

Model::Model(std::shared_ptr<Library> library, bool multimodal) noexcept
    : library_(std::move(library)), multimodal_(multimodal) {}

Model::~Model() {
  if (handle_ == nullptr) return;
  const Calls& calls = library_->Functions();
  const std::lock_guard<std::mutex> lock(Library::LifeLock());
  Run([&] { return multimodal_ ? calls.vlm_destroy(handle_) : calls.llm_destroy(handle_); });
}

std::unique_ptr<Model> Model::Load(std::shared_ptr<Library> library, const LoadSpec& spec, Failure& failure) {
  const Calls& calls = library->Functions();
  const Layout layout = library->UsedLayout();
  const bool multimodal = !spec.projector_path.empty();
  // Without its projector a model is created all the same, and its first text is a crash.
  for (const std::string* path : {&spec.model_path, &spec.projector_path}) {
    if (path->empty() || os::ReadableFile(*path)) continue;
    failure = Refused("unreadable", *path);
    return nullptr;
  }
  std::unique_ptr<Model> model(new Model(std::move(library), multimodal));
  KeptError logged;
  std::int32_t code;
  void* handle = nullptr;
  {
    const std::lock_guard<std::mutex> lock(Library::LifeLock());
    code = InvokeCreate(layout, calls, spec, &handle);
    model->library_->Created();
  }
  if (code != 0) {
    // A failed create frees itself.
    failure = FailureOf(calls, multimodal ? "vlm_create" : "llm_create", code, logged.Text());
    return nullptr;
  }
  if (handle == nullptr) {
    failure = Refused("no-handle");
    return nullptr;
  }
  model->handle_ = handle;
  if (auto unable = model->AskAbilities()) {
    failure = std::move(*unable);
    return nullptr;
  }
  return model;
}

std::optional<Failure> Model::AskAbilities() {
  const Calls& calls = library_->Functions();
  if (!multimodal_ || calls.vlm_get_capabilities == nullptr) return std::nullopt;
  VlmCapabilities capabilities{};
  if (const std::int32_t code = Run([&] { return calls.vlm_get_capabilities(handle_, &capabilities); }); code != 0) {
    return FailureOf(calls, "vlm_get_capabilities", code, {});
  }
  // So it looks where the projector could not be read, and then a text is a crash.
  if (!capabilities.supports_audio && !capabilities.supports_vision) return Refused("projector");
  abilities_ = {capabilities.supports_vision, capabilities.supports_audio, true};
  return std::nullopt;
}

std::optional<Failure> Model::Format(const Chat& chat, std::string& text) {
  if (chat.messages.empty()) return Refused("no-messages");
  const Calls& calls = library_->Functions();
  KeptError logged;
  ApplyChatTemplateOutput output{};
  const std::int32_t code =
      multimodal_ ? FormatMedia(calls, handle_, chat, output) : FormatText(calls, handle_, chat, output);
  if (output.formatted_text != nullptr) {
    text = output.formatted_text;
    calls.free(output.formatted_text);
  }
  if (code == 0) return std::nullopt;
  return FailureOf(calls, multimodal_ ? "vlm_apply_chat_template" : "llm_apply_chat_template", code, logged.Text());
}

std::optional<Failure> Model::Prepare(const GenerateSpec& spec, std::string& prompt) {
  prompt = spec.prompt;
  if (!spec.chat.messages.empty()) {
    if (auto failure = Format(spec.chat, prompt)) return failure;
  }
  // A fresh model aborts the process over it. The library reads up to the first NUL.
  if (prompt.c_str()[0] == '\0') return Refused("empty-prompt");
  const std::size_t media = spec.images.size() + spec.audio.size();
  if (!multimodal_) return media > 0 ? std::optional(Refused("no-projector")) : std::nullopt;
  if (const std::size_t marks = CountMarks(prompt); marks != media) {
    return Refused("marks", std::to_string(marks) + " for " + std::to_string(media));
  }
  if (!Continues(spec, prompt)) return Reset();
  return std::nullopt;
}

// Whether the context can be appended to, as an empty one always can.
bool Model::Continues(const GenerateSpec& spec, const std::string& prompt) const {
  if (!held_.known) return false;
  return prompt.compare(0, held_.text.size(), held_.text) == 0 && BeginsWith(spec.images, held_.images) &&
         BeginsWith(spec.audio, held_.audio);
}

std::optional<Failure> Model::Generate(const GenerateSpec& spec, const StopFlag& stop, OnBytes on_bytes,
                                       Generated& result) {
  std::string prompt;
  if (auto failure = Prepare(spec, prompt)) return failure;
  if (*stop) {
    result.stopped = true;
    return std::nullopt;
  }
  TokenRun run(spec.stop, stop, std::move(on_bytes));
  std::string text;
  const bool appended = !held_.text.empty();
  held_.known = false;
  auto failure = Attempt(spec, prompt, run, result, text);
  if (failure && failure->code == kContextChanged && multimodal_ && appended && run.Taken() == 0 && !*stop) {
    // It renders its own answer in another way than it generated it: say all of it again.
    if (auto unable = Reset()) return unable;
    result = {};
    held_.known = false;
    failure = Attempt(spec, prompt, run, result, text);
  }
  if (failure) return failure;
  run.Finish();
  result.matched = run.Matched();
  result.stopped = run.Stopped();
  // The library may count the token over which it was stopped.
  std::int64_t& generated = result.profile.generated_tokens;
  if (result.stopped || result.matched || generated <= 0) generated = run.Taken();
  if (multimodal_ && !result.matched && !result.stopped) held_ = {true, prompt + text, spec.images, spec.audio};
  return std::nullopt;
}

std::optional<Failure> Model::Attempt(const GenerateSpec& spec, const std::string& prompt, TokenRun& run, Generated& result,
                                      std::string& text) {
  const Calls& calls = library_->Functions();
  KeptError logged;
  const std::int32_t code =
      InvokeGenerate(library_->UsedLayout(), calls, handle_, multimodal_, spec, prompt, run, result, text);
  if (code == 0) return std::nullopt;
  return FailureOf(calls, multimodal_ ? "vlm_generate" : "llm_generate", code, logged.Text());
}

std::optional<Failure> Model::Reset() {
  const Calls& calls = library_->Functions();
  held_ = {};
  const std::int32_t code = Run([&] { return multimodal_ ? calls.vlm_reset(handle_) : calls.llm_reset(handle_); });
  if (code == 0) return std::nullopt;
  held_.known = false;
  return FailureOf(calls, multimodal_ ? "vlm_reset" : "llm_reset", code, {});
}

std::optional<Failure> Model::SaveKvCache(const std::string& path) {
  if (multimodal_) return Refused("multimodal");
  const Calls& calls = library_->Functions();
  KeptError logged;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  const std::int32_t code = Run([&] { return calls.llm_save_kv_cache(handle_, &input, &output); });
  return code == 0 ? std::nullopt : std::optional(FailureOf(calls, "llm_save_kv_cache", code, logged.Text()));
}

std::optional<Failure> Model::LoadKvCache(const std::string& path) {
  if (multimodal_) return Refused("multimodal");
  const Calls& calls = library_->Functions();
  KeptError logged;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  const std::int32_t code = Run([&] { return calls.llm_load_kv_cache(handle_, &input, &output); });
  return code == 0 ? std::nullopt : std::optional(FailureOf(calls, "llm_load_kv_cache", code, logged.Text()));
}

}  // namespace guard::nexa
