// All windows of the process, and the thread that looks into those that last. It starts with a window and ends when there
// is none.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "load_window.h"

namespace guard {

// Every public method may be called from any thread. The mutex is held while memory maps are read if a window is opened or
// closed, and otherwise for moments; no look is made under it.
class LoadWindows {
 public:
  // Never destroyed: the thread may still use it while the process ends.
  static LoadWindows& Instance() noexcept;

  // False if the process's memory can't be read, or the system gives no thread.
  bool Open(const std::shared_ptr<LoadWindow>& window);
  void Close(const std::shared_ptr<LoadWindow>& window) noexcept;
  // Has the thread look, and then call `done`, which must not throw.
  void LookSoon(LoadWindow& window, std::function<void()>&& done);
  // The SDK blocks JavaScript from now on, or no longer. To be called in that thread.
  void Block(LoadWindow& window, bool now) noexcept;
  // Runs `act` while nobody else changes the window.
  template <class Act>
  auto With(Act act) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return act();
  }

 private:
  using Clock = std::chrono::steady_clock;

  LoadWindows() = default;

  bool Start() noexcept;
  void Run() noexcept;
  void Look(LoadWindow& window) noexcept;
  bool Trusts(const AddressMap& now, double heap_bytes) noexcept;
  void Keep(long virtual_pages, SharedMap map) noexcept;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<LoadWindow>> open_;
  // The last map that was read, and the size that the process had just before.
  SharedMap known_;
  long known_pages_ = 0;
  bool runs_ = false;
  Clock::time_point asleep_until_ = Clock::time_point::max();
  std::atomic<bool> trusts_{false};
};

}  // namespace guard
