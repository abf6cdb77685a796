#include "../memory_watch.h"

namespace guard {

bool MemoryWatchSupported() noexcept { return false; }
bool OpenWake(int (&)[2]) noexcept { return false; }
void CloseWake(int) noexcept {}
std::unique_ptr<MemoryWatch> OpenMemoryWatch(Plan&&, std::vector<Notice>&&, int) noexcept { return nullptr; }

}  // namespace guard
