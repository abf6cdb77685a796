// The zones of malloc, and the cached pages of a file.
#include "../release_memory.h"

#include <fcntl.h>
#include <malloc/malloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guard {

// Asks every zone for as much as it has. The result of the call is how much came back; nothing is no failure.
bool TrimHeap() noexcept {
  malloc_zone_pressure_relief(nullptr, 0);
  return true;
}

// macOS has no fadvise, so a mapping of the file is invalidated. Pages that others map stay.
bool DropPageCache(const char* path) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file == -1) return false;
  struct stat status {};
  bool asked = false;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    const auto length = static_cast<size_t>(status.st_size);
    void* mapping = mmap(nullptr, length, PROT_READ, MAP_SHARED, file, 0);
    if (mapping != MAP_FAILED) {
      asked = msync(mapping, length, MS_INVALIDATE) == 0;
      munmap(mapping, length);
    }
  }
  close(file);
  return asked;
}

}  // namespace guard
