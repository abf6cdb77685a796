// Systems for which nobody has written the loader yet: the SDK's library is never found there.
#include "../nexa_os.h"

#include <cstdlib>

namespace guard::nexa::os {

bool LibrariesSupported() noexcept { return false; }

void* OpenLibrary(const std::string&, std::string& problem) {
  problem = "this system is not supported";
  return nullptr;
}

void* FindSymbol(void*, const char*) noexcept { return nullptr; }

bool IsReadableFile(const std::string&) noexcept { return false; }

std::string ReadVariable(const char*) { return {}; }

void WriteVariable(const char*, const std::string&) {}

bool StartDetached(void (*)(void*), void*) noexcept { return false; }

bool ThreadsOutliveExit() noexcept { return false; }

void RunAtProcessEnd(AtEnd) noexcept {}

void EndProcess(int code) noexcept { std::_Exit(code); }

}  // namespace guard::nexa::os
