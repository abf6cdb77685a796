// Systems of which nothing is known.
#include "../pin_library.h"

namespace guard {

void PinLibrary() noexcept {}

}  // namespace guard
