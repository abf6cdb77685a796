// Systems of which nothing is known.
#include "../pin.h"

namespace guard {

void PinLibrary() noexcept {}

}  // namespace guard
