// glibc keeps blocks of up to 32 MiB that were freed. musl has no such call and keeps less.
#include "../release_memory.h"

#include <fcntl.h>
#include <unistd.h>

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

bool DropPageCache(const char* path) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file == -1) return false;
  const bool asked = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
  close(file);
  return asked;
}

}  // namespace guard
