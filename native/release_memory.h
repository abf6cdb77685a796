// Gives memory back to the system. Knows no JavaScript.
#pragma once

namespace guard {

// False where the system's allocator gives nothing back on demand. May take tens of milliseconds: not for the main thread.
bool TrimHeap() noexcept;

// Drops the cached pages of a file. The kernel keeps those that somebody maps. False where it can't be asked. 150 MiB take
// about 120 ms: not for the main thread.
bool DropPageCache(const char* path) noexcept;

}  // namespace guard
