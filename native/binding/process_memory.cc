// Hands to JavaScript what another process holds.
#include "../process_memory.h"

#include <cmath>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `readProcess(pid)`: returns bytes, or undefined.
napi_value Read(napi_env env, const Arguments& arguments) {
  std::int32_t pid = 0;
  if (!ReadInteger(env, arguments[0], "pid", pid)) return nullptr;
  const double bytes = guard::ReadProcessBytes(pid);
  return std::isnan(bytes) ? nullptr : MakeNumber(env, bytes);
}

}  // namespace

void DefineProcessMemory(napi_env env, napi_value exports) noexcept {
  if (guard::ProcessMemorySupported()) DefineFunction(env, exports, "readProcess", Enter<Read>);
}

}  // namespace guard::binding
