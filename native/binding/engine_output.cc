// Lets JavaScript silence an engine and read what it would have printed.
#include <string>

#include "../engine_output.h"
#include "exports.h"

namespace guard::binding {

// `engineLog`, see src/sdk/llama/engine-log.ts.
void DefineEngineLog(Napi::Env env, Napi::Object exports) {
  Napi::Object log = Napi::Object::New(env);
  log.Set("silence", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            const guard::quiet::Report report = guard::quiet::Silence(info[0].ToString().Utf8Value().c_str());
            Napi::Object result = Napi::Object::New(info.Env());
            result.Set("loggers", report.loggers);
            result.Set("calls", report.calls);
            result.Set("catches", report.catches);
            result.Set("holds", report.holds);
            return result;
          }));
  log.Set("keep", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            guard::quiet::Keep(static_cast<guard::quiet::Level>(info[0].ToNumber().Int32Value()));
          }));
  log.Set("drain", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            Napi::Array lines = Napi::Array::New(info.Env());
            std::uint32_t at = 0;
            guard::quiet::Level level{};
            char text[guard::quiet::kMaxText];
            while (guard::quiet::Take(level, text)) {
              lines[at++] = static_cast<int>(level);
              lines[at++] = static_cast<const char*>(text);
            }
            return lines;
          }));
  log.Set("catchNextThrow", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            guard::quiet::CatchNextThrow(info[0].ToBoolean().Value());
          }));
  log.Set("holdNextWork", Napi::Function::New(env, [](const Napi::CallbackInfo&) { guard::quiet::HoldNextWork(); }));
  log.Set("startHeldWork", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            return Napi::Boolean::New(info.Env(), guard::quiet::StartHeldWork());
          }));
  exports.Set("engineLog", log);
}

}  // namespace guard::binding
