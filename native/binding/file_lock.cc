// Locks of open files for JavaScript.
#include "../file_lock.h"

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// 1 if it is ours or free, 0 if another holds it, otherwise the negative error.
int ToNumber(const guard::LockAnswer& answer) {
  switch (answer.state) {
    case guard::LockAnswer::State::kOurs: return 1;
    case guard::LockAnswer::State::kBusy: return 0;
    case guard::LockAnswer::State::kFailed: break;
  }
  return -answer.error;
}

template <guard::LockAnswer (*act)(int) noexcept>
napi_value Act(napi_env env, const Arguments& arguments) {
  std::int32_t descriptor = 0;
  if (!ReadInteger(env, arguments[0], "descriptor", descriptor)) return nullptr;
  return MakeNumber(env, ToNumber(act(descriptor)));
}

}  // namespace

// `locks`: `tryLock(descriptor)`, `unlock(descriptor)`, `ask(descriptor)`.
void DefineFileLock(napi_env env, napi_value exports) noexcept {
  if (!guard::FileLockSupported()) return;
  const napi_value locks = ObjectMaker(env).Value();
  DefineFunction(env, locks, "tryLock", Enter<Act<guard::TryLock>>);
  DefineFunction(env, locks, "unlock", Enter<Act<guard::Unlock>>);
  DefineFunction(env, locks, "ask", Enter<Act<guard::AskLock>>);
  (void)napi_set_named_property(env, exports, "locks", locks);
}

}  // namespace guard::binding
