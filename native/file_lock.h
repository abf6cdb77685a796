// Locks of open files that end with the process that holds them. It knows no JavaScript and no path.
#pragma once

namespace guard {

struct LockAnswer {
  // kOurs: this descriptor holds the lock, or, if it was only asked for, the lock is free. kBusy: another open file
  // description holds it. kFailed: the call failed with `error`.
  enum class State { kOurs, kBusy, kFailed } state;
  int error;
};

bool FileLockSupported() noexcept;
// Never waits.
LockAnswer TryLock(int descriptor) noexcept;
LockAnswer Unlock(int descriptor) noexcept;
// Asks whether another open file description of the same file holds the lock.
LockAnswer AskLock(int descriptor) noexcept;

}  // namespace guard
