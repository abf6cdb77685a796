// Systems on which nobody has found out how a library is kept.
#include "../pin_library.h"

namespace guard {

void PinLibrary() noexcept {}

}  // namespace guard
