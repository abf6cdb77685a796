// Names become functions. It must not call any of them: the library is not initialized yet.
#include "calls.h"

#include <cstring>

#include "../nexa_os.h"

namespace guard::nexa {
namespace {

const char* PrefixOf(Generation generation) noexcept { return generation == Generation::kNexa ? "ml_" : "geniex_"; }

class Finder {
 public:
  Finder(void* library, Generation generation, std::string& missing)
      : library_(library), prefix_(PrefixOf(generation)), missing_(missing) {}

  template <class Function>
  Finder& Need(const char* name, Function*& slot) {
    May(name, slot);
    if (slot == nullptr && complete_) {
      complete_ = false;
      missing_ = prefix_ + name;
    }
    return *this;
  }

  template <class Function>
  Finder& May(const char* name, Function*& slot) {
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

std::string Calls::NameOf(const char* call) const { return std::string(PrefixOf(generation)) + call; }

std::optional<Calls> FindCalls(void* library, std::string& missing) {
  for (const Generation generation : {Generation::kGeniex, Generation::kNexa}) {
    Calls calls;
    calls.generation = generation;
    Finder find(library, generation, missing);
    find.Need("version", calls.version);
    if (!find.Complete()) continue;
    find.Need("set_log", calls.set_log)
        .Need("init", calls.init)
        .Need("deinit", calls.deinit)
        .Need("free", calls.free)
        .Need("get_error_message", calls.get_error_message)
        .Need("get_plugin_list", calls.get_plugin_list)
        .Need("get_device_list", calls.get_device_list)
        .Need("llm_create", calls.llm_create)
        .Need("llm_destroy", calls.llm_destroy)
        .Need("llm_reset", calls.llm_reset)
        .Need("llm_generate", calls.llm_generate)
        .Need("llm_apply_chat_template", calls.llm_apply_chat_template)
        .Need("llm_save_kv_cache", calls.llm_save_kv_cache)
        .Need("llm_load_kv_cache", calls.llm_load_kv_cache)
        .Need("vlm_create", calls.vlm_create)
        .Need("vlm_destroy", calls.vlm_destroy)
        .Need("vlm_reset", calls.vlm_reset)
        .Need("vlm_generate", calls.vlm_generate)
        .Need("vlm_apply_chat_template", calls.vlm_apply_chat_template)
        .May("vlm_get_capabilities", calls.vlm_get_capabilities);
    if (!find.Complete()) return std::nullopt;
    return calls;
  }
  missing = "geniex_version or ml_version";
  return std::nullopt;
}

}  // namespace guard::nexa
