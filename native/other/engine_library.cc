// A system where no build of llama.cpp was ever asked.
#include "../engine_library.h"

namespace guard::engine {

bool EngineLibrarySupported() noexcept { return false; }

std::unique_ptr<EngineLibrary> OpenEngineLibrary(const std::vector<std::string>&, const std::string&,
                                                 std::string& problem) {
  problem = "this system has no way to ask one";
  return nullptr;
}

}  // namespace guard::engine
