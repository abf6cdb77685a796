// Tells when the system says that memory gets short, or is no longer so. It only wakes: what it means is read anew.
#pragma once

#include <memory>

namespace guard {

// Ends when it is destroyed: `changed` is not called any more from then on.
class PressureWatch {
 public:
  virtual ~PressureWatch() = default;
};

bool PressureSupported() noexcept;

// `changed(data)` is called on a thread of the system's. Null where the system can't be asked.
std::unique_ptr<PressureWatch> WatchPressure(void (*changed)(void* data), void* data) noexcept;

}  // namespace guard
