// Calls the library in the order that it survives: what it would crash over never reaches it.
#include "model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../nexa_os.h"
#include "invoke.h"
#include "library_log.h"

namespace guard::nexa {
namespace {

// The chat template puts one for each medium. If there are more or fewer than paths, text and media do not fit together.
constexpr char kMediaMark[] = "<__media__>";
// The code for a prompt that does not begin with what the multimodal context holds.
constexpr std::int32_t kContextChanged = -201201;

std::size_t CountMarks(const std::string& text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = text.find(kMediaMark); at != std::string::npos; at = text.find(kMediaMark, at + 1)) count++;
  return count;
}

bool StartsWith(const std::vector<std::string>& all, const std::vector<std::string>& first) {
  return all.size() >= first.size() && std::equal(first.begin(), first.end(), all.begin());
}

// The content of a message is one text here.
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
  return RunCall([&] { return calls.llm_apply_chat_template(handle, &input, &output); });
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
  return RunCall([&] { return calls.vlm_apply_chat_template(handle, &input, &output); });
}

}  // namespace

Model::Model(std::shared_ptr<Library> library, bool multimodal) noexcept
    : library_(std::move(library)), multimodal_(multimodal) {}

Model::~Model() {
  if (handle_ == nullptr) return;
  const Calls& calls = library_->Functions();
  const std::lock_guard<std::mutex> lock(Library::LifeMutex());
  RunCall([&] { return multimodal_ ? calls.vlm_destroy(handle_) : calls.llm_destroy(handle_); });
}

std::unique_ptr<Model> Model::Load(std::shared_ptr<Library> library, const LoadSpec& spec, Failure& failure) {
  const Calls& calls = library->Functions();
  const Layout layout = library->UsedLayout();
  const bool multimodal = !spec.projector_path.empty();
  // If its projector is missing, the library creates a model all the same and crashes in its first text.
  for (const std::string* path : {&spec.model_path, &spec.projector_path}) {
    if (path->empty() || os::IsReadableFile(*path)) continue;
    failure = MakeRefusal("unreadable", *path);
    return nullptr;
  }
  std::unique_ptr<Model> model(new Model(std::move(library), multimodal));
  KeptError logged;
  std::int32_t code;
  void* handle = nullptr;
  {
    const std::lock_guard<std::mutex> lock(Library::LifeMutex());
    model->library_->PrepareCreate();
    code = InvokeCreate(layout, calls, spec, &handle);
    model->library_->NoteCreate();
  }
  if (code != 0) {
    // A create that failed has freed what it made.
    failure = MakeFailure(calls, multimodal ? "vlm_create" : "llm_create", code, logged.Text());
    return nullptr;
  }
  if (handle == nullptr) {
    failure = MakeRefusal("no-handle");
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
  if (const std::int32_t code = RunCall([&] { return calls.vlm_get_capabilities(handle_, &capabilities); }); code != 0) {
    return MakeFailure(calls, "vlm_get_capabilities", code, {});
  }
  // The library answers so if it could not read the projector, and then it crashes in a text.
  if (!capabilities.supports_audio && !capabilities.supports_vision) return MakeRefusal("projector");
  abilities_ = {capabilities.supports_vision, capabilities.supports_audio, true};
  return std::nullopt;
}

std::optional<Failure> Model::Format(const Chat& chat, std::string& text) {
  if (chat.messages.empty()) return MakeRefusal("no-messages");
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
  return MakeFailure(calls, multimodal_ ? "vlm_apply_chat_template" : "llm_apply_chat_template", code, logged.Text());
}

std::optional<Failure> Model::Prepare(const GenerateSpec& spec, std::string& prompt) {
  prompt = spec.prompt;
  if (!spec.chat.messages.empty()) {
    if (auto failure = Format(spec.chat, prompt)) return failure;
  }
  // A fresh model aborts the process over an empty prompt. The library reads up to the first NUL.
  if (prompt.c_str()[0] == '\0') return MakeRefusal("empty-prompt");
  const std::size_t media = spec.images.size() + spec.audio.size();
  if (!multimodal_) return media > 0 ? std::optional(MakeRefusal("no-projector")) : std::nullopt;
  if (const std::size_t marks = CountMarks(prompt); marks != media) {
    return MakeRefusal("marks", std::to_string(marks) + " for " + std::to_string(media));
  }
  if (!CanAppend(spec, prompt)) return Reset();
  return std::nullopt;
}

// Whether the prompt begins with what the context holds. An empty context always can be appended to.
bool Model::CanAppend(const GenerateSpec& spec, const std::string& prompt) const {
  if (!held_.known) return false;
  return prompt.compare(0, held_.text.size(), held_.text) == 0 && StartsWith(spec.images, held_.images) &&
         StartsWith(spec.audio, held_.audio);
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
    // The template renders an answer in another way than the model generated it, so the context is filled again.
    if (auto unable = Reset()) return unable;
    result = {};
    held_.known = false;
    failure = Attempt(spec, prompt, run, result, text);
  }
  if (failure) return failure;
  run.Finish();
  result.matched = run.Matched();
  result.stopped = run.Stopped();
  // The library may count the token at which it was stopped.
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
  return MakeFailure(calls, multimodal_ ? "vlm_generate" : "llm_generate", code, logged.Text());
}

std::optional<Failure> Model::Reset() {
  const Calls& calls = library_->Functions();
  held_ = {};
  const std::int32_t code = RunCall([&] { return multimodal_ ? calls.vlm_reset(handle_) : calls.llm_reset(handle_); });
  if (code == 0) return std::nullopt;
  held_.known = false;
  return MakeFailure(calls, multimodal_ ? "vlm_reset" : "llm_reset", code, {});
}

std::optional<Failure> Model::SaveKvCache(const std::string& path) {
  if (multimodal_) return MakeRefusal("multimodal");
  const Calls& calls = library_->Functions();
  KeptError logged;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  const std::int32_t code = RunCall([&] { return calls.llm_save_kv_cache(handle_, &input, &output); });
  return code == 0 ? std::nullopt : std::optional(MakeFailure(calls, "llm_save_kv_cache", code, logged.Text()));
}

std::optional<Failure> Model::LoadKvCache(const std::string& path) {
  if (multimodal_) return MakeRefusal("multimodal");
  const Calls& calls = library_->Functions();
  KeptError logged;
  const KvCacheInput input{path.c_str()};
  KvCacheOutput output{};
  const std::int32_t code = RunCall([&] { return calls.llm_load_kv_cache(handle_, &input, &output); });
  return code == 0 ? std::nullopt : std::optional(MakeFailure(calls, "llm_load_kv_cache", code, logged.Text()));
}

}  // namespace guard::nexa
