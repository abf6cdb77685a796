// The private bytes of a process: what was promised to it alone, touched or not.
#include "../process_memory.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#include <psapi.h>

#include <limits>

namespace guard {

bool ProcessMemorySupported() noexcept { return true; }

double ReadProcessBytes(int pid) noexcept {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return kUnknown;
  PROCESS_MEMORY_COUNTERS_EX counters{};
  counters.cb = sizeof counters;
  // A process that has ended can be opened as long as anybody has a handle of it.
  const bool lives = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  const bool known =
      lives && GetProcessMemoryInfo(process, reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters), sizeof counters) != 0;
  CloseHandle(process);
  return known ? static_cast<double>(counters.PrivateUsage) : kUnknown;
}

}  // namespace guard
