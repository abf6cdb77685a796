// Waits for a lock on a thread of its own and hands it to a thread that may be busy. It knows no file system and no
// JavaScript.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "file_lock.h"

namespace guard {

// Where the file says who holds the lock: two doubles, the holder and the microsecond at which it got it.
struct HolderNote {
  std::uint32_t offset;
  double holder;
};

class LockQueue {
 public:
  // `told` is called on the queue's thread whenever `Take` has something to say. Null if there is no thread or descriptor.
  static std::unique_ptr<LockQueue> Open(int descriptor, std::uint32_t number, HolderNote note,
                                         std::function<void()> told) noexcept;
  // Ends the waiting; what the queue holds is given back.
  ~LockQueue();
  LockQueue(const LockQueue&) = delete;
  LockQueue& operator=(const LockQueue&) = delete;

  // Begins to wait, if it doesn't. If the lock is to be held, whoever waits gets it and keeps it until it is taken; if not,
  // it is only told that the lock was free, which costs others no time.
  void Join(bool holds) noexcept;

  struct Turn {
    // kWaiting: the lock is waited for still or, because nobody took it in time, again. kOurs: it is held until `Release`.
    // kFree: it was free a moment ago. kFailed: the call failed with `error`. Nothing is waited for after the last two.
    enum class State { kWaiting, kOurs, kFree, kFailed } state;
    int error;
  };
  Turn Take() noexcept;
  void Release() noexcept;
  // Nobody needs the lock any more.
  void Leave() noexcept;

 private:
  struct Shared;

  explicit LockQueue(std::shared_ptr<Shared> shared) noexcept;
  static void Run(Shared& shared) noexcept;

  // The thread may outlive this object: nothing ends a call that waits.
  std::shared_ptr<Shared> shared_;
};

}  // namespace guard
