// The SDK's library while somebody uses it: initialized for its first user, let go by its last.
// Plain C++: it knows neither JavaScript nor the operating system.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "calls.h"
#include "failure.h"
#include "layout.h"

namespace guard::nexa {

struct Device {
  std::string id;
  std::string name;
};

class Library {
 public:
  struct Opened {
    // Null where it failed: "open" (`detail` says why), "symbol" (the one that is missing), "version" (the unknown one),
    // "generation" (the forced layout is of the other one), "other-layout" (it is open with another one), or `init` failed.
    std::shared_ptr<Library> library;
    Failure failure;
  };

  // `forced` wins over what the version says. May take seconds: plugins are loaded.
  static Opened Open(const std::string& path, std::optional<Layout> forced) noexcept;

  // Of the last user. May wait for a load that is under way.
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Calls& Functions() const noexcept { return calls_; }
  Layout UsedLayout() const noexcept { return layout_; }
  const std::string& Version() const noexcept { return version_; }

  // After a create; what the first one loads besides has destructors too.
  void Created() noexcept;

  std::optional<Failure> Plugins(std::vector<std::string>& plugins) const;
  std::optional<Failure> Devices(const std::string& plugin, std::vector<Device>& devices) const;

  // Deinitializes whatever is still open, at the end of the process.
  static void EndAll() noexcept;

  // Held around init, deinit, create, destroy and the lists, of all libraries in this process: none of them is safe
  // beside another.
  static std::mutex& LifeLock() noexcept;

 private:
  Library(void* handle, const Calls& calls, Layout layout, std::string version);
  static Opened OpenLocked(const std::string& path, std::optional<Layout> forced);

  void* handle_;
  Calls calls_;
  Layout layout_;
  std::string version_;
  bool created_ = false;
};

}  // namespace guard::nexa
