// Systems whose memory is read from files, or not at all: there is no call to ask.
#include "../system_memory.h"

namespace guard {

bool SystemMemorySupported() noexcept { return false; }

FailedCall ReadSystemMemory(double (&)[kSystemFigures]) noexcept { return {"ReadSystemMemory", 0}; }

}  // namespace guard
