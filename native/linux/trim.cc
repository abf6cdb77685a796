// glibc keeps blocks of up to 32 MiB that were freed; musl has no such call and keeps less.
#include "../trim.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace guard {

bool TrimHeap() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
  return true;
#else
  return false;
#endif
}

}  // namespace guard
