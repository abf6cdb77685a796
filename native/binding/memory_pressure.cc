// Hands the system's notices of memory pressure to JavaScript.
#include "../memory_pressure.h"

#include <memory>

#include "exports.h"

namespace guard::binding {
namespace {

// `new PressureWatch(changed)`: calls `changed()` on the environment's thread until `close()`.
// It does not keep the process alive.
class PressureWatch final : public Napi::ObjectWrap<PressureWatch> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "PressureWatch", {InstanceMethod<&PressureWatch::Close>("close")});
  }

  explicit PressureWatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PressureWatch>(info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 1 || !info[0].IsFunction()) {
      Napi::TypeError::New(env, "PressureWatch: expected (changed)").ThrowAsJavaScriptException();
      return;
    }
    call_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "nexa-memory-guard pressure", 1, 1);
    call_.Unref(env);
    // Added after the function's own hook, so that it runs before that hook: the watch ends before the function does.
    hooked_ = napi_add_env_cleanup_hook(env, OnExit, this) == napi_ok;
    watch_ =
        guard::WatchMemoryPressure([](void* self) { static_cast<PressureWatch*>(self)->call_.NonBlockingCall(); }, this);
    if (!watch_) Napi::Error::New(env, "PressureWatch: the system can't be asked").ThrowAsJavaScriptException();
  }

  ~PressureWatch() override { End(); }

 private:
  void Close(const Napi::CallbackInfo&) { End(); }

  static void OnExit(void* self) {
    auto* watch = static_cast<PressureWatch*>(self);
    watch->hooked_ = false;
    watch->End();
  }

  void End() {
    watch_.reset();
    if (hooked_) napi_remove_env_cleanup_hook(Env(), OnExit, this);
    hooked_ = false;
    if (call_) call_.Release();
    call_ = {};
  }

  Napi::ThreadSafeFunction call_;
  bool hooked_ = false;
  std::unique_ptr<guard::PressureWatch> watch_;
};

}  // namespace

void DefineMemoryPressure(Napi::Env env, Napi::Object exports) {
  if (guard::MemoryPressureSupported()) exports.Set("PressureWatch", PressureWatch::Define(env));
}

}  // namespace guard::binding
