// The linker was told (-z nodelete); there is nothing left to do.
#include "../pin_library.h"

namespace guard {

void PinLibrary() noexcept {}

}  // namespace guard
