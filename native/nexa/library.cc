// Opening, listing and releasing. Lock order: the life mutex, then the mutex of the log sinks.
#include "library.h"

#include <utility>

#include "../nexa_os.h"
#include "library_log.h"
#include "plugin_path.h"
#include "process_state.h"
#include "shutdown.h"
#include "thread_spinning.h"

namespace guard::nexa {
namespace {

std::int32_t Initialize(const Calls& calls, PluginPath& path) {
  UsePluginPath({});
  const PluginPath before = ReadPluginPath();
  const std::int32_t code = RunCall(calls.init);
  path = NotePluginPath(before);
  return code;
}

}  // namespace

std::mutex& Library::LifeMutex() noexcept { return GetProcessState().libraries.life_mutex; }

Library::Library(void* handle, const Calls& calls, Layout layout, std::string version, PluginPath plugin_path)
    : handle_(handle), calls_(calls), layout_(layout), version_(std::move(version)), plugin_path_(std::move(plugin_path)) {}

Library::~Library() {
  const std::lock_guard<std::mutex> lock(LifeMutex());
  auto& by_handle = GetProcessState().libraries.by_handle;
  const auto known = by_handle.find(handle_);
  // If somebody opened it again since then, they have initialized it again, and deinitialize it.
  if (known == by_handle.end() || !known->second.expired()) return;
  by_handle.erase(known);
  RunCall(calls_.deinit);
}

void Library::EndAll() noexcept {
  try {
    // Declared before the lock, so that it is released after it: destructors take the mutex.
    std::vector<std::shared_ptr<Library>> open;
    const std::lock_guard<std::mutex> lock(LifeMutex());
    auto& by_handle = GetProcessState().libraries.by_handle;
    for (const auto& [handle, known] : by_handle) {
      if (auto library = known.lock()) open.push_back(std::move(library));
    }
    by_handle.clear();
    for (const auto& library : open) RunCall(library->calls_.deinit);
  } catch (...) {
  }
}

Library::Opened Library::Open(const std::string& path, std::optional<Layout> forced) noexcept {
  try {
    Opened opened;
    {
      const std::lock_guard<std::mutex> lock(LifeMutex());
      opened = OpenLocked(path, forced);
    }
    // Outside the lock, because the destructor of the last user takes it.
    if (!opened.failure.text.empty()) opened.library = nullptr;
    return opened;
  } catch (...) {
    return {nullptr, {{}, 0, "no-memory", {}}};
  }
}

Library::Opened Library::OpenLocked(const std::string& path, std::optional<Layout> forced) {
  std::string detail;
  LimitThreadSpinning();
  void* handle = os::OpenLibrary(path, detail);
  if (handle == nullptr) return {nullptr, MakeRefusal("open", detail)};
  const std::optional<Calls> calls = FindCalls(handle, detail);
  if (!calls) return {nullptr, MakeRefusal("symbol", detail)};
  const char* said = calls->version();
  const std::string version = said != nullptr ? said : "";
  const std::optional<Layout> layout = forced ? forced : FindLayout(calls->generation, version);
  if (!layout) return {nullptr, MakeRefusal("version", version)};
  if (GetGeneration(*layout) != calls->generation) return {nullptr, MakeRefusal("generation", version)};
  std::weak_ptr<Library>& known = GetProcessState().libraries.by_handle[handle];
  if (std::shared_ptr<Library> open = known.lock()) {
    Failure failure;
    if (open->layout_ != *layout) failure = MakeRefusal("other-layout", GetLayoutName(open->layout_));
    return {std::move(open), std::move(failure)};
  }
  CallLog logged;
  RunCall([&] { return calls->set_log(TakeLogLine); });
  PluginPath plugin_path;
  if (const std::int32_t code = Initialize(*calls, plugin_path); code != 0) {
    return {nullptr, MakeFailure(*calls, "init", code, logged.Problem())};
  }
  // After `init`, so that it runs before the destructors of the library and its plugins.
  PrepareShutdown();
  std::shared_ptr<Library> library(new Library(handle, *calls, *layout, version, std::move(plugin_path)));
  known = library;
  return {std::move(library), {}};
}

void Library::PrepareCreate() const { UsePluginPath(plugin_path_); }

void Library::NoteCreate() noexcept {
  if (!std::exchange(created_, true)) PrepareShutdown();
}

std::optional<Failure> Library::ListPlugins(std::vector<std::string>& plugins) const {
  const std::lock_guard<std::mutex> lock(LifeMutex());
  CallLog logged;
  PluginList list{};
  if (const std::int32_t code = RunCall([&] { return calls_.get_plugin_list(&list); }); code != 0) {
    return MakeFailure(calls_, "get_plugin_list", code, logged.Problem());
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

std::optional<Failure> Library::ListDevices(const std::string& plugin, std::vector<Device>& devices) const {
  const std::lock_guard<std::mutex> lock(LifeMutex());
  CallLog logged;
  UsePluginPath(plugin_path_);
  const DeviceListInput input{plugin.c_str()};
  DeviceList list{};
  if (const std::int32_t code = RunCall([&] { return calls_.get_device_list(&input, &list); }); code != 0) {
    return MakeFailure(calls_, "get_device_list", code, logged.Problem());
  }
  // The strings of the list stay the library's; the lists themselves must be freed.
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
