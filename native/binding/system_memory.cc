// Hands the figures of systems that report memory by calls to JavaScript.
#include "../system_memory.h"

#include <string>

#include "exports.h"

namespace guard::binding {
namespace {

// `readMachine(figures)`: returns undefined, or which call failed and how.
Napi::Value Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() != guard::kSystemFigures) {
    Napi::TypeError::New(env, "readMachine: expected a Float64Array of 16").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  double figures[guard::kSystemFigures];
  const guard::FailedCall failed = guard::ReadSystemMemory(figures);
  if (failed.call != nullptr) {
    return Napi::String::New(env, std::string(failed.call) + " failed with " + std::to_string(failed.error));
  }
  Napi::Float64Array target = info[0].As<Napi::Float64Array>();
  for (std::size_t at = 0; at < guard::kSystemFigures; at++) target[at] = figures[at];
  return env.Undefined();
}

}  // namespace

void DefineSystemMemory(Napi::Env env, Napi::Object exports) {
  if (guard::SystemMemorySupported()) exports.Set("readMachine", Napi::Function::New(env, Read, "readMachine"));
}

}  // namespace guard::binding
