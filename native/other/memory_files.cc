// Systems without a native reader: every question is answered with "not supported".
#include "../memory_files.h"

namespace guard {

bool MemoryFilesSupported() noexcept { return false; }

std::unique_ptr<MemoryFiles> OpenMemoryFiles(Plan&&) noexcept { return nullptr; }

const char* ErrnoName(int) noexcept { return nullptr; }

}  // namespace guard
