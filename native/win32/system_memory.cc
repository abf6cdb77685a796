// Physical memory, the commit limit, the innermost job that this process is in, and the system's notice of low memory.
#include "../system_memory.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#include <psapi.h>

#include <limits>

namespace guard {
namespace {

// In the order of src/sensors/win32/win32-figures.ts.
enum Figure : std::size_t {
  kTotalBytes = 0,
  kAvailableBytes = 1,
  kCommitLimitBytes = 2,
  kCommitAvailableBytes = 3,
  // Of all processes of the job together.
  kJobLimitBytes = 4,
  kJobUsedBytes = 5,
  // Of each process of the job.
  kProcessLimitBytes = 6,
  kProcessUsedBytes = 7,
  // 1 while the system says that memory is low.
  kLowMemory = 8,
};

// JobObjectMemoryUsageInformation of Windows 10 1607, which is not in every header.
constexpr auto kJobMemoryUsage = static_cast<JOBOBJECTINFOCLASS>(28);
struct JobMemoryUsage {
  ULONG64 now;
  ULONG64 peak;
};

FailedCall ReadJob(double (&figures)[kSystemFigures]) noexcept {
  BOOL inside = FALSE;
  if (!IsProcessInJob(GetCurrentProcess(), nullptr, &inside)) return {"IsProcessInJob", static_cast<long>(GetLastError())};
  if (!inside) return {};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  if (!QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof limits, nullptr)) {
    return {"QueryInformationJobObject", static_cast<long>(GetLastError())};
  }
  const DWORD flags = limits.BasicLimitInformation.LimitFlags;
  if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0) {
    figures[kJobLimitBytes] = static_cast<double>(limits.JobMemoryLimit);
    JobMemoryUsage usage{};
    const bool known = QueryInformationJobObject(nullptr, kJobMemoryUsage, &usage, sizeof usage, nullptr) != 0;
    // Before Windows 10 the system only reports the most that was ever used, which errs on the safe side.
    figures[kJobUsedBytes] = static_cast<double>(known ? usage.now : limits.PeakJobMemoryUsed);
  }
  if ((flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0) {
    figures[kProcessLimitBytes] = static_cast<double>(limits.ProcessMemoryLimit);
  }
  return {};
}

FailedCall ReadProcess(double (&figures)[kSystemFigures]) noexcept {
  PROCESS_MEMORY_COUNTERS_EX counters{};
  counters.cb = sizeof counters;
  if (!GetProcessMemoryInfo(GetCurrentProcess(), reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters), sizeof counters)) {
    return {"GetProcessMemoryInfo", static_cast<long>(GetLastError())};
  }
  figures[kProcessUsedBytes] = static_cast<double>(counters.PrivateUsage);
  return {};
}

}  // namespace

bool SystemMemorySupported() noexcept { return true; }

FailedCall ReadSystemMemory(double (&figures)[kSystemFigures]) noexcept {
  for (double& figure : figures) figure = std::numeric_limits<double>::quiet_NaN();

  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  if (!GlobalMemoryStatusEx(&status)) return {"GlobalMemoryStatusEx", static_cast<long>(GetLastError())};
  figures[kTotalBytes] = static_cast<double>(status.ullTotalPhys);
  figures[kAvailableBytes] = static_cast<double>(status.ullAvailPhys);
  figures[kCommitLimitBytes] = static_cast<double>(status.ullTotalPageFile);
  figures[kCommitAvailableBytes] = static_cast<double>(status.ullAvailPageFile);

  if (const FailedCall failed = ReadJob(figures); failed.call != nullptr) return failed;
  if (const FailedCall failed = ReadProcess(figures); failed.call != nullptr) return failed;

  // One handle serves until the process ends; without it the figure stays absent.
  static const HANDLE low = CreateMemoryResourceNotification(LowMemoryResourceNotification);
  BOOL is_low = FALSE;
  if (low != nullptr && QueryMemoryResourceNotification(low, &is_low)) figures[kLowMemory] = is_low ? 1 : 0;
  return {};
}

}  // namespace guard
