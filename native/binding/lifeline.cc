// Lets JavaScript have its process end with the parent.
#include "../lifeline.h"

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `endWith(descriptor, pid)`: returns whether this process will end with its parent.
napi_value End(napi_env env, const Arguments& arguments) {
  std::int32_t descriptor = 0;
  std::int32_t pid = 0;
  if (!ReadInteger(env, arguments[0], "descriptor", descriptor) || !ReadInteger(env, arguments[1], "pid", pid)) {
    return nullptr;
  }
  // A wrong one would end this process at once.
  if (pid < 1) {
    Refuse(env, arguments[1], "pid", "a number from 1");
    return nullptr;
  }
  return MakeFlag(env, guard::EndWith(descriptor, pid));
}

}  // namespace

void DefineLifeline(napi_env env, napi_value exports) noexcept {
  if (guard::LifelineSupported()) DefineFunction(env, exports, "endWith", Enter<End>);
}

}  // namespace guard::binding
