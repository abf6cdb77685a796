// Opening, listing and letting go. Lock order: the life lock, then the log's.
#include "library.h"

#include <map>
#include <utility>

#include "library_log.h"
#include "../nexa_os.h"
#include "shutdown.h"

namespace guard::nexa {
namespace {

struct Known {
  // By the system's handle: one file is one library, whatever path led to it.
  std::map<void*, std::weak_ptr<Library>> libraries;
  // What `init` of an earlier library left in the process, by the variable's name.
  std::map<std::string, std::string> left;
};

// Guarded by the life lock. Never destroyed, as all that threads may touch while the process ends.
Known& TheKnown() {
  static Known* known = new Known;
  return *known;
}

// `init` tells plugins by it where they lie, and believes what another library left there.
const char* PluginPathOf(Generation generation) noexcept {
  return generation == Generation::kNexa ? "NEXA_PLUGIN_PATH" : "GENIEX_PLUGIN_PATH";
}

std::int32_t Initialize(const Calls& calls) {
  const char* variable = PluginPathOf(calls.generation);
  std::map<std::string, std::string>& left = TheKnown().left;
  const auto stale = left.find(variable);
  if (stale != left.end() && stale->second == os::Variable(variable)) os::ClearVariable(variable);
  const std::string before = os::Variable(variable);
  const std::int32_t code = Run(calls.init);
  const std::string after = os::Variable(variable);
  if (after != before) left[variable] = after;
  return code;
}

}  // namespace

std::mutex& Library::LifeLock() noexcept {
  static std::mutex* lock = new std::mutex;
  return *lock;
}

Library::Library(void* handle, const Calls& calls, Layout layout, std::string version)
    : handle_(handle), calls_(calls), layout_(layout), version_(std::move(version)) {}

Library::~Library() {
  const std::lock_guard<std::mutex> lock(LifeLock());
  const auto known = TheKnown().libraries.find(handle_);
  // Somebody who opened it again since then has initialized it again, and it is theirs.
  if (known == TheKnown().libraries.end() || !known->second.expired()) return;
  TheKnown().libraries.erase(known);
  Run(calls_.deinit);
}

void Library::EndAll() noexcept {
  try {
    // Released after the lock, which destructors take.
    std::vector<std::shared_ptr<Library>> open;
    const std::lock_guard<std::mutex> lock(LifeLock());
    for (const auto& [handle, known] : TheKnown().libraries) {
      if (auto library = known.lock()) open.push_back(std::move(library));
    }
    TheKnown().libraries.clear();
    for (const auto& library : open) Run(library->calls_.deinit);
  } catch (...) {
  }
}

Library::Opened Library::Open(const std::string& path, std::optional<Layout> forced) noexcept {
  try {
    Opened opened;
    {
      const std::lock_guard<std::mutex> lock(LifeLock());
      opened = OpenLocked(path, forced);
    }
    // Outside the lock, which the last user takes when it goes.
    if (!opened.failure.text.empty()) opened.library = nullptr;
    return opened;
  } catch (...) {
    return {nullptr, {{}, 0, "no-memory", {}}};
  }
}

Library::Opened Library::OpenLocked(const std::string& path, std::optional<Layout> forced) {
  std::string detail;
  void* handle = os::OpenLibrary(path, detail);
  if (handle == nullptr) return {nullptr, Refused("open", detail)};
  const std::optional<Calls> calls = FindCalls(handle, detail);
  if (!calls) return {nullptr, Refused("symbol", detail)};
  const char* said = calls->version();
  const std::string version = said != nullptr ? said : "";
  const std::optional<Layout> layout = forced ? forced : LayoutOf(calls->generation, version);
  if (!layout) return {nullptr, Refused("version", version)};
  if (GenerationOf(*layout) != calls->generation) return {nullptr, Refused("generation", version)};
  std::weak_ptr<Library>& known = TheKnown().libraries[handle];
  if (std::shared_ptr<Library> open = known.lock()) {
    Failure failure;
    if (open->layout_ != *layout) failure = Refused("other-layout", nexa::NameOf(open->layout_));
    return {std::move(open), std::move(failure)};
  }
  KeptError logged;
  Run([&] { return calls->set_log(TakeLogLine); });
  if (const std::int32_t code = Initialize(*calls); code != 0) {
    return {nullptr, FailureOf(*calls, "init", code, logged.Text())};
  }
  // After `init`, so that it comes before the destructors of the library and its plugins.
  PrepareShutdown();
  std::shared_ptr<Library> library(new Library(handle, *calls, *layout, version));
  known = library;
  return {std::move(library), {}};
}

void Library::Created() noexcept {
  if (!std::exchange(created_, true)) PrepareShutdown();
}

std::optional<Failure> Library::Plugins(std::vector<std::string>& plugins) const {
  const std::lock_guard<std::mutex> lock(LifeLock());
  KeptError logged;
  PluginList list{};
  if (const std::int32_t code = Run([&] { return calls_.get_plugin_list(&list); }); code != 0) {
    return FailureOf(calls_, "get_plugin_list", code, logged.Text());
  }
  if (list.plugin_ids == nullptr) return std::nullopt;
  for (std::int32_t at = 0; at < list.plugin_count; at++) {
    if (list.plugin_ids[at] == nullptr) continue;
    plugins.emplace_back(list.plugin_ids[at]);
    calls_.free(list.plugin_ids[at]);
  }
  calls_.free(list.plugin_ids);
  return std::nullopt;
}

std::optional<Failure> Library::Devices(const std::string& plugin, std::vector<Device>& devices) const {
  const std::lock_guard<std::mutex> lock(LifeLock());
  KeptError logged;
  const DeviceListInput input{plugin.c_str()};
  DeviceList list{};
  if (const std::int32_t code = Run([&] { return calls_.get_device_list(&input, &list); }); code != 0) {
    return FailureOf(calls_, "get_device_list", code, logged.Text());
  }
  // Their strings stay the library's.
  for (std::int32_t at = 0; list.device_ids != nullptr && at < list.device_count; at++) {
    const char* id = list.device_ids[at];
    const char* name = list.device_names != nullptr ? list.device_names[at] : nullptr;
    if (id != nullptr) devices.push_back({id, name != nullptr ? name : id});
  }
  if (list.device_ids != nullptr) calls_.free(list.device_ids);
  if (list.device_names != nullptr) calls_.free(list.device_names);
  return std::nullopt;
}

}  // namespace guard::nexa
