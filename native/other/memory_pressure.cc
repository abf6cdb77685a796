// Systems that give no notice here: memory is read again when it is time.
#include "../memory_pressure.h"

namespace guard {

bool PressureSupported() noexcept { return false; }

std::unique_ptr<PressureWatch> WatchPressure(void (*)(void* data), void*) noexcept { return nullptr; }

}  // namespace guard
