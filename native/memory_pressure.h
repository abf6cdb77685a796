// Reports that the system's memory gets short, or is no longer so. It only wakes: what it means is read again.
#pragma once

#include <memory>

namespace guard {

// Destroying it ends the watch: `changed` does not run any more from then on.
class PressureWatch {
 public:
  virtual ~PressureWatch() = default;
};

bool MemoryPressureSupported() noexcept;

// Calls `changed(data)` on a thread of the system. Null if the system cannot be asked.
std::unique_ptr<PressureWatch> WatchMemoryPressure(void (*changed)(void* data), void* data) noexcept;

}  // namespace guard
