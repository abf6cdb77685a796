// Arithmetic on the numbers of a row, of which any may be absent (NaN). It reads nothing.
#pragma once

#include "../memory_files.h"

namespace guard {

// Whether a column says what is in use. Unlike a limit, that is always a number of bytes.
constexpr bool IsUsage(std::size_t column) noexcept { return column == kUsed || column == kSwapUsed; }

// Returns the lower of both; `bound` if `candidate` is absent.
inline double TakeLower(double bound, double candidate) noexcept { return candidate < bound ? candidate : bound; }

// What a group can still take before it must reclaim.
inline double ComputeRoomWithoutReclaim(const double* row) noexcept {
  const double room = TakeLower(row[kLimit], row[kHigh]) - row[kUsed];
  return TakeLower(room, row[kSwapLimit] - row[kSwapUsed]);
}

}  // namespace guard
