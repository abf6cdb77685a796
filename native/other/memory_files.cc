// Systems without memory files.
#include "../memory_files.h"

namespace guard {

bool MemoryFilesSupported() noexcept { return false; }

std::unique_ptr<MemoryFiles> OpenMemoryFiles(ReadPlan&&) noexcept { return nullptr; }

const char* ErrnoName(int) noexcept { return nullptr; }

}  // namespace guard
