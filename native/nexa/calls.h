// The functions of a loaded library by what they do, independent of their names in its generation. It calls none of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common_structs.h"
#include "layout.h"

namespace guard::nexa {

// A parameter is `void*` if its struct depends on the layout.
struct Calls {
  Generation generation{};
  std::int32_t (*set_log)(OnLog) = nullptr;
  std::int32_t (*init)() = nullptr;
  std::int32_t (*deinit)() = nullptr;
  void (*free)(void*) = nullptr;
  const char* (*version)() = nullptr;
  const char* (*get_error_message)(std::int32_t) = nullptr;
  std::int32_t (*get_plugin_list)(PluginList*) = nullptr;
  std::int32_t (*get_device_list)(const DeviceListInput*, DeviceList*) = nullptr;
  std::int32_t (*llm_create)(const void*, void**) = nullptr;
  std::int32_t (*llm_destroy)(void*) = nullptr;
  std::int32_t (*llm_reset)(void*) = nullptr;
  std::int32_t (*llm_generate)(void*, const LlmGenerateInput*, void*) = nullptr;
  std::int32_t (*llm_apply_chat_template)(void*, const LlmApplyChatTemplateInput*, ApplyChatTemplateOutput*) = nullptr;
  std::int32_t (*llm_save_kv_cache)(void*, const KvCacheInput*, KvCacheOutput*) = nullptr;
  std::int32_t (*llm_load_kv_cache)(void*, const KvCacheInput*, KvCacheOutput*) = nullptr;
  std::int32_t (*vlm_create)(const void*, void**) = nullptr;
  std::int32_t (*vlm_destroy)(void*) = nullptr;
  std::int32_t (*vlm_reset)(void*) = nullptr;
  std::int32_t (*vlm_generate)(void*, const VlmGenerateInput*, void*) = nullptr;
  std::int32_t (*vlm_apply_chat_template)(void*, const VlmApplyChatTemplateInput*, ApplyChatTemplateOutput*) = nullptr;
  // Null in the older generation, which lacks it.
  std::int32_t (*vlm_get_capabilities)(void*, VlmCapabilities*) = nullptr;

  // For example "geniex_init" for "init".
  std::string GetFullName(const char* call) const;
};

// Returns nothing if the library is not the SDK's; then `missing` names the first symbol that it lacks.
std::optional<Calls> FindCalls(void* library, std::string& missing);

}  // namespace guard::nexa
