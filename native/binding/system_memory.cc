// Hands the figures of systems that report memory by calls to JavaScript.
#include "../system_memory.h"

#include <algorithm>
#include <string>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `readMachine(figures)`: returns undefined, or which call failed and how.
napi_value Read(napi_env env, const Arguments& arguments) {
  NumbersInPlace target;
  if (!FindNumbers(env, arguments[0], "figures", target)) return nullptr;
  if (target.length != guard::kSystemFigures) {
    Refuse(env, arguments[0], "figures", "a Float64Array of 16");
    return nullptr;
  }
  double figures[guard::kSystemFigures];
  const guard::FailedCall failed = guard::ReadSystemMemory(figures);
  if (failed.call != nullptr) {
    return MakeText(env, std::string(failed.call) + " failed with " + std::to_string(failed.error));
  }
  std::copy_n(figures, guard::kSystemFigures, target.data);
  return nullptr;
}

}  // namespace

void DefineSystemMemory(napi_env env, napi_value exports) noexcept {
  if (guard::SystemMemorySupported()) DefineFunction(env, exports, "readMachine", Enter<Read>);
}

}  // namespace guard::binding
