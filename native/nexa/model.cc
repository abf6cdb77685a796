// The life of a model and its chat template. What the library would crash over never reaches it.
#include "model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../nexa_os.h"
#include "invoke.h"
#include "library_log.h"
#include "media_mark.h"

namespace guard::nexa {
namespace {

// llama.cpp rounds a context up to a multiple of this.
constexpr std::int64_t kContextStep = 256;

// One content for each message. A medium's mark stands where the medium does: of parts of its own the library puts all
// media before the text.
std::vector<std::string> ListContents(const Chat& chat) {
  std::vector<std::string> contents(chat.messages.size());
  for (std::size_t at = 0; at < contents.size(); at++) {
    for (const Part& part : chat.messages[at].parts) contents[at] += part.type == "text" ? part.text : kMediaMark;
  }
  return contents;
}

std::int32_t FormatText(const Calls& calls, void* handle, const Chat& chat, ApplyChatTemplateOutput& output) {
  const std::vector<std::string> contents = ListContents(chat);
  std::vector<LlmChatMessage> messages(contents.size());
  for (std::size_t at = 0; at < messages.size(); at++) {
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
  const std::vector<std::string> texts = ListContents(chat);
  std::vector<VlmContent> contents(texts.size());
  std::vector<VlmChatMessage> messages(texts.size());
  for (std::size_t at = 0; at < messages.size(); at++) {
    contents[at] = {"text", texts[at].c_str()};
    messages[at] = {chat.messages[at].role.c_str(), &contents[at], 1};
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

Model::Model(std::shared_ptr<Library> library, const LoadSpec& spec)
    : library_(std::move(library)),
      multimodal_(!spec.projector_path.empty()),
      most_tokens_((spec.context_size + kContextStep - 1) / kContextStep * kContextStep),
      adds_bos_(spec.adds_bos),
      special_tokens_(spec.special_tokens),
      language_(library_->UsedLayout() == Layout::kGeniex05),
      media_(library_->UsedLayout() == Layout::kNexa10, spec.adds_bos, spec.special_tokens) {}

Model::~Model() {
  if (handle_ == nullptr) return;
  const Calls& calls = library_->Functions();
  const std::lock_guard<std::mutex> lock(Library::LifeMutex());
  RunCall([&] { return multimodal_ ? calls.vlm_destroy(handle_) : calls.llm_destroy(handle_); });
}

std::unique_ptr<Model> Model::Load(std::shared_ptr<Library> library, const LoadSpec& spec, Failure& failure) {
  const Calls& calls = library->Functions();
  const Layout layout = library->UsedLayout();
  // If its projector is missing, the library creates a model all the same and crashes in its first text.
  for (const std::string* path : {&spec.model_path, &spec.projector_path}) {
    if (path->empty() || os::IsReadableFile(*path)) continue;
    failure = MakeRefusal("unreadable", *path);
    return nullptr;
  }
  std::unique_ptr<Model> model(new Model(std::move(library), spec));
  CallLog logged;
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
    failure = MakeFailure(calls, model->multimodal_ ? "vlm_create" : "llm_create", code, logged.Problem());
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
  CallLog logged;
  ApplyChatTemplateOutput output{};
  const std::int32_t code =
      multimodal_ ? FormatMedia(calls, handle_, chat, output) : FormatText(calls, handle_, chat, output);
  if (output.formatted_text != nullptr) {
    text = output.formatted_text;
    calls.free(output.formatted_text);
  }
  if (code == 0) return std::nullopt;
  return MakeFailure(calls, multimodal_ ? "vlm_apply_chat_template" : "llm_apply_chat_template", code, logged.Problem());
}

}  // namespace guard::nexa
