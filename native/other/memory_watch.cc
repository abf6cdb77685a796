// Systems without memory files have nothing to watch on a thread.
#include "../memory_watch.h"

namespace guard {

bool MemoryWatchSupported() noexcept { return false; }
std::unique_ptr<MemoryWatch> OpenMemoryWatch(ReadPlan&&, std::vector<Notice>&&, std::function<void()>) noexcept {
  return nullptr;
}

}  // namespace guard
