// Returns memory to the system. It knows no JavaScript.
#pragma once

namespace guard {

// False if the system's allocator cannot return memory on demand. It may take tens of milliseconds, so it is not for the
// main thread.
bool TrimHeap() noexcept;

// Drops the cached pages of a file. The kernel keeps those that a process has mapped. False if the system cannot be asked.
// 150 MiB take about 120 ms, so it is not for the main thread.
bool DropPageCache(const char* path) noexcept;

}  // namespace guard
