// Opens this library once more, and never closes that reference.
#include "../pin_library.h"

#include <dlfcn.h>

namespace guard {

void PinLibrary() noexcept {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&PinLibrary), &here) != 0 && here.dli_fname != nullptr) {
    dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

}  // namespace guard
