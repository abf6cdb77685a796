// LockFileEx: the handle owns the lock, so it ends with the process. Such a lock keeps others from reading, so it is taken
// on a byte that lies behind the end of any file.
#include "../file_lock.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

namespace guard {
namespace {

// A descriptor of Node is a number of Node's own C runtime, so only Node knows the handle behind it.
HANDLE FindHandle(int descriptor) noexcept {
  using Function = HANDLE (*)(int);
  static const auto get =
      reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle")));
  return get == nullptr ? INVALID_HANDLE_VALUE : get(descriptor);
}

OVERLAPPED MakeRange() noexcept {
  OVERLAPPED range{};
  range.OffsetHigh = 0x40000000;
  return range;
}

// Windows has no errno, so the answer has its own number.
LockAnswer DescribeFailure() noexcept {
  const DWORD error = GetLastError();
  if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return {LockAnswer::State::kBusy, 0};
  return {LockAnswer::State::kFailed, static_cast<int>(error)};
}

LockAnswer Lock(int descriptor, DWORD flags) noexcept {
  OVERLAPPED range = MakeRange();
  if (LockFileEx(FindHandle(descriptor), flags | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range)) {
    return {LockAnswer::State::kOurs, 0};
  }
  return DescribeFailure();
}

}  // namespace

bool FileLockSupported() noexcept { return GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle") != nullptr; }

LockAnswer TryLock(int descriptor) noexcept {
  LockAnswer answer = Lock(descriptor, LOCKFILE_EXCLUSIVE_LOCK);
  // A caller who only asks holds the lock for a moment.
  for (int more = 0; more < 3 && answer.state == LockAnswer::State::kBusy; more++) {
    SwitchToThread();
    answer = Lock(descriptor, LOCKFILE_EXCLUSIVE_LOCK);
  }
  return answer;
}

LockAnswer Unlock(int descriptor) noexcept {
  OVERLAPPED range = MakeRange();
  if (UnlockFileEx(FindHandle(descriptor), 0, 1, 0, &range)) return {LockAnswer::State::kOurs, 0};
  return DescribeFailure();
}

// Windows cannot ask without locking, so a shared lock is taken for a moment.
LockAnswer AskLock(int descriptor) noexcept {
  const LockAnswer answer = Lock(descriptor, 0);
  if (answer.state == LockAnswer::State::kOurs) Unlock(descriptor);
  return answer;
}

}  // namespace guard
