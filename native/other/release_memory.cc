// Systems whose allocator is left alone.
#include "../release_memory.h"

namespace guard {

bool TrimHeap() noexcept { return false; }

bool DropPageCache(const char*) noexcept { return false; }

}  // namespace guard
