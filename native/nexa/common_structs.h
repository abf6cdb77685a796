// The structs of the SDK's C interface that all layouts have in common. They are facts: nothing here calls the library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guard::nexa {

// Returning false stops the text. The token belongs to the library and is valid during the call.
using OnToken = bool (*)(const char* token, void* user_data);
// The levels are 0 trace, 1 debug, 2 info, 3 warn, 4 error. The text belongs to the library and is valid during the call.
using OnLog = void (*)(std::int32_t level, const char* text);

// Sizes and offsets were measured on x86_64. The fields are such that other 64-bit systems lay them out alike.
constexpr bool kMeasured = sizeof(void*) == 8;
template <class T>
constexpr bool HasSize(std::size_t bytes) {
  return !kMeasured || sizeof(T) == bytes;
}
constexpr bool IsAt(std::size_t found, std::size_t offset) { return !kMeasured || found == offset; }

struct PluginList {
  char** plugin_ids;
  std::int32_t plugin_count;
};
static_assert(HasSize<PluginList>(16));

struct DeviceListInput {
  const char* plugin_id;
};
static_assert(HasSize<DeviceListInput>(8));

struct DeviceList {
  const char** device_ids;
  const char** device_names;
  std::int32_t device_count;
};
static_assert(HasSize<DeviceList>(24));

struct LlmChatMessage {
  const char* role;
  const char* content;
};
static_assert(HasSize<LlmChatMessage>(16));

struct LlmApplyChatTemplateInput {
  LlmChatMessage* messages;
  std::int32_t message_count;
  const char* tools;
  bool enable_thinking;
  bool add_generation_prompt;
};
static_assert(HasSize<LlmApplyChatTemplateInput>(32) && IsAt(offsetof(LlmApplyChatTemplateInput, enable_thinking), 24));

struct VlmContent {
  const char* type;
  const char* text;
};
static_assert(HasSize<VlmContent>(16));

struct VlmChatMessage {
  const char* role;
  VlmContent* contents;
  std::int64_t content_count;
};
static_assert(HasSize<VlmChatMessage>(24));

struct VlmApplyChatTemplateInput {
  VlmChatMessage* messages;
  std::int32_t message_count;
  const char* tools;
  bool enable_thinking;
  bool grounding;
};
static_assert(HasSize<VlmApplyChatTemplateInput>(32) && IsAt(offsetof(VlmApplyChatTemplateInput, enable_thinking), 24));

struct ApplyChatTemplateOutput {
  char* formatted_text;
};
static_assert(HasSize<ApplyChatTemplateOutput>(8));

struct KvCacheInput {
  const char* path;
};
struct KvCacheOutput {
  void* reserved;
};
static_assert(HasSize<KvCacheInput>(8) && HasSize<KvCacheOutput>(8));

struct VlmCapabilities {
  bool supports_vision;
  bool supports_audio;
};
static_assert(HasSize<VlmCapabilities>(2));

// The older generation has two fields less at its end; more zeros do no harm there.
struct LlmGenerateInput {
  const char* prompt_utf8;
  const void* config;
  OnToken on_token;
  void* user_data;
  const std::int32_t* input_ids;
  std::int32_t input_ids_count;
};
static_assert(HasSize<LlmGenerateInput>(48));

struct VlmGenerateInput {
  const char* prompt_utf8;
  const void* config;
  OnToken on_token;
  void* user_data;
};
static_assert(HasSize<VlmGenerateInput>(32));

}  // namespace guard::nexa
