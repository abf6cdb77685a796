// Systems whose allocator and page cache are left alone.
#include "../release_memory.h"

namespace guard {

bool TrimHeap() noexcept { return false; }

bool DropPageCache(const char*) noexcept { return false; }

}  // namespace guard
