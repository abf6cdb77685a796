// The thread that reads the files of all watches: one for the whole process, started with the first watch and never joined.
// It shares nothing with a JavaScript environment but the function that it calls if there is something to read, which does
// nothing once the environment is gone.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "../memory_watch.h"
#include "watched_files.h"

namespace guard {

// One watch between the thread and those who asked for it.
struct SharedWatch {
  SharedWatch(std::unique_ptr<MemoryFiles> opened, std::vector<Notice>&& notices, bool swap, std::function<void()> woken)
      : files(std::move(opened), std::move(notices), swap, std::move(woken)) {}

  struct Least {
    double left_bytes;
    double at_ms;
  };

  // Of the thread alone.
  WatchedFiles files;

  struct Next {
    Judgement judgement;
    double at_ms;
  };

  // Under the thread's mutex.
  std::optional<Next> next;
  std::optional<Least> least;
  bool closed = false;
};

// Every public method may be called from any thread. The mutex is held for moments only: no file is read and no notice
// registered under it, and no other lock is taken.
class WatchThread {
 public:
  // Never destroyed: the thread may still use it while the process ends.
  static WatchThread& Instance() noexcept;

  // Starts the thread if it does not run. False if the system gives none; then the watch was not added.
  bool Add(std::shared_ptr<SharedWatch> watch) noexcept;
  void Judge(SharedWatch& watch, Judgement&& judgement) noexcept;
  std::optional<LeastLeft> Take(SharedWatch& watch) noexcept;
  // The thread lets go of it last.
  void Close(std::shared_ptr<SharedWatch>&& watch) noexcept;

 private:
  WatchThread() = default;

  bool Start() noexcept;
  void Wake() noexcept;
  void Run() noexcept;
  std::vector<std::shared_ptr<SharedWatch>> TakeOver() noexcept;
  void SleepUntil(double due_ms) noexcept;
  void Read(SharedWatch& watch, double now_ms) noexcept;

  std::mutex mutex_;
  std::vector<std::shared_ptr<SharedWatch>> watches_;
  // When it wakes by itself. Infinite while it is awake: it may have taken over what was judged already.
  double asleep_until_ms_ = std::numeric_limits<double>::infinity();
  // An eventfd; negative until the thread runs.
  int wake_ = -1;
};

}  // namespace guard
