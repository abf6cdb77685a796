// Gives memory that was freed back to the system. Knows no JavaScript.
#pragma once

namespace guard {

// False where the system's allocator gives nothing back on demand. May take tens of milliseconds: not for the main thread.
bool TrimHeap() noexcept;

}  // namespace guard
