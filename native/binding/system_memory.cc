// The figures of systems that tell memory by calls, and their notices of pressure.
#include <memory>
#include <string>

#include "../system_memory.h"
#include "../memory_pressure.h"
#include "exports.h"

namespace guard::binding {
namespace {

// `readMachine(figures)`: undefined, or which call failed and how.
Napi::Value Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() != guard::kMachineFigures) {
    Napi::TypeError::New(env, "readMachine: expected a Float64Array of 16").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  double figures[guard::kMachineFigures];
  const guard::MachineAnswer answer = guard::ReadMachine(figures);
  if (answer.call != nullptr)
    return Napi::String::New(env, std::string(answer.call) + " failed with " + std::to_string(answer.error));
  Napi::Float64Array target = info[0].As<Napi::Float64Array>();
  for (std::size_t at = 0; at < guard::kMachineFigures; at++) target[at] = figures[at];
  return env.Undefined();
}

// `new PressureWatch(changed)`: calls `changed()` on its own thread until `close()`. It doesn't keep the process alive.
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
    // Added after the function's own hook, so it runs before: the watch has ended when the function is taken away.
    hooked_ = napi_add_env_cleanup_hook(env, OnExit, this) == napi_ok;
    watch_ = guard::WatchPressure([](void* self) { static_cast<PressureWatch*>(self)->call_.NonBlockingCall(); }, this);
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

void DefineMachine(Napi::Env env, Napi::Object exports) {
  if (guard::MachineSupported()) exports.Set("readMachine", Napi::Function::New(env, Read, "readMachine"));
  if (guard::PressureSupported()) exports.Set("PressureWatch", PressureWatch::Define(env));
}

}  // namespace guard::binding
