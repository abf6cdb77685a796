// Systems that tell by files what a process holds, or not at all.
#include "../process_memory.h"

#include <limits>

namespace guard {

bool ProcessMemorySupported() noexcept { return false; }

double ReadProcessBytes(int) noexcept { return std::numeric_limits<double>::quiet_NaN(); }

}  // namespace guard
