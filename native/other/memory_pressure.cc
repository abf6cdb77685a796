// Systems that are not asked for notices of pressure: memory is read again when it is time.
#include "../memory_pressure.h"

namespace guard {

bool MemoryPressureSupported() noexcept { return false; }

std::unique_ptr<PressureWatch> WatchMemoryPressure(void (*)(void* data), void*) noexcept { return nullptr; }

}  // namespace guard
