// What the binding to the SDK's library consists of, and the end of the process.
#include "nexa_binding.h"

#include "../nexa/shutdown.h"
#include "../nexa_os.h"
#include "exports.h"

namespace guard::binding {

Napi::Object NexaBinding::Define(Napi::Env env) {
  const auto binding = std::make_shared<NexaBinding>();
  Napi::Object exports = Napi::Object::New(env);
  const auto define = [&](const char* name, Method method) {
    const auto call = [binding, method](const Napi::CallbackInfo& info) { return binding->CallSafely(method, info); };
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  define("open", &NexaBinding::Open);
  define("close", &NexaBinding::Close);
  define("plugins", &NexaBinding::ListPlugins);
  define("devices", &NexaBinding::ListDevices);
  define("load", &NexaBinding::Load);
  define("generate", &NexaBinding::Generate);
  define("stop", &NexaBinding::Stop);
  define("format", &NexaBinding::Format);
  define("reset", &NexaBinding::Reset);
  define("saveKvCache", &NexaBinding::SaveKvCache);
  define("loadKvCache", &NexaBinding::LoadKvCache);
  define("destroy", &NexaBinding::Destroy);
  define("leave", &NexaBinding::Leave);
  return exports;
}

Napi::Value NexaBinding::CallSafely(Method method, const Napi::CallbackInfo& info) {
  try {
    return (this->*method)(info);
  } catch (...) {
    Napi::Error::New(info.Env(), "There is no memory left for this call.").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
}

Channel* NexaBinding::OpenChannel(Napi::Env env) {
  if (channel_ == nullptr) channel_ = Channel::Open(env);
  return channel_.get();
}

// `leave(code)`: the process ends. Nothing reaches this environment from then on.
Napi::Value NexaBinding::Leave(const Napi::CallbackInfo& info) {
  nexa::BeginShutdown(info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0);
  if (channel_ != nullptr) channel_->Close();
  return info.Env().Undefined();
}

void DefineNexa(Napi::Env env, Napi::Object exports) {
  if (nexa::os::LibrariesSupported()) exports.Set("nexa", NexaBinding::Define(env));
}

}  // namespace guard::binding
