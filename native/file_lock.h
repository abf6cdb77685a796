// Locks of open files that vanish with the process that holds them. Knows no JavaScript and no path.
#pragma once

namespace guard {

// Ours, or free where it was only asked for · another description of the file holds it · the call failed with this errno.
struct LockAnswer {
  enum class State { kOurs, kBusy, kFailed } state;
  int error;
};

bool LocksSupported() noexcept;
// Never waits.
LockAnswer TryLock(int descriptor) noexcept;
LockAnswer Unlock(int descriptor) noexcept;
// Whether another description of the same file holds the lock.
LockAnswer AskLock(int descriptor) noexcept;

}  // namespace guard
