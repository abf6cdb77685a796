// What a system tells about memory by calls instead of files, as raw figures. What follows from them is judged in
// src/sensors/darwin/darwin-figures.ts and src/sensors/win32/win32-figures.ts, which name the figures in the same order.
// Knows no JavaScript.
#pragma once

#include <cstddef>

namespace guard {

constexpr std::size_t kMachineFigures = 16;

// The call that failed and its error; a null `call` where all is well.
struct MachineAnswer {
  const char* call = nullptr;
  long error = 0;
};

// False where this system's memory is read from files, or not at all.
bool MachineSupported() noexcept;

// NaN: the system has no such figure, or it does not apply to this process.
MachineAnswer ReadMachine(double (&figures)[kMachineFigures]) noexcept;

}  // namespace guard
