// The SDK's library while somebody uses it: initialized for its first user, deinitialized after its last. It knows neither
// JavaScript nor the operating system.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "calls.h"
#include "failure.h"
#include "layout.h"
#include "plugin_path.h"

namespace guard::nexa {

struct Device {
  std::string id;
  std::string name;
};

class Library {
 public:
  struct Opened {
    // Null if it failed. Then `init` failed, or the failure's text is one of these words: "open" (the detail says why),
    // "symbol" (the one that is missing), "version" (the unknown one), "generation" (the forced layout is of the other
    // one), "other-layout" (it is open with another one).
    std::shared_ptr<Library> library;
    Failure failure;
  };

  // A `forced` layout is used whatever the version says. It may take seconds, because plugins are loaded.
  static Opened Open(const std::string& path, std::optional<Layout> forced) noexcept;

  // Runs for the last user. It may wait for a load that is under way.
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Calls& Functions() const noexcept { return calls_; }
  Layout UsedLayout() const noexcept { return layout_; }
  const std::string& Version() const noexcept { return version_; }

  // To be called before a create: the first one lets a plugin look for what lies beside it.
  void PrepareCreate() const;
  // To be called after a create: what the first create loads has destructors too.
  void NoteCreate() noexcept;

  std::optional<Failure> ListPlugins(std::vector<std::string>& plugins) const;
  std::optional<Failure> ListDevices(const std::string& plugin, std::vector<Device>& devices) const;

  // Deinitializes every library that is still open, at the end of the process.
  static void EndAll() noexcept;

  // Held around init, deinit, create, destroy and the lists of every library in this process (process_state.h).
  static std::mutex& LifeMutex() noexcept;

 private:
  Library(void* handle, const Calls& calls, Layout layout, std::string version, PluginPath plugin_path);
  static Opened OpenLocked(const std::string& path, std::optional<Layout> forced);

  void* handle_;
  Calls calls_;
  Layout layout_;
  std::string version_;
  PluginPath plugin_path_;
  bool created_ = false;
};

}  // namespace guard::nexa
