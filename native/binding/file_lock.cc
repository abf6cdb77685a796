// Locks of open files for JavaScript.
#include "../file_lock.h"

#include "exports.h"

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

}  // namespace

// `locks`: `tryLock(descriptor)`, `unlock(descriptor)`, `ask(descriptor)`.
void DefineFileLock(Napi::Env env, Napi::Object exports) {
  if (!guard::FileLockSupported()) return;
  using Act = guard::LockAnswer (*)(int) noexcept;
  const auto define = [env](Act act, const char* name) {
    return Napi::Function::New(
        env,
        [act](const Napi::CallbackInfo& info) {
          return Napi::Number::New(info.Env(), ToNumber(act(info[0].ToNumber().Int32Value())));
        },
        name);
  };
  Napi::Object locks = Napi::Object::New(env);
  locks.Set("tryLock", define(guard::TryLock, "tryLock"));
  locks.Set("unlock", define(guard::Unlock, "unlock"));
  locks.Set("ask", define(guard::AskLock, "ask"));
  exports.Set("locks", locks);
}

}  // namespace guard::binding
