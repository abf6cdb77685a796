// What a system reports about memory by calls instead of files, as raw figures. What follows from them is judged in
// src/sensors/darwin/darwin-figures.ts and src/sensors/win32/win32-figures.ts, which name the figures in the same order. It
// knows no JavaScript.
#pragma once

#include <cstddef>

namespace guard {

constexpr std::size_t kSystemFigures = 16;

// The call that failed and its error. `call` is null if no call failed.
struct FailedCall {
  const char* call = nullptr;
  long error = 0;
};

// False if this system's memory is read from files, or not at all.
bool SystemMemorySupported() noexcept;

// Fills every figure. NaN means that the system has no such figure, or that it does not apply to this process.
FailedCall ReadSystemMemory(double (&figures)[kSystemFigures]) noexcept;

}  // namespace guard
