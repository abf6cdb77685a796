#include "wake_call.h"

#include <utility>

#include "environment.h"
#include "function.h"
#include "read_value.h"

namespace guard::binding {

std::shared_ptr<WakeCall> WakeCall::Make(napi_env env, napi_value function, const char* name) {
  if (!ReadFunction(env, function, name)) return nullptr;
  auto made = std::make_shared<WakeCall>();
  made->env_ = env;
  made->channel_ = OpenChannel(env);
  if (made->channel_ == nullptr || napi_create_reference(env, function, 1, &made->function_) != napi_ok) {
    Throw(env, "This environment is ending.");
    return nullptr;
  }
  return made;
}

void WakeCall::Ask() noexcept {
  if (asked_.exchange(true)) return;
  try {
    channel_->Post([self = shared_from_this()](napi_env env) { self->Call(env); });
  } catch (...) {
    asked_ = false;
  }
}

void WakeCall::Call(napi_env env) {
  asked_ = false;
  napi_value function = nullptr;
  napi_value self = nullptr;
  if (function_ == nullptr || napi_get_reference_value(env, function_, &function) != napi_ok || function == nullptr ||
      napi_get_undefined(env, &self) != napi_ok) {
    return;
  }
  // The channel tells what it throws.
  (void)napi_call_function(env, self, function, 0, nullptr, nullptr);
}

void WakeCall::Forget() noexcept {
  if (function_ != nullptr) (void)napi_delete_reference(env_, std::exchange(function_, nullptr));
}

}  // namespace guard::binding
