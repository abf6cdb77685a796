// Hands the system's notices of memory pressure to JavaScript.
#include "../memory_pressure.h"

#include <atomic>
#include <memory>
#include <utility>

#include "environment.h"
#include "exports.h"
#include "function.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// What is called. The reference belongs to the environment's thread alone, and is null once the watch was closed.
struct Listener {
  napi_ref changed = nullptr;
  // Whether a call is on its way; another one would tell nothing more.
  std::atomic<bool> called{false};
};

void CallListener(napi_env env, Listener& listener) {
  listener.called = false;
  napi_value changed = nullptr;
  napi_value self = nullptr;
  if (listener.changed == nullptr || napi_get_reference_value(env, listener.changed, &changed) != napi_ok ||
      changed == nullptr || napi_get_undefined(env, &self) != napi_ok) {
    return;
  }
  (void)napi_call_function(env, self, changed, 0, nullptr, nullptr);
}

// `new PressureWatch(changed)`: calls `changed()` on the environment's thread until `close()`. It does not keep the process
// alive. When its environment ends, the channel closes first and the object goes later; no call comes in between.
class PressureWatch {
 public:
  static std::unique_ptr<PressureWatch> Make(napi_env env, const Arguments& arguments) {
    if (!ReadFunction(env, arguments[0], "changed")) return nullptr;
    auto made = std::make_unique<PressureWatch>(env);
    made->channel_ = OpenChannel(env);
    if (made->channel_ == nullptr || napi_create_reference(env, arguments[0], 1, &made->listener_->changed) != napi_ok) {
      Throw(env, "This environment is ending.");
      return nullptr;
    }
    made->watch_ = guard::WatchMemoryPressure(OnChange, made.get());
    if (made->watch_ == nullptr) {
      Throw(env, "PressureWatch: the system can't be asked");
      return nullptr;
    }
    return made;
  }

  explicit PressureWatch(napi_env env) : env_(env), listener_(std::make_shared<Listener>()) {}
  ~PressureWatch() { End(); }
  PressureWatch(const PressureWatch&) = delete;
  PressureWatch& operator=(const PressureWatch&) = delete;

  napi_value Close(napi_env, const Arguments&) {
    End();
    return nullptr;
  }

 private:
  // Any thread may call it.
  static void OnChange(void* self) noexcept {
    const auto* watch = static_cast<PressureWatch*>(self);
    if (watch->listener_->called.exchange(true)) return;
    try {
      watch->channel_->Post([listener = watch->listener_](napi_env env) { CallListener(env, *listener); });
    } catch (...) {
      watch->listener_->called = false;
    }
  }

  void End() noexcept {
    watch_.reset();
    if (listener_->changed != nullptr) (void)napi_delete_reference(env_, std::exchange(listener_->changed, nullptr));
  }

  napi_env env_;
  std::shared_ptr<Channel> channel_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<guard::PressureWatch> watch_;
};

}  // namespace

void DefineMemoryPressure(napi_env env, napi_value exports) noexcept {
  if (!guard::MemoryPressureSupported()) return;
  using Class = WrappedClass<PressureWatch>;
  Class::Define<PressureWatch::Make>(env, exports, "PressureWatch",
                                     {Class::DescribeMethod<&PressureWatch::Close>("close")});
}

}  // namespace guard::binding
