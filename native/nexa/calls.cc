// Finds the functions by their names. It must not call any of them, because the library is not initialized yet.
#include "calls.h"

#include <cstring>

#include "../nexa_os.h"

namespace guard::nexa {
namespace {

const char* GetPrefix(Generation generation) noexcept { return generation == Generation::kNexa ? "ml_" : "geniex_"; }

class Finder {
 public:
  Finder(void* library, Generation generation, std::string& missing)
      : library_(library), prefix_(GetPrefix(generation)), missing_(missing) {}

  template <class Function>
  Finder& Require(const char* name, Function*& slot) {
    Allow(name, slot);
    if (slot == nullptr && complete_) {
      complete_ = false;
      missing_ = prefix_ + name;
    }
    return *this;
  }

  template <class Function>
  Finder& Allow(const char* name, Function*& slot) {
    void* found = os::FindSymbol(library_, (prefix_ + name).c_str());
    static_assert(sizeof found == sizeof slot);
    std::memcpy(&slot, &found, sizeof slot);
    return *this;
  }

  bool Complete() const noexcept { return complete_; }

 private:
  void* library_;
  std::string prefix_;
  std::string& missing_;
  bool complete_ = true;
};

}  // namespace

std::string Calls::GetFullName(const char* call) const { return std::string(GetPrefix(generation)) + call; }

std::optional<Calls> FindCalls(void* library, std::string& missing) {
  for (const Generation generation : {Generation::kGeniex, Generation::kNexa}) {
    Calls calls;
    calls.generation = generation;
    Finder find(library, generation, missing);
    find.Require("version", calls.version);
    if (!find.Complete()) continue;
    find.Require("set_log", calls.set_log)
        .Require("init", calls.init)
        .Require("deinit", calls.deinit)
        .Require("free", calls.free)
        .Require("get_error_message", calls.get_error_message)
        .Require("get_plugin_list", calls.get_plugin_list)
        .Require("get_device_list", calls.get_device_list)
        .Require("llm_create", calls.llm_create)
        .Require("llm_destroy", calls.llm_destroy)
        .Require("llm_reset", calls.llm_reset)
        .Require("llm_generate", calls.llm_generate)
        .Require("llm_apply_chat_template", calls.llm_apply_chat_template)
        .Require("llm_save_kv_cache", calls.llm_save_kv_cache)
        .Require("llm_load_kv_cache", calls.llm_load_kv_cache)
        .Require("vlm_create", calls.vlm_create)
        .Require("vlm_destroy", calls.vlm_destroy)
        .Require("vlm_reset", calls.vlm_reset)
        .Require("vlm_generate", calls.vlm_generate)
        .Require("vlm_apply_chat_template", calls.vlm_apply_chat_template)
        .Allow("vlm_get_capabilities", calls.vlm_get_capabilities);
    if (!find.Complete()) return std::nullopt;
    return calls;
  }
  missing = "geniex_version or ml_version";
  return std::nullopt;
}

}  // namespace guard::nexa
