// Lets JavaScript silence an engine and read what it would have printed.
#include "../engine_output.h"

#include <string>

#include "exports.h"

namespace guard::binding {

// `engineLog`; its type is `NativeEngineLog` in src/addon/addon.ts.
void DefineEngineOutput(Napi::Env env, Napi::Object exports) {
  Napi::Object log = Napi::Object::New(env);
  log.Set("silence", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            const guard::engine_output::Report report =
                guard::engine_output::Silence(info[0].ToString().Utf8Value().c_str());
            Napi::Object result = Napi::Object::New(info.Env());
            result.Set("loggers", report.loggers);
            result.Set("calls", report.calls);
            result.Set("catches", report.catches);
            result.Set("holds", report.holds);
            return result;
          }));
  log.Set("keep", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            guard::engine_output::Keep(static_cast<guard::engine_output::Level>(info[0].ToNumber().Int32Value()));
          }));
  log.Set("drain", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            Napi::Array lines = Napi::Array::New(info.Env());
            std::uint32_t at = 0;
            guard::engine_output::Level level{};
            char text[guard::engine_output::kMaxText];
            while (guard::engine_output::Take(level, text)) {
              lines[at++] = static_cast<int>(level);
              lines[at++] = static_cast<const char*>(text);
            }
            return lines;
          }));
  log.Set("catchNextThrow", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            guard::engine_output::CatchNextThrow(info[0].ToBoolean().Value());
          }));
  log.Set("holdNextWork",
          Napi::Function::New(env, [](const Napi::CallbackInfo&) { guard::engine_output::HoldNextWork(); }));
  log.Set("startHeldWork", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
            return Napi::Boolean::New(info.Env(), guard::engine_output::StartHeldWork());
          }));
  exports.Set("engineLog", log);
}

}  // namespace guard::binding
