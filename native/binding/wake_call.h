// A function of JavaScript that is called because something happened on another thread.
#pragma once

#include <node_api.h>

#include <atomic>
#include <memory>

#include "channel.h"

namespace guard::binding {

class WakeCall : public std::enable_shared_from_this<WakeCall> {
 public:
  // To be called on the environment's thread, as `Forget` is. Null if `function` is none, or if the environment is ending;
  // then an exception is pending, or nobody is left to see one.
  static std::shared_ptr<WakeCall> Make(napi_env env, napi_value function, const char* name);

  // Any thread may call it. Calls the function once, however often this was asked for before the environment's thread got
  // there. It does not keep the process alive, and does nothing if the environment is gone.
  void Ask() noexcept;
  // The function is not called any more.
  void Forget() noexcept;

 private:
  void Call(napi_env env);

  napi_env env_ = nullptr;
  std::shared_ptr<Channel> channel_;
  // Belongs to the environment's thread alone; null once it was forgotten.
  napi_ref function_ = nullptr;
  std::atomic<bool> asked_{false};
};

}  // namespace guard::binding
