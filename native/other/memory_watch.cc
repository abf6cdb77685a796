// Systems without memory files have nothing to watch on a thread.
#include "../memory_watch.h"

namespace guard {

bool MemoryWatchSupported() noexcept { return false; }
bool OpenWakeEnds(int (&)[2]) noexcept { return false; }
void CloseWakeEnd(int) noexcept {}
std::unique_ptr<MemoryWatch> OpenMemoryWatch(ReadPlan&&, std::vector<Notice>&&, int) noexcept { return nullptr; }

}  // namespace guard
