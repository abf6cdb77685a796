// A thread that waits for the parent's process. Windows gives a process no other parent, so its handle tells.
#include "../lifeline.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <mutex>

namespace guard {
namespace {

constexpr SIZE_T kStackBytes = 64 * 1024;

// Nothing that a library does at an end runs.
void EndAtOnce() noexcept { TerminateProcess(GetCurrentProcess(), 1); }

DWORD WINAPI Run(void* parent) {
  if (WaitForSingleObject(parent, INFINITE) == WAIT_OBJECT_0) EndAtOnce();
  CloseHandle(parent);
  return 0;
}

bool Start(int pid) noexcept {
  const HANDLE parent = OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (parent == nullptr) {
    // There is no such process any more.
    if (GetLastError() == ERROR_INVALID_PARAMETER) EndAtOnce();
    return false;
  }
  const HANDLE thread = CreateThread(nullptr, kStackBytes, Run, parent, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread == nullptr) {
    CloseHandle(parent);
    return false;
  }
  CloseHandle(thread);
  return true;
}

// Guards the other.
std::mutex mutex;
bool runs = false;

}  // namespace

bool LifelineSupported() noexcept { return true; }

bool EndWith(int, int pid) noexcept {
  const std::lock_guard<std::mutex> lock(mutex);
  runs = runs || Start(pid);
  return runs;
}

}  // namespace guard
