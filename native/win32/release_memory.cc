// The process's heaps and its working set, and the cached pages of a file.
#include "../release_memory.h"

#include "wide_text.h"

namespace guard {
namespace {

constexpr DWORD kMostHeaps = 64;

}  // namespace

// Returns free blocks of the heaps first. Then the pages of the working set go to the standby list: as long as nobody else
// needs them, they come back without the disk.
bool TrimHeap() noexcept {
  HANDLE heaps[kMostHeaps];
  const DWORD count = GetProcessHeaps(kMostHeaps, heaps);
  for (DWORD at = 0; at < count && at < kMostHeaps; at++) HeapCompact(heaps[at], 0);
  constexpr auto kTrim = static_cast<SIZE_T>(-1);
  return SetProcessWorkingSetSize(GetCurrentProcess(), kTrim, kTrim) != 0;
}

// If a file is opened without buffering, the cache drops its pages, except those that are mapped.
bool DropPageCache(const char* path) noexcept {
  const HANDLE file =
      CreateFileW(ToWide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                  OPEN_EXISTING, FILE_FLAG_NO_BUFFERING, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  CloseHandle(file);
  return true;
}

}  // namespace guard
