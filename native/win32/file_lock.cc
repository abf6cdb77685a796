// LockFileEx: the handle owns the lock, so it ends with the process. Such a lock keeps others from reading, so it is taken
// on a byte that lies behind the end of any file.
#include "../file_lock.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <new>

namespace guard {
namespace {

// A descriptor of Node is a number of Node's own C runtime, so only Node knows the handle behind it.
HANDLE FindHandle(int descriptor) noexcept {
  using Function = HANDLE (*)(int);
  static const auto get =
      reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle")));
  return get == nullptr ? INVALID_HANDLE_VALUE : get(descriptor);
}

OVERLAPPED MakeRange(std::uint32_t number) noexcept {
  OVERLAPPED range{};
  range.Offset = number;
  range.OffsetHigh = 0x40000000;
  return range;
}

// Windows has no errno, so the answer has its own number.
LockAnswer DescribeFailure() noexcept {
  const DWORD error = GetLastError();
  if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return {LockAnswer::State::kBusy, 0};
  return {LockAnswer::State::kFailed, static_cast<int>(error)};
}

LockAnswer Lock(HANDLE handle, DWORD flags, std::uint32_t number, std::uint32_t count) noexcept {
  OVERLAPPED range = MakeRange(number);
  if (LockFileEx(handle, flags, 0, count, 0, &range)) return {LockAnswer::State::kOurs, 0};
  return DescribeFailure();
}

LockAnswer UnlockRange(HANDLE handle, std::uint32_t number, std::uint32_t count) noexcept {
  OVERLAPPED range = MakeRange(number);
  if (UnlockFileEx(handle, 0, count, 0, &range)) return {LockAnswer::State::kOurs, 0};
  return DescribeFailure();
}

class Duplicate final : public WaitingFile {
 public:
  explicit Duplicate(HANDLE handle) noexcept : handle_(handle) {}
  ~Duplicate() override { CloseHandle(handle_); }

  LockAnswer Wait(std::uint32_t number) noexcept override { return Lock(handle_, LOCKFILE_EXCLUSIVE_LOCK, number, 1); }
  LockAnswer Unlock(std::uint32_t number) noexcept override { return UnlockRange(handle_, number, 1); }
  void Write(std::uint32_t offset, const void* bytes, std::size_t size) noexcept override {
    OVERLAPPED place{};
    place.Offset = offset;
    DWORD written = 0;
    (void)WriteFile(handle_, bytes, static_cast<DWORD>(size), &written, &place);
  }

 private:
  HANDLE handle_;
};

}  // namespace

bool FileLockSupported() noexcept { return GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle") != nullptr; }

LockAnswer TryLock(int descriptor, std::uint32_t number) noexcept {
  constexpr DWORD kAtOnce = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
  const HANDLE handle = FindHandle(descriptor);
  LockAnswer answer = Lock(handle, kAtOnce, number, 1);
  // A caller who only asks holds the lock for a moment.
  for (int more = 0; more < 3 && answer.state == LockAnswer::State::kBusy; more++) {
    SwitchToThread();
    answer = Lock(handle, kAtOnce, number, 1);
  }
  return answer;
}

LockAnswer Unlock(int descriptor, std::uint32_t number) noexcept { return UnlockRange(FindHandle(descriptor), number, 1); }

// Windows cannot ask without locking, so a shared lock is taken for a moment.
LockAnswer AskLocks(int descriptor, std::uint32_t first, std::uint32_t count) noexcept {
  const HANDLE handle = FindHandle(descriptor);
  const LockAnswer answer = Lock(handle, LOCKFILE_FAIL_IMMEDIATELY, first, count);
  if (answer.state == LockAnswer::State::kOurs) UnlockRange(handle, first, count);
  return answer;
}

int RaiseDescriptor(int) noexcept { return -1; }

std::unique_ptr<WaitingFile> OpenWaitingFile(int descriptor) noexcept {
  HANDLE duplicate = INVALID_HANDLE_VALUE;
  const HANDLE process = GetCurrentProcess();
  if (!DuplicateHandle(process, FindHandle(descriptor), process, &duplicate, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
    return nullptr;
  }
  auto* file = new (std::nothrow) Duplicate(duplicate);
  if (file == nullptr) CloseHandle(duplicate);
  return std::unique_ptr<WaitingFile>(file);
}

}  // namespace guard
