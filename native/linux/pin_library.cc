// The linker was told with -z nodelete, so there is nothing left to do.
#include "../pin_library.h"

namespace guard {

void PinLibrary() noexcept {}

}  // namespace guard
