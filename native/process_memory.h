// What another process holds, on systems that are asked for it by a call. It knows no JavaScript.
#pragma once

namespace guard {

// False if this system tells it by files, or not at all.
bool ProcessMemorySupported() noexcept;

// The bytes that this process alone holds, in memory or not. NaN: it has ended, or the system doesn't tell.
double ReadProcessBytes(int pid) noexcept;

}  // namespace guard
