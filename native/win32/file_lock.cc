// LockFileEx: owned by the handle, so it ends with the process. Such locks keep others from reading, so the byte that is
// locked lies where no file reaches.
#include "../file_lock.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

namespace guard {
namespace {

// A descriptor of Node's is a number of its own C runtime; only Node itself knows the handle behind it.
HANDLE HandleOf(int descriptor) noexcept {
  using Function = HANDLE (*)(int);
  static const auto get =
      reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle")));
  return get == nullptr ? INVALID_HANDLE_VALUE : get(descriptor);
}

OVERLAPPED FarByte() noexcept {
  OVERLAPPED where{};
  where.OffsetHigh = 0x40000000;
  return where;
}

// Windows has no errno: its own number is told.
LockAnswer Failed() noexcept {
  const DWORD error = GetLastError();
  if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return {LockAnswer::State::kBusy, 0};
  return {LockAnswer::State::kFailed, static_cast<int>(error)};
}

LockAnswer Lock(int descriptor, DWORD flags) noexcept {
  OVERLAPPED where = FarByte();
  if (LockFileEx(HandleOf(descriptor), flags | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &where)) {
    return {LockAnswer::State::kOurs, 0};
  }
  return Failed();
}

}  // namespace

bool LocksSupported() noexcept { return GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle") != nullptr; }

LockAnswer TryLock(int descriptor) noexcept {
  LockAnswer answer = Lock(descriptor, LOCKFILE_EXCLUSIVE_LOCK);
  // Who only asks holds it for a moment.
  for (int more = 0; more < 3 && answer.state == LockAnswer::State::kBusy; more++) {
    SwitchToThread();
    answer = Lock(descriptor, LOCKFILE_EXCLUSIVE_LOCK);
  }
  return answer;
}

LockAnswer Unlock(int descriptor) noexcept {
  OVERLAPPED where = FarByte();
  if (UnlockFileEx(HandleOf(descriptor), 0, 1, 0, &where)) return {LockAnswer::State::kOurs, 0};
  return Failed();
}

// There is no question without a lock: a shared one for a moment.
LockAnswer AskLock(int descriptor) noexcept {
  const LockAnswer answer = Lock(descriptor, 0);
  if (answer.state == LockAnswer::State::kOurs) Unlock(descriptor);
  return answer;
}

}  // namespace guard
