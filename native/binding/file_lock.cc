// Locks of open files for JavaScript.
#include "../file_lock.h"
#include "exports.h"

namespace guard::binding {

// `locks`: 1 ours or free, 0 busy, a negative errno where the call failed.
void DefineLocks(Napi::Env env, Napi::Object exports) {
  if (!guard::LocksSupported()) return;
  using Act = guard::LockAnswer (*)(int) noexcept;
  const auto define = [env](Act act, const char* name) {
    return Napi::Function::New(
        env,
        [act](const Napi::CallbackInfo& info) {
          const guard::LockAnswer answer = act(info[0].ToNumber().Int32Value());
          const int value = answer.state == guard::LockAnswer::State::kOurs   ? 1
                            : answer.state == guard::LockAnswer::State::kBusy ? 0
                                                                              : -answer.error;
          return Napi::Number::New(info.Env(), value);
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
